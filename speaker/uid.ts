const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Four numbers of 32 bits; undefined for what is not written as the API server writes it. */
export function uidNumbers(uid: string): readonly [number, number, number, number] | undefined {
  if (!UUID.test(uid)) return undefined;
  const word = (from: number, to: number): number => Number.parseInt(uid.slice(from, to), 16);
  const second = word(9, 13) * 0x10000 + word(14, 18);
  const third = word(19, 23) * 0x10000 + word(24, 28);
  return [word(0, 8), second, third, word(28, 36)];
}

export function uidText(a: number, b: number, c: number, d: number): string {
  const hex = [a, b, c, d].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
