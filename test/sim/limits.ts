import type { Verdict } from './chaos.ts';

/** In milliseconds, for each kind of {@link Verdict}. */
export type Limits = Readonly<Record<'double' | 'heal' | 'lossy' | 'dark', number>>;

/**
 * The detection time is 300 ms, three packets of 100 ms: no two answer for longer, except while packets are lost, since those that tell of an owner may be
 * among them. A process that stood still listens before it answers, and heirs that are lost one after the other add up.
 */
export const LIMITS: Limits = { double: 200, heal: 300, lossy: 800, dark: 1200 };

/** @returns none, or what was wrong and how it came about */
export function problemOf(name: string, { double, heal, lossy, dark, story }: Verdict, limits: Limits = LIMITS): string {
  const isSettled = story.at(-1)?.endsWith('in the end') !== true;
  if (double <= limits.double && heal <= limits.heal && lossy <= limits.lossy && dark <= limits.dark && isSettled) return 'none';
  return `${name}: two answered for ${double} ms (${heal} when joined, ${lossy} with losses), none for ${dark} ms\n${story.join('\n')}`;
}
