export interface Spread {
  readonly median: number;
  /** `12 (10 to 15)`, or `12` where all are alike. */
  readonly text: (digits: number) => string;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
  const [low = NaN, high = NaN] = [sorted[0], sorted.at(-1)];
  return {
    median,
    text: (digits) => {
      const [least, middle, most] = [low, median, high].map((value) => value.toFixed(digits));
      return least === most ? (middle ?? '') : `${middle} (${least} to ${most})`;
    },
  };
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
