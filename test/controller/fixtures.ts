export const NAMESPACE = 'heraldlb-system';

/** Fast enough that a fail-over is a matter of a second or two, slow enough for a machine that is busy. */
export const LEASE = { leaseDurationMs: 2000, renewDeadlineMs: 1400, retryPeriodMs: 250 };
