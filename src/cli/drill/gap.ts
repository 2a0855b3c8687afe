/** One question to the VIP and whether it was answered; times in ms from the start of the drill. */
export interface Sample {
  readonly sentMs: number;
  readonly answered: boolean;
}

export interface Gap {
  readonly samples: number;
  readonly lost: number;
  /** The longest time between an answered question and the next one. */
  readonly longestMs: number;
  /** Of that time: when the last question before it was sent. */
  readonly atMs: number;
  /** Nothing can be told apart that is shorter. */
  readonly resolutionMs: number;
}

/** How long the VIP did not answer at a stretch. @param samples in the order of sending; questions at the end without an answer count */
export function measureGap(samples: readonly Sample[], intervalMs: number): Gap {
  let longest = { longestMs: 0, atMs: 0 };
  let last: number | undefined;
  const end = samples.at(-1)?.sentMs ?? 0;
  const stretch = (untilMs: number): void => {
    const from = last ?? 0;
    if (untilMs - from > longest.longestMs) longest = { longestMs: untilMs - from, atMs: from };
  };
  for (const { sentMs, answered } of samples) {
    if (!answered) continue;
    stretch(sentMs);
    last = sentMs;
  }
  if (samples.some(({ sentMs, answered }) => !answered && sentMs > (last ?? -1))) stretch(end);
  return {
    samples: samples.length,
    lost: samples.filter(({ answered }) => !answered).length,
    ...longest,
    resolutionMs: intervalMs,
  };
}

/** One line for people. A stretch of one interval is no gap at all. */
export function gapText({ samples, lost, longestMs, resolutionMs }: Gap): string {
  if (lost === 0) return `no question of ${samples} was lost (one each ${resolutionMs} ms)`;
  return `${lost} of ${samples} questions were lost, the longest gap is ${Math.round(longestMs)} ms (±${resolutionMs} ms)`;
}
