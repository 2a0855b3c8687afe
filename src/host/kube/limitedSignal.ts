export interface LimitedSignal {
  readonly signal: AbortSignal;
  /** No limit from here on. */
  readonly lift: () => void;
  /** Nothing is left to abort: an abort costs an error with its stack, and a reset of a stream that has ended. */
  readonly finish: () => void;
  /** Ends whatever still goes on under the signal. */
  readonly release: () => void;
}

/** A signal that follows the caller's and a time limit. AbortSignal.any keeps every short-lived signal alive as long as the other. */
export function limitedSignal(outer: AbortSignal | undefined, timeoutMs: number): LimitedSignal {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException('no answer in time', 'TimeoutError')), timeoutMs);
  const follow = (): void => controller.abort(outer?.reason);
  if (outer?.aborted === true) follow();
  outer?.addEventListener('abort', follow, { once: true });
  const finish = (): void => {
    clearTimeout(timer);
    outer?.removeEventListener('abort', follow);
  };
  return {
    signal: controller.signal,
    lift: () => clearTimeout(timer),
    finish,
    release: () => {
      finish();
      controller.abort();
    },
  };
}
