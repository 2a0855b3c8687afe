import type { Logger } from '../log.ts';
import type { KubeMetrics } from '../metrics.ts';
import type { Credentials } from './credentials.ts';
import { createSlicer } from './backoff.ts';
import { createConnection } from './connection.ts';
import { errorFromAnswer, errorFromFailure } from './kubeError.ts';
import { jsonPieces } from './jsonPieces.ts';
import { Limit } from './limit.ts';
import { jsonLines } from './lines.ts';
import { type EachItem, ListStream } from './listStream.ts';
import type { WireAnswer } from './wire.ts';

export interface Call {
  readonly method: string;
  readonly path: string;
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object | undefined;
  /** Default application/json. */
  readonly contentType?: string;
  /** Default application/json. */
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
  /** For the whole answer, or for the headers of a stream. */
  readonly timeoutMs?: number;
  /** It is short, and comes with thousands of its kind. */
  readonly isOneOfMany?: boolean | undefined;
  /** Its body may have megabytes, and is made while it is sent. */
  readonly isLong?: boolean;
  /** Takes the items of the list that is the answer, one by one while they come. Those for which that cannot be are in the answer. What it throws ends the call. */
  readonly eachItem?: EachItem;
}

/** Throws nothing but {@link KubeError}. */
export interface KubeClient {
  readonly request: <T = unknown>(call: Call) => Promise<T>;
  /** The answer as one parsed JSON value per line. Ends when the server ends it; a cut is an error. */
  readonly stream: (call: Call) => Promise<AsyncIterable<unknown>>;
  readonly close: () => Promise<void>;
  /** Undefined before the first call. */
  readonly protocol: () => 'h2' | 'http/1.1' | undefined;
  /** Calls the listener for every HTTP/2 connection that is opened: whoever waits for the server need wait no longer. @returns what ends that */
  readonly onConnected: (listener: () => void) => () => void;
}

export interface KubeClientOptions {
  readonly credentials: Credentials;
  readonly log: Logger;
  readonly userAgent?: string;
  readonly metrics?: KubeMetrics | undefined;
  /** Default of every call. */
  readonly timeoutMs?: number;
}

function pathOf(call: Call): string {
  if (call.query === undefined) return call.path;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query)) if (value !== undefined) query.set(name, value);
  return query.size === 0 ? call.path : `${call.path}?${query.toString()}`;
}

function headersOf({ accept, contentType, body }: Call, userAgent: string, more: Readonly<Record<string, string>>): Record<string, string> {
  const type = body === undefined ? {} : { 'content-type': contentType ?? 'application/json' };
  return { accept: accept ?? 'application/json', 'user-agent': userAgent, ...more, ...type };
}

function bodyOf({ body, isLong }: Call): string | Iterable<string> | undefined {
  if (body === undefined) return undefined;
  return isLong === true ? jsonPieces(body) : JSON.stringify(body);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The process's one connection to the API server. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const { credentials, log, metrics, userAgent = 'heraldlb', timeoutMs: defaultTimeoutMs = 30_000 } = options;
  const connection = createConnection(credentials, log);
  const prefix = new URL(credentials.server).pathname.replace(/\/$/, '');

  const sendOnce = async (call: Call, limit: Limit): Promise<WireAnswer> => {
    const headers = headersOf(call, userAgent, await credentials.headers());
    const wire = await (call.isOneOfMany === true ? connection.wireForMany() : connection.wire());
    return wire.send({ method: call.method, path: prefix + pathOf(call), headers, body: bodyOf(call), limit });
  };

  /** Answers with the open answer of a success; everything else is thrown. */
  const send = async (call: Call, limit: Limit): Promise<WireAnswer> => {
    const action = `${call.method} ${call.path}`;
    let answer = await sendOnce(call, limit);
    if (answer.status === 401) {
      await answer.text();
      credentials.reload();
      answer = await sendOnce(call, limit);
    }
    metrics?.requests.inc({ method: call.method, code: String(answer.status) });
    if (answer.status < 300) return answer;
    const text = await answer.text();
    throw errorFromAnswer(action, answer.status, parsed(text), answer.retryAfter);
  };

  const failed = (call: Call, failure: unknown, limit: Limit): Error => {
    const error = errorFromFailure(`${call.method} ${call.path}`, limit.isOver ? limit.reason : failure);
    if (error.status === 0) metrics?.requests.inc({ method: call.method, code: error.reason });
    return error;
  };

  return {
    protocol: connection.protocol,
    onConnected: connection.onOpened,
    request: async <T>(call: Call): Promise<T> => {
      const limit = new Limit(call.signal, call.timeoutMs ?? defaultTimeoutMs);
      try {
        const answer = await send(call, limit);
        const value = call.eachItem === undefined ? parsed(await answer.text()) : await readList(answer.body, call.eachItem);
        limit.finish();
        return value as T;
      } catch (failure) {
        const error = failed(call, failure, limit);
        limit.release();
        throw error;
      }
    },
    stream: async (call) => {
      const limit = new Limit(call.signal, call.timeoutMs ?? defaultTimeoutMs);
      try {
        const answer = await send(call, limit);
        limit.lift();
        return released(
          jsonLines(answer.body),
          () => limit.release(),
          (failure) => failed(call, failure, limit),
        );
      } catch (failure) {
        const error = failed(call, failure, limit);
        limit.release();
        throw error;
      }
    },
    close: connection.close,
  };
}

async function readList(body: AsyncIterable<Uint8Array>, each: EachItem): Promise<unknown> {
  const list = new ListStream(each);
  const slice = createSlicer();
  for await (const chunk of body) {
    list.push(chunk);
    await slice();
  }
  return list.end();
}

/** Frees what the request holds when the reader stops, for whatever reason. */
async function* released(lines: AsyncIterable<unknown>, release: () => void, wrap: (failure: unknown) => Error): AsyncGenerator {
  try {
    yield* lines;
  } catch (failure) {
    throw wrap(failure);
  } finally {
    release();
  }
}
