const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** As kubectl shows ages: `3d4h`, `12m`. @param since RFC 3339 @returns `` for what is no time */
export function ageText(since: string | undefined, nowMs: number): string {
  const sinceMs = Date.parse(since ?? '');
  return Number.isNaN(sinceMs) ? '' : durationText((nowMs - sinceMs) / 1000);
}

export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const at = UNITS.findIndex(([, size]) => whole >= size);
  const [unit, size] = UNITS[at] ?? UNITS[3];
  const next = UNITS[at + 1];
  const rest = next === undefined ? 0 : Math.floor((whole % size) / next[1]);
  const first = Math.floor(whole / size);
  // The smaller part says little beside a large one.
  return rest === 0 || first >= 10 ? `${first}${unit}` : `${first}${unit}${rest}${next?.[0] ?? ''}`;
}
