import type { Random } from './random.ts';

export const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];
export const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

/** What a field that says a length may say instead. */
export function wrongLength(random: Random, right: number, max: number): number {
  return random.pick([0, 1, right - 1, right + 1, right * 2, max, max - 1, random.below(max + 1)]) & max;
}

/** Changes a few bytes without knowing what they mean. */
export function scramble(random: Random, bytes: number[], from: number): number[] {
  const found = [...bytes];
  for (let rounds = 1 + random.below(3); rounds > 0; rounds--) {
    const at = from + random.below(Math.max(1, found.length - from));
    switch (random.below(5)) {
      case 0:
        found[at] = (found[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 1:
        found[at] = random.byte();
        break;
      case 2:
        found.splice(at, 1 + random.below(4));
        break;
      case 3:
        found.splice(at, 0, ...random.bytes(1 + random.below(4)));
        break;
      default:
        found.length = Math.max(from, at);
    }
  }
  return found.map((byte) => byte & 255);
}
