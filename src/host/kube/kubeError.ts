/** A call to the API server that did not succeed: its answer, or the lack of one. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** `reason` of the Status object; `Unreachable` or `TimedOut` when there was no answer. */
  readonly reason: string;
  /** From the Retry-After header or `details.retryAfterSeconds`. */
  readonly retryAfterMs: number | undefined;
  /** `details` of the Status object: causes, kind, name. */
  readonly details: unknown;

  constructor(facts: { status: number; reason: string; message: string; retryAfterMs?: number | undefined; details?: unknown }) {
    super(facts.message);
    this.status = facts.status;
    this.reason = facts.reason;
    this.retryAfterMs = facts.retryAfterMs;
    this.details = facts.details;
  }
}

interface StatusObject {
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly details?: { readonly retryAfterSeconds?: unknown };
}

/** Caps what an impolite server or proxy may ask for. */
const MAX_RETRY_AFTER_MS = 60_000;

/** RFC 9110 §10.2.3: seconds, or a date (then `nowMs` is the Unix time). Undefined when it is neither. */
export function retryAfterMsOf(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header === '') return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined;
}

/** @param body the parsed Status object, or whatever text a proxy answered with */
export function errorFromAnswer(action: string, status: number, body: unknown, retryAfter: string | undefined): KubeError {
  const object: StatusObject = typeof body === 'object' && body !== null ? body : {};
  const text = typeof object.message === 'string' ? object.message : String(typeof body === 'string' ? body.slice(0, 300) : status);
  const seconds = object.details?.retryAfterSeconds;
  return new KubeError({
    status,
    reason: typeof object.reason === 'string' && object.reason !== '' ? object.reason : `HTTP${status}`,
    message: `${action}: ${status} ${text}`,
    retryAfterMs: retryAfterMsOf(retryAfter, Date.now()) ?? (typeof seconds === 'number' ? seconds * 1000 : undefined),
    details: object.details,
  });
}

/** An ERROR event inside a watch stream carries a Status object. */
export function errorFromStatus(action: string, object: unknown): KubeError {
  const code = typeof object === 'object' && object !== null && 'code' in object ? Number(object.code) : 500;
  return errorFromAnswer(action, Number.isFinite(code) ? code : 500, object, undefined);
}

export function errorFromFailure(action: string, failure: unknown): KubeError {
  if (failure instanceof KubeError) return failure;
  const cause = failure instanceof Error ? failure : new Error(String(failure));
  const timedOut = cause.name === 'TimeoutError';
  return new KubeError({
    status: 0,
    reason: timedOut ? 'TimedOut' : 'Unreachable',
    message: `${action}: ${timedOut ? 'no answer in time' : cause.message || cause.name}`,
  });
}

export function isStatus(error: unknown, status: number): error is KubeError {
  return error instanceof KubeError && error.status === status;
}

export function isNotFound(error: unknown): error is KubeError {
  return isStatus(error, 404);
}

export function isAlreadyExists(error: unknown): error is KubeError {
  return isStatus(error, 409) && error.reason === 'AlreadyExists';
}

/** Somebody else changed the object, or owns the field. */
export function isConflict(error: unknown): error is KubeError {
  return isStatus(error, 409) && error.reason !== 'AlreadyExists';
}

/** The resourceVersion or continue token asked for is too old. */
export function isExpired(error: unknown): error is KubeError {
  return isStatus(error, 410);
}

export function isForbidden(error: unknown): error is KubeError {
  return isStatus(error, 403);
}

/** The same request may succeed later: no answer, throttled, or the server's own trouble. */
export function isRetryable(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false;
  return error.status === 0 || error.status === 401 || error.status === 408 || error.status === 429 || error.status >= 500;
}
