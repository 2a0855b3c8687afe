import type { Limit } from './limit.ts';

/** One HTTP exchange, whatever the protocol below. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** In pieces: as fast as the server takes them, where the protocol can. */
  readonly body?: string | Iterable<string> | undefined;
  readonly limit: Limit;
}

export interface WireAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** All of the body at once, in the place of `body`. */
  readonly text: () => Promise<string>;
  /** Must be read to its end, or the request's limit ended. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Wire {
  readonly protocol: 'h2' | 'http/1.1';
  readonly send: (request: WireRequest) => Promise<WireAnswer>;
  readonly close: () => Promise<void>;
}
