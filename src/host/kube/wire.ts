/** One HTTP exchange, whatever the protocol below. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export interface WireAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** All of the body at once, in the place of `body`. */
  readonly text: () => Promise<string>;
  /** Must be read to its end, or the request's signal aborted. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Wire {
  readonly protocol: 'h2' | 'http/1.1';
  readonly send: (request: WireRequest) => Promise<WireAnswer>;
  readonly close: () => Promise<void>;
}
