import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gzip } from 'node:zlib';
import type { Sink } from '../api/watch.ts';
import type { Tokens } from '../auth/tokens.ts';
import type { Asked, Faults } from '../faults.ts';
import { StatusError } from '../status.ts';
import type { Certificate } from './certificate.ts';
import type { FrontDoor } from './frontDoor.ts';
import type { Answer, Handler, Request } from './handler.ts';
import { decodeProtobuf, isProtobuf } from './protobuf.ts';

/** One line of the request log. */
export interface LoggedRequest extends Asked {
  at: number;
  /** 0 while it is under way, or when no answer was given. */
  status: number;
}

type In = IncomingMessage | Http2ServerRequest;
type Out = ServerResponse | Http2ServerResponse;

/** Answers larger than this are compressed for clients that accept it, as on the real server. */
const compressFrom = 128 * 1024;
const logLength = 20_000;

export interface ServerParts {
  handler: Handler;
  faults: Faults;
  tokens: Tokens;
  door: () => FrontDoor;
  log: LoggedRequest[];
}

async function readBody(request: In): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The body as text; protobuf becomes JSON here, so that nobody further in has to know of it. */
function textBody(contentType: string, body: Buffer): { contentType: string; body: string } {
  if (!isProtobuf(contentType)) return { contentType, body: body.toString('utf8') };
  return { contentType: 'application/json', body: body.length === 0 ? '' : JSON.stringify(decodeProtobuf(body)) };
}

function header(request: In, name: string): string {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : (value ?? '');
}

/** The text of an error no request should be able to cause. */
function internalError(error: unknown): StatusError {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`);
}

function failed(error: unknown): Answer {
  const { status, body, headers } = error instanceof StatusError ? error : internalError(error);
  return { status, body: JSON.stringify(body), type: 'application/json', headers };
}

function sinkOf(response: Out, reset: () => void): Sink {
  const out = response as ServerResponse;
  return { write: (line) => out.write(line), end: () => out.end(), destroy: reset };
}

/** The HTTP server behind the front door. */
export class Server {
  private parts: ServerParts;
  private server: ReturnType<typeof createHttp> | ReturnType<typeof createSecureServer>;
  port = 0;

  constructor(parts: ServerParts, certificate: Certificate | undefined) {
    this.parts = parts;
    const listener = (request: In, response: Out) => void this.handle(request, response);
    this.server =
      certificate === undefined
        ? createHttp({ keepAliveTimeout: 0 }, listener)
        : createSecureServer(
            { key: certificate.key, cert: certificate.cert, allowHTTP1: true, settings: { maxConcurrentStreams: 250 } },
            listener,
          );
    this.server.on('sessionError', () => undefined);
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
    return this.port;
  }

  async close(): Promise<void> {
    if ('closeAllConnections' in this.server) this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async handle(incoming: In, response: Out): Promise<void> {
    const connection = incoming.socket.remotePort ?? 0;
    response.on('error', () => undefined);
    let request: Request;
    let body: Buffer;
    try {
      body = await readBody(incoming);
    } catch {
      return;
    }
    try {
      request = {
        method: incoming.method ?? 'GET',
        url: incoming.url ?? '/',
        authorization: incoming.headers.authorization,
        accept: header(incoming, 'accept'),
        userAgent: header(incoming, 'user-agent'),
        ...textBody(header(incoming, 'content-type'), body),
        connection,
      };
    } catch (error) {
      await send(response, failed(error), false);
      return;
    }
    await this.respond(request, response, header(incoming, 'accept-encoding').includes('gzip'));
  }

  private async respond(request: Request, response: Out, gzipped: boolean): Promise<void> {
    const reset = () => this.parts.door().resetByPort(request.connection);
    const { entry, run } = this.begin(request);
    try {
      const { answer, outcome } = await run();
      if (outcome !== 'serve') {
        reset();
        return;
      }
      entry.status = answer.status;
      if (answer.watch !== undefined) this.stream(answer, response, reset);
      else await send(response, answer, gzipped);
    } catch (error) {
      const failure = error instanceof StatusError ? error : internalError(error);
      entry.status = failure.status;
      const answer: Answer = {
        status: failure.status,
        body: JSON.stringify(failure.body),
        type: 'application/json',
        headers: failure.headers,
      };
      await send(response, answer, false);
    }
  }

  /** Logs a request and says how to run it: faults, authentication, service. */
  begin(request: Request): { entry: LoggedRequest; run: () => Promise<{ answer: Answer; outcome: string }> } {
    const { handler, faults, tokens, log } = this.parts;
    const { route, asked } = handler.asked(request);
    const entry: LoggedRequest = { ...asked, at: Date.now(), status: 0 };
    log.push(entry);
    if (log.length > logLength) log.splice(0, log.length - logLength);
    const run = async () => {
      const user = tokens.authenticate(request.authorization);
      asked.user = user.name;
      entry.user = user.name;
      const outcome = await faults.meet(asked);
      if (outcome === 'reset') return { answer: { status: 0, body: '', type: '', headers: {} }, outcome };
      const answer = await handler.serve(request, route, asked, user);
      return { answer, outcome };
    };
    return { entry, run };
  }

  private stream(answer: Answer, response: Out, reset: () => void): void {
    const out = response as ServerResponse;
    let started = false;
    const sink = sinkOf(response, reset);
    // The head goes out with the first line or at once after it, so that a refusal can still have a code of its own.
    const open = () => {
      if (started) return;
      started = true;
      out.writeHead(200, { 'content-type': answer.type, 'cache-control': 'no-cache, private' });
    };
    const watch = answer.watch?.({
      ...sink,
      write: (line) => {
        open();
        sink.write(line);
      },
      end: () => {
        open();
        sink.end();
      },
    }) as unknown as { stop: () => void };
    open();
    if ('flushHeaders' in response) response.flushHeaders();
    response.on('close', () => watch.stop());
  }
}

async function send(response: Out, answer: Answer, gzipped: boolean): Promise<void> {
  const out = response as ServerResponse;
  const headers: Record<string, string> = {
    'content-type': answer.type,
    'cache-control': 'no-cache, private',
    'audit-id': 'kubelab',
    ...answer.headers,
  };
  let body: Buffer = Buffer.from(answer.body);
  if (gzipped && body.length > compressFrom) {
    body = await new Promise<Buffer>((resolve, reject) => {
      gzip(body, { level: 1 }, (error, result) => (error === null ? resolve(result) : reject(error)));
    });
    headers['content-encoding'] = 'gzip';
    headers['vary'] = 'Accept-Encoding';
  }
  headers['content-length'] = String(body.length);
  if (out.headersSent || out.destroyed) return;
  out.writeHead(answer.status, headers);
  out.end(body);
}
