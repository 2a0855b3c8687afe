import type { DrainTrigger } from './drain.ts';

const PLAIN = ['cordon', 'label', 'deletion', 'shutdown'] as const;
const TAINT = 'taint:';
/** Kubernetes' qualified names: an optional DNS name, a slash, and at most 63 characters. */
const TAINT_KEY = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** What `--drain-on` says: a list, or `none`. @returns a sentence for whoever wrote it where it is not understood */
export function parseDrainTriggers(list: string): readonly DrainTrigger[] | { readonly fault: string } {
  const words = list.split(',').map((word) => word.trim());
  if (words.length === 1 && words[0] === 'none') return [];
  const triggers: DrainTrigger[] = [];
  for (const word of words) {
    const trigger = parseTrigger(word);
    if (typeof trigger === 'object' && 'fault' in trigger) return trigger;
    triggers.push(trigger);
  }
  return triggers;
}

function parseTrigger(word: string): DrainTrigger | { readonly fault: string } {
  const plain = PLAIN.find((name) => name === word);
  if (plain !== undefined) return plain;
  if (word === '') return { fault: 'an entry is empty; `none` is for no trigger at all' };
  if (word === 'none') return { fault: '`none` stands alone' };
  if (!word.startsWith(TAINT)) return { fault: `\`${word}\` is none of ${PLAIN.join(', ')}, taint:KEY and none` };
  const key = word.slice(TAINT.length);
  return TAINT_KEY.test(key) ? { taint: key } : { fault: `\`${key}\` is no key of a taint` };
}

/** As it is written on the command line. */
export function drainTriggersText(triggers: readonly DrainTrigger[]): string {
  if (triggers.length === 0) return 'none';
  return triggers.map((trigger) => (typeof trigger === 'string' ? trigger : `${TAINT}${trigger.taint}`)).join(',');
}
