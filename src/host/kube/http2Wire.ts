import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { TlsOptions } from './credentials.ts';
import { joined } from './lines.ts';
import { openTls } from './tls.ts';
import type { Wire, WireAnswer, WireRequest } from './wire.ts';

/** A connection over which a PING (RFC 9113 §6.7) has had no answer for this long is dead, data or none. */
const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 9000;
/** When a request had no answer in time, the connection itself is the first suspect. */
const SUSPECT_TIMEOUT_MS = 2000;
/** Room for a page of a list in flight; the protocol's 64 KB make one round trip of each 64 KB. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Destroys a session that leaves a PING unanswered. */
function probe(session: ClientHttp2Session, timeoutMs: number): void {
  if (session.destroyed) return;
  const timer = setTimeout(() => session.destroy(new Error('no answer to an HTTP/2 PING')), timeoutMs);
  try {
    session.ping(() => clearTimeout(timer));
  } catch {
    clearTimeout(timer);
  }
}

function watchOver(session: ClientHttp2Session): void {
  const interval = setInterval(() => probe(session, PING_TIMEOUT_MS), PING_INTERVAL_MS);
  session.once('close', () => clearInterval(interval));
}

function startSession(server: URL, socket: TLSSocket): ClientHttp2Session {
  const session = connectHttp2(server.origin, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
  });
  session.once('connect', () => session.setLocalWindowSize(4 * WINDOW_BYTES));
  // Each stream reports the failure to its own caller.
  session.on('error', () => {});
  watchOver(session);
  return session;
}

function headersOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders & { ':status'?: number }> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('the connection was closed before an answer')));
  });
}

async function exchange(session: ClientHttp2Session, { method, path, headers, body, signal }: WireRequest): Promise<WireAnswer> {
  if (signal.aborted) throw new Error('given up before it was sent');
  const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
  // One listener in place of Node's option: that costs as much as all else of a short request.
  const giveUp = (): void => {
    stream.destroy(new Error('given up'));
    if (signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError') probe(session, SUSPECT_TIMEOUT_MS);
  };
  signal.addEventListener('abort', giveUp, { once: true });
  if (body !== undefined) stream.end(body);
  const answer = await headersOf(stream);
  return {
    status: answer[':status'] ?? 0,
    retryAfter: answer['retry-after'],
    text: () => wholeText(stream),
    body: { [Symbol.asyncIterator]: () => untilReset(stream) },
  };
}

/** Listeners, where an iterator over the stream would cost several times as much for an answer of a few kilobytes. */
function wholeText(stream: ClientHttp2Stream): Promise<string> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed) reject(new Error(CUT));
    const chunks: Uint8Array[] = [];
    stream.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    stream.once('end', () => {
      if (stream.aborted) reject(new Error(CUT));
      else resolve(joined(chunks));
    });
    stream.once('error', reject);
    stream.once('close', () => reject(new Error(CUT)));
  });
}

const CUT = 'the stream was cut';

/** A stream that is reset with NO_ERROR or CANCEL, or whose session goes away, just ends in Node; here it is an error. */
async function* untilReset(stream: ClientHttp2Stream): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield chunk as Uint8Array;
  if (!stream.readableEnded || stream.aborted) throw new Error(CUT);
}

/**
 * HTTP/2 over one connection, opened anew when it is lost or the server says GOAWAY; streams on the old one may finish.
 * @param opened called for every further connection
 */
export function createHttp2Wire(server: URL, tls: () => Promise<TlsOptions>, first: TLSSocket, opened: () => void): Wire {
  const sessions = new Set<ClientHttp2Session>();
  let current: Promise<ClientHttp2Session> | undefined;

  const adopt = (socket: TLSSocket): ClientHttp2Session => {
    const session = startSession(server, socket);
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    return session;
  };

  const open = async (): Promise<ClientHttp2Session> => {
    const session = adopt(await openTls(server, await tls(), ['h2', 'http/1.1']));
    opened();
    return session;
  };

  const usable = async (): Promise<ClientHttp2Session> => {
    const known = current;
    const session = await known?.catch(() => undefined);
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    // Of several callers that find the session lost, the first opens the next one.
    if (current === known || current === undefined) current = open();
    return current;
  };

  current = Promise.resolve(adopt(first));
  return {
    protocol: 'h2',
    send: async (request) => exchange(await usable(), request),
    close: async () => {
      for (const session of sessions) session.destroy();
    },
  };
}
