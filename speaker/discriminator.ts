/** RFC 5880 §6.8.1: unique on this system, not 0; random, so that nobody guesses it. */
export function freeDiscriminator(random: () => number, taken: ReadonlyMap<number, unknown>): number {
  let candidate = Math.floor(random() * 0xffffffff) + 1;
  while (taken.has(candidate)) candidate = (candidate % 0xffffffff) + 1;
  return candidate;
}
