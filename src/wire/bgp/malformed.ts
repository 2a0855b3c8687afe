import type { OnShort } from '../cursor.ts';
import { ErrorCode, HEADER_LENGTH, HeaderError, MAX_MESSAGE, OpenError, RouteRefreshError, UpdateError } from './iana.ts';

/**
 * What RFC 7606 §2 wants done, worst first. Only faults of an UPDATE have another action than `session-reset`.
 * `afi-disable` is never chosen by this decoder: it resets instead, which the RFC allows.
 */
export type FaultAction = 'session-reset' | 'afi-disable' | 'treat-as-withdraw' | 'attribute-discard';

/** A message, or a part of one, that breaks the protocol: the NOTIFICATION it deserves, and what to do. */
export interface Malformed {
  readonly kind: 'malformed';
  readonly code: number;
  readonly subcode: number;
  /** Data field of the NOTIFICATION, as far as it fits into one. */
  readonly data: Uint8Array;
  readonly action: FaultAction;
}

const NOTHING = new Uint8Array(0);
/**
 * What a NOTIFICATION of 4,096 bytes has room for. A message that is quoted whole may be as large as that, or larger (RFC 8654),
 * and a peer that has sent too much is no peer to count on taking as much back.
 */
const MAX_DATA = MAX_MESSAGE - HEADER_LENGTH - 2;

/**
 * The only thing that the decoders throw. It never leaves `src/wire`. Not an Error: the stack that an Error takes down costs more
 * than all the rest of a faulty message, and a peer may send nothing but faulty ones.
 */
export class MalformedError {
  readonly malformed: Malformed;

  constructor(malformed: Malformed) {
    this.malformed = malformed;
  }
}

/** The one place that catches. */
export function attempt<T>(decode: () => T): T | Malformed {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedError) return error.malformed;
    throw error;
  }
}

export function isMalformed(value: object): value is Malformed {
  return 'kind' in value && value.kind === 'malformed';
}

export function malformed(code: number, subcode: number, data: Uint8Array = NOTHING, action: FaultAction = 'session-reset'): Malformed {
  return { kind: 'malformed', code, subcode, data: data.slice(0, MAX_DATA), action };
}

export function failHeader(subcode: (typeof HeaderError)[keyof typeof HeaderError], data?: Uint8Array): never {
  throw new MalformedError(malformed(ErrorCode.header, subcode, data));
}

export function failOpen(subcode: (typeof OpenError)[keyof typeof OpenError], data?: Uint8Array): never {
  throw new MalformedError(malformed(ErrorCode.open, subcode, data));
}

/** RFC 4271 §6.2: an optional parameter that is recognised but malformed is Unspecific. */
export const openTooShort: OnShort = () => failOpen(OpenError.unspecific);

export function failUpdate(subcode: (typeof UpdateError)[keyof typeof UpdateError], action: FaultAction, data?: Uint8Array): never {
  throw new MalformedError(malformed(ErrorCode.update, subcode, data, action));
}

/** RFC 7313 §5: the data is the whole message, where that fits. */
export function failRouteRefresh(message: Uint8Array): never {
  throw new MalformedError(malformed(ErrorCode.routeRefresh, RouteRefreshError.invalidLength, message));
}
