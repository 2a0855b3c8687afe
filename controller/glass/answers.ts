import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzip } from 'node:zlib';
import type { Asset } from './page.ts';

/** On every answer. No inline script or style, nothing from elsewhere, in nobody's frame. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
};

export function secure(response: ServerResponse): void {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
}

/** @param cache absent: nobody keeps it */
export function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset, cache?: string): void {
  response.setHeader('cache-control', cache ?? 'no-store');
  response.setHeader('vary', 'accept-encoding');
  response.setHeader('etag', asset.tag);
  if (request.headers['if-none-match'] === asset.tag) {
    response.writeHead(304).end();
    return;
  }
  const accepted = request.headers['accept-encoding'] ?? '';
  const [encoding, body] = /\bbr\b/.test(accepted)
    ? ['br', asset.brotli]
    : /\bgzip\b/.test(accepted)
      ? ['gzip', asset.gzip]
      : [undefined, asset.plain];
  if (encoding !== undefined) response.setHeader('content-encoding', encoding);
  response.writeHead(200, { 'content-type': asset.type, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${text}\n`);
}

export function sendHtml(request: IncomingMessage, response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? undefined : html);
}

export function sendJson(request: IncomingMessage, response: ServerResponse, value: unknown): void {
  const text = JSON.stringify(value);
  response.setHeader('content-type', 'application/json');
  response.setHeader('cache-control', 'no-store');
  response.setHeader('vary', 'accept-encoding');
  if (request.method === 'HEAD' || !/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
    response.end(request.method === 'HEAD' ? undefined : text);
    return;
  }
  gzip(text, (error, bytes) => {
    if (error !== null) response.destroy(error);
    else response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bytes.length }).end(bytes);
  });
}

export function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, 'cache-control': 'no-store' }).end();
}

/** @returns undefined when it is longer than `maximum` */
export async function readBody(request: IncomingMessage, maximum: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maximum) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
