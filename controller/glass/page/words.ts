import { h } from './dom.ts';
import type { Severity, Usage, VipState } from '../../../src/glass/view.ts';

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
];

/** `3 h`; the moment itself is the title. */
export function ago(at: string): HTMLElement {
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) return h('span', { class: 'dim' }, '–');
  const seconds = Math.max(0, Math.round((Date.now() - ms) / 1000));
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? ['s', 1];
  return h('time', { datetime: at, title: new Date(ms).toLocaleString() }, `${Math.floor(seconds / size)} ${unit}`);
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

/** Numbers that are too large to read one by one. */
export function large(number: number): string {
  if (number >= Number.MAX_SAFE_INTEGER) return 'no end of';
  return number < 1_000_000 ? number.toLocaleString('en') : Intl.NumberFormat('en', { notation: 'compact' }).format(number);
}

export type Tone = 'good' | 'warn' | 'bad' | 'calm';

/** A state is told by its word and a shape, and not by colour alone. */
export function badge(tone: Tone, text: string): HTMLElement {
  return h('span', { class: `badge ${tone}` }, text);
}

export const SEVERITY: Readonly<Record<Severity, Tone>> = { error: 'bad', warning: 'warn', info: 'calm' };

const VIP: Readonly<Record<VipState, readonly [Tone, string]>> = {
  announced: ['good', 'announced'],
  partly: ['warn', 'partly'],
  contested: ['warn', 'two owners'],
  silent: ['bad', 'not announced'],
};

export function vipBadge(state: VipState): HTMLElement {
  return badge(...VIP[state]);
}

export function vipTone(state: VipState): Tone {
  return VIP[state][0];
}

export function sessionTone(state: string): Tone {
  return state === 'Established' ? 'good' : 'bad';
}

export function reasonLink(docs: string, { reason, anchor }: { readonly reason: string; readonly anchor: string }): HTMLElement {
  const props = { class: 'reason', href: `${docs}#${anchor}`, target: '_blank', rel: 'noopener noreferrer' };
  return h('a', { ...props, title: 'What it means, and what to do next' }, reason);
}

/** As the problems are found: nearly full is a warning. */
export function fullTone(part: number): Tone {
  if (part >= 1) return 'bad';
  return part >= 0.9 ? 'warn' : 'good';
}

/** A bar with its numbers in words. */
export function usageBar(label: string, { used, free }: Usage): HTMLElement {
  const part = used + free === 0 ? 0 : used / (used + free);
  const tone = fullTone(part);
  return bar(label, part, tone, `${large(used)} used, ${large(free)} free`);
}

export function bar(label: string, part: number, tone: Tone, text: string): HTMLElement {
  const filled = h('span', { class: `fill ${tone}` });
  filled.style.inlineSize = `${Math.min(100, part > 0 ? Math.max(part * 100, 1.5) : 0)}%`;
  return h(
    'div',
    { class: 'usage' },
    h('span', { class: 'usage-label' }, label),
    h('span', { class: 'track', 'aria-hidden': 'true' }, filled),
    h('span', { class: 'usage-text' }, text),
  );
}
