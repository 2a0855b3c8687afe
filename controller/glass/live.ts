import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Gzip, constants, createGzip } from 'node:zlib';
import { diff } from '../../src/glass/diff.ts';
import type { Snapshot } from '../../src/glass/view.ts';

const MAX_READERS = 32;
/** Proxies close what is silent for a minute. */
const BEAT_MS = 15_000;
/** A reader that takes nothing for so long is gone, or means no good. */
const STALLED_MS = 30_000;

export interface LiveTiming {
  readonly beatMs: number;
  readonly stalledMs: number;
}

/** The event that brings a reader up to date from what it has; undefined: it is. */
type Next = (sent: Snapshot | undefined) => { readonly snapshot: Snapshot; readonly event: string } | undefined;

/**
 * Everybody who reads along, by server-sent events. A reader gets the whole once and then what changed since what it got last;
 * while it has not taken that, nothing is kept for it. So a slow reader costs one event, and gets fewer and larger ones.
 */
export class Live {
  readonly #readers = new Set<Reader>();
  readonly #timer: NodeJS.Timeout;
  readonly #stalledMs: number;
  #latest: Snapshot | undefined;
  /** Events are made once for all who are in step. */
  readonly #events = new Map<Snapshot | undefined, string>();

  constructor({ beatMs, stalledMs }: LiveTiming = { beatMs: BEAT_MS, stalledMs: STALLED_MS }) {
    this.#stalledMs = stalledMs;
    this.#timer = setInterval(() => this.#beat(), beatMs);
    this.#timer.unref();
  }

  size(): number {
    return this.#readers.size;
  }

  tell(snapshot: Snapshot): void {
    this.#latest = snapshot;
    this.#events.clear();
    for (const reader of this.#readers) reader.offer();
  }

  /** @param validUntilMs on the clock of performance.now() @returns false when there are too many already */
  open(request: IncomingMessage, response: ServerResponse, validUntilMs: number): boolean {
    if (this.#readers.size >= MAX_READERS) return false;
    const reader = new Reader(request, response, validUntilMs, (sent) => this.#next(sent));
    this.#readers.add(reader);
    response.once('close', () => {
      this.#readers.delete(reader);
      reader.end();
    });
    reader.offer();
    return true;
  }

  /** Ends every stream; whoever wants to read on comes again. */
  hangUp(): void {
    for (const reader of this.#readers) reader.end();
  }

  close(): void {
    clearInterval(this.#timer);
    this.hangUp();
  }

  #next(sent: Snapshot | undefined): ReturnType<Next> {
    const snapshot = this.#latest;
    if (snapshot === undefined || snapshot === sent) return undefined;
    const event = this.#events.get(sent) ?? eventOf(sent, snapshot);
    this.#events.set(sent, event);
    return { snapshot, event };
  }

  #beat(): void {
    const nowMs = performance.now();
    for (const reader of this.#readers) reader.beat(nowMs, this.#stalledMs);
  }
}

function eventOf(before: Snapshot | undefined, after: Snapshot): string {
  const [name, data] = before === undefined ? ['snapshot', after] : ['patch', diff(before, after)];
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

class Reader {
  readonly #response: ServerResponse;
  readonly #gzip: Gzip | undefined;
  readonly #validUntilMs: number;
  readonly #next: Next;
  #sent: Snapshot | undefined;
  /** Since when something is on its way. */
  #busySinceMs: number | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, validUntilMs: number, next: Next) {
    this.#response = response;
    this.#validUntilMs = validUntilMs;
    this.#next = next;
    const takesGzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      ...(takesGzip ? { 'content-encoding': 'gzip' } : {}),
    });
    response.flushHeaders();
    response.on('error', () => this.end());
    if (!takesGzip) return;
    // Small windows: there may be many readers, and what changes is little.
    this.#gzip = createGzip({ level: 6, memLevel: 7 });
    this.#gzip.on('error', () => response.destroy());
  }

  offer(): void {
    if (this.#busySinceMs !== undefined) return;
    const next = this.#next(this.#sent);
    if (next === undefined) return;
    this.#sent = next.snapshot;
    this.#write(next.event);
  }

  beat(nowMs: number, stalledMs: number): void {
    if (nowMs > this.#validUntilMs || (this.#busySinceMs !== undefined && nowMs - this.#busySinceMs > stalledMs)) this.#response.destroy();
    else if (this.#busySinceMs === undefined) this.#write(': beat\n\n');
  }

  end(): void {
    this.#gzip?.close();
    this.#response.destroy();
  }

  #write(text: string): void {
    this.#busySinceMs = performance.now();
    const taken = (error?: Error | null): void => {
      if (error != null) return;
      this.#busySinceMs = undefined;
      this.offer();
    };
    if (this.#gzip === undefined) this.#response.write(text, taken);
    else compress(this.#gzip, text, (bytes) => this.#response.write(bytes, taken));
  }
}

function compress(gzip: Gzip, text: string, done: (bytes: Buffer) => void): void {
  const chunks: Buffer[] = [];
  const collect = (chunk: Buffer): void => void chunks.push(chunk);
  gzip.on('data', collect);
  gzip.write(text);
  gzip.flush(constants.Z_SYNC_FLUSH, () => {
    gzip.off('data', collect);
    done(Buffer.concat(chunks));
  });
}
