import { type Raw, integer, items, record, text } from '../../cluster/json.ts';
import { given } from './sourceObject.ts';

/** Cilium's names that are not ours. */
const WELL_KNOWN: Readonly<Record<string, string>> = {
  internet: '0:0',
  'planned-shut': '65535:0',
  'accept-own': '65535:1',
  'route-filter-translated-v4': '65535:2',
  'route-filter-v4': '65535:3',
  'route-filter-translated-v6': '65535:4',
  'route-filter-v6': '65535:5',
  'llgr-stale': '65535:6',
  'no-llgr': '65535:7',
  blackhole: '65535:666',
  'no-export': '65535:65281',
  'no-advertise': '65535:65282',
  'no-export-subconfed': '65535:65283',
  'no-peer': '65535:65284',
};

/** Communities and preference, as an advertisement of ours has them. */
export function attributesOf(raw: Raw): { readonly communities?: readonly string[]; readonly localPref?: number } {
  const communities = record(raw['communities']) ?? {};
  const of = (name: string): string[] => items(communities[name]).flatMap((one) => text(one) ?? []);
  const all = [
    ...of('standard').map(standard),
    ...of('wellKnown').map((name) => WELL_KNOWN[name] ?? name),
    ...of('large').map((value) => `large:${value}`),
  ];
  return given({ communities: all.length === 0 ? undefined : [...new Set(all)], localPref: integer(raw['localPreference']) });
}

/** Two halves, also where one number of 32 bits is written. */
function standard(value: string): string {
  if (value.includes(':')) return value;
  const number = Number(value);
  return `${Math.floor(number / 65_536)}:${number % 65_536}`;
}
