import { Agent, type AgentOptions, type ClientRequestArgs, type IncomingMessage, request as startRequest } from 'node:http';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from './credentials.ts';
import { joined } from './lines.ts';
import { openTls } from './tls.ts';
import type { Wire, WireAnswer, WireRequest } from './wire.ts';

/** The kernel's probes find a dead peer behind an idle connection after this long. */
const KEEP_ALIVE_DELAY_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A connection that nobody needs is closed. */
const IDLE_MS = 30_000;

type Connected = (error: Error | null, socket?: Duplex) => void;

/** Makes the connections, with what the credentials are at that moment. */
class Connections extends Agent {
  readonly #server: URL;
  readonly #tls: () => Promise<TlsOptions>;

  constructor(server: URL, tls: () => Promise<TlsOptions>, options: AgentOptions) {
    super(options);
    this.#server = server;
    this.#tls = tls;
  }

  override createConnection(_: ClientRequestArgs, connected: Connected): undefined {
    this.#connect().then(
      (socket) => connected(null, socket),
      (error: unknown) => connected(error instanceof Error ? error : new Error(String(error))),
    );
  }

  async #connect(): Promise<Duplex> {
    const { protocol, hostname, port } = this.#server;
    if (protocol === 'https:') return openTls(this.#server, await this.#tls(), ['http/1.1']);
    const socket = connectTcp({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    const timer = setTimeout(() => socket.destroy(new Error('no connection in time')), CONNECT_TIMEOUT_MS);
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('close', () => clearTimeout(timer));
      socket.once('connect', () => {
        clearTimeout(timer);
        resolve(socket);
      });
    });
  }
}

/** HTTP/1.1 over one pool of kept connections. Time limits are the caller's, by its signal. */
export function createHttp1Wire(server: URL, tls: () => Promise<TlsOptions>): Wire {
  const agent = new Connections(server, tls, { keepAlive: true, timeout: IDLE_MS });
  return {
    protocol: 'http/1.1',
    send: (call) => exchange(agent, server, call),
    close: async () => agent.destroy(),
  };
}

async function exchange(agent: Agent, server: URL, { method, path, headers, body, signal }: WireRequest): Promise<WireAnswer> {
  if (signal.aborted) throw new Error('given up before it was sent');
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = startRequest({ agent, method, path, headers: { ...headers, host: server.host } });
    // An answer may be long in coming, and a watch be silent for longer.
    request.setTimeout(0);
    const giveUp = (): void => void request.destroy(new Error('given up'));
    signal.addEventListener('abort', giveUp, { once: true });
    request.once('close', () => signal.removeEventListener('abort', giveUp));
    request.once('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
  return {
    status: answer.statusCode ?? 0,
    retryAfter: answer.headers['retry-after'],
    text: () => wholeText(answer),
    body: answer,
  };
}

function wholeText(answer: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    if (answer.destroyed) reject(new Error(CUT));
    const chunks: Uint8Array[] = [];
    answer.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    answer.once('end', () => resolve(joined(chunks)));
    answer.once('error', reject);
    answer.once('close', () => reject(new Error(CUT)));
  });
}

const CUT = 'the answer was cut';
