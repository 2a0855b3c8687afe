import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Server, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { record } from '../../src/cluster/json.ts';
import type { Logger } from '../../src/host/log.ts';
import type { WebhookCertificate } from './certificate.ts';
import type { ReviewResponse } from './review.ts';

export interface WebhookServerOptions {
  readonly port: number;
  readonly host: string;
  readonly certificate: WebhookCertificate;
  /** @throws Error for what is no AdmissionReview */
  readonly answer: (review: unknown) => ReviewResponse;
  readonly log: Logger;
}

export interface WebhookServer {
  readonly port: number;
  /** From the next connection on. */
  readonly use: (certificate: WebhookCertificate) => void;
  readonly close: () => Promise<void>;
}

/** etcd takes no object beyond 1.5 MiB; a review carries two. */
const MAX_BODY = 4 * 1024 * 1024;
const PATH = '/validate';

/** Answers the API server. Nothing that is sent to it ends the process; a fault of ours is an error the API server may ignore. */
export async function startWebhookServer({ port, host, certificate, answer, log }: WebhookServerOptions): Promise<WebhookServer> {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url?.split('?')[0] !== PATH || request.method !== 'POST') return end(response, 404, 'POST /validate');
    const body = await read(request);
    if (body === undefined) return end(response, 413, `more than ${MAX_BODY} bytes`);
    let said: ReviewResponse;
    let review: unknown;
    try {
      review = JSON.parse(body);
      said = answer(review);
    } catch (error) {
      return end(response, 400, error instanceof Error ? error.message : String(error));
    }
    if (!said.allowed) log.info({ uid: said.uid, reason: said.status?.reason, message: said.status?.message }, 'a write was refused');
    const apiVersion = record(review)?.['apiVersion'] ?? 'admission.k8s.io/v1';
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ apiVersion, kind: 'AdmissionReview', response: said }));
  };

  const server: Server = createServer(contextOf(certificate), (request, response) => {
    respond(request, response).catch((error: unknown) => {
      log.error({ err: error }, 'a review failed');
      if (!response.headersSent) end(response, 500, 'internal error');
      else response.destroy();
    });
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 15_000;
  server.on('tlsClientError', (error) => log.debug({ err: error }, 'a TLS handshake failed'));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === '' ? {} : { host }) }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    use: (next) => server.setSecureContext(contextOf(next)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function contextOf({ certificate, key }: WebhookCertificate): { cert: string; key: string; minVersion: 'TLSv1.2' } {
  return { cert: certificate, key, minVersion: 'TLSv1.2' };
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${text}\n`);
}

async function read(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
