import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { unreadCause } from '../../src/view/unread.ts';
import type { Move, Snapshot } from '../../src/glass/view.ts';
import { KubeError } from '../../src/host/kube/kubeError.ts';
import type { Logger } from '../../src/host/log.ts';
import type { Access, Admission, Visitor } from './access.ts';
import { readBody, redirect, secure, sendAsset, sendHtml, sendJson, sendText } from './answers.ts';
import type { Live } from './live.ts';
import type { Page } from './page.ts';

export interface GlassServerOptions {
  readonly port: number;
  readonly host: string;
  readonly page: Page;
  readonly live: Live;
  readonly latest: () => Snapshot | undefined;
  readonly moves: (address: string) => readonly Move[];
  /** Which lists are not in, before the first snapshot. */
  readonly missing?: () => readonly string[];
  /** Absent: everybody may look who can connect. */
  readonly access: Access | undefined;
  readonly log: Logger;
}

export interface GlassServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

const COOKIE = 'heraldlb-glass';
const MAX_BODY = 32_768;
const MAX_CONNECTIONS = 256;
const ANYBODY: Visitor = { user: '', validUntilMs: Number.POSITIVE_INFINITY };
const YEAR = 'public, max-age=31536000, immutable';

/** Serves the page and what it shows. Nothing can be changed through it: all but the login is GET. */
export async function startGlassServer(options: GlassServerOptions): Promise<GlassServer> {
  const { port, host, log } = options;
  const desk = new Desk(options);
  const server = createServer({ maxHeaderSize: 32_768 }, (request, response) => {
    response.on('error', (error) => log.debug({ err: error }, 'an answer of the looking glass was not taken'));
    desk.answer(request, response).catch((error: unknown) => {
      const isKube = error instanceof KubeError;
      log[isKube ? 'warn' : 'error']({ err: error }, 'a request to the looking glass failed');
      if (response.headersSent) response.destroy();
      else sendText(response, isKube ? 503 : 500, isKube ? 'the API server cannot be asked' : 'internal error');
    });
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 15_000;
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === '' ? {} : { host }) }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Answer = (request: IncomingMessage, response: ServerResponse, url: URL, visitor: Visitor) => void;

class Desk {
  readonly #options: GlassServerOptions;
  /** For everybody: there is nothing of the cluster in it. */
  readonly #open: Readonly<Record<string, Answer>>;
  readonly #closed: Readonly<Record<string, Answer>>;

  constructor(options: GlassServerOptions) {
    this.#options = options;
    const { page, live, latest, moves, missing = () => [] } = options;
    const kept =
      (name: 'app.js' | 'app.css' | 'icon.svg'): Answer =>
      (request, response, url) =>
        sendAsset(request, response, page[name], url.searchParams.has('v') ? YEAR : 'no-cache');
    this.#open = {
      '/app.js': kept('app.js'),
      '/app.css': kept('app.css'),
      '/icon.svg': kept('icon.svg'),
      '/docs/troubleshoot': (request, response) => sendAsset(request, response, page['docs.html'], 'no-cache'),
    };
    this.#closed = {
      '/': (request, response) => sendAsset(request, response, page['index.html']),
      '/api/snapshot': (request, response) => {
        const snapshot = latest();
        if (snapshot === undefined) sendText(response, 503, unreadText(missing()));
        else sendJson(request, response, snapshot);
      },
      '/api/history': (request, response, url) => {
        const address = url.searchParams.get('address') ?? '';
        if (isIP(address) === 0) sendText(response, 400, 'address: an IP address is wanted');
        else sendJson(request, response, { address, moves: moves(address) });
      },
      '/api/live': (request, response, _, visitor) => {
        if (request.method === 'HEAD') response.writeHead(200, { 'content-type': 'text/event-stream' }).end();
        else if (!live.open(request, response, visitor.validUntilMs)) {
          response.setHeader('retry-after', '30');
          sendText(response, 503, 'too many readers');
        }
      },
    };
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    secure(response);
    const url = urlOf(request.url);
    if (url === undefined) return sendText(response, 400, 'bad request');
    if (this.#options.access === undefined && !isHere(request)) return sendText(response, 421, 'this name is not mine');
    if (url.pathname === '/login' || url.pathname === '/logout') return this.#door(request, response, url);
    const open = own(this.#open, url.pathname);
    const closed = own(this.#closed, url.pathname);
    if (open === undefined && closed === undefined) return sendText(response, 404, 'not found');
    if (!isRead(request)) return refuseMethod(response, 'GET, HEAD');
    if (closed === undefined) return open?.(request, response, url, ANYBODY);
    return this.#show(request, response, url, closed);
  }

  async #show(request: IncomingMessage, response: ServerResponse, url: URL, closed: Answer): Promise<void> {
    const found = await this.#visitor(request);
    if (!('status' in found)) return closed(request, response, url, found);
    if (url.pathname === '/' && request.headers.authorization === undefined) return redirect(response, './login');
    if (found.status === 401) response.setHeader('www-authenticate', 'Bearer');
    return sendText(response, found.status, found.text);
  }

  async #visitor(request: IncomingMessage): Promise<Visitor | Refused> {
    const { access } = this.#options;
    if (access === undefined) return ANYBODY;
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) return access.visitor(sessionOf(request)) ?? STRANGER;
    const admission = await access.bearer(token);
    return admission.admitted ? admission.visitor : admission;
  }

  async #door(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { access } = this.#options;
    if (access === undefined) return redirect(response, './');
    if (request.method === 'POST')
      return url.pathname === '/login' ? this.#login(request, response, access) : leave(request, response, access);
    if (url.pathname === '/logout') return refuseMethod(response, 'POST');
    if (!isRead(request)) return refuseMethod(response, 'GET, HEAD, POST');
    return sendHtml(request, response, 200, this.#form(''));
  }

  async #login(request: IncomingMessage, response: ServerResponse, access: Access): Promise<void> {
    if (!isOwnForm(request)) return sendText(response, 403, 'a form of another site');
    const body = await readBody(request, MAX_BODY);
    if (body === undefined) return sendText(response, 413, `more than ${MAX_BODY} bytes`);
    const token = new URLSearchParams(body).get('token')?.trim() ?? '';
    const admission: Admission = await access.login(token);
    if (!admission.admitted) return sendHtml(request, response, admission.status, this.#form(admission.text));
    this.#options.log.info({ user: admission.visitor.user }, 'somebody looks through the looking glass');
    response.setHeader('set-cookie', cookie(request, admission.session, ''));
    return redirect(response, './');
  }

  #form(error: string): string {
    const escaped = error.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    return this.#options.page['login.html'].plain.toString('utf8').replace('<!--error-->', () => escaped);
  }
}

type Refused = Pick<Extract<Admission, { admitted: false }>, 'status' | 'text'>;
const STRANGER: Refused = { status: 401, text: 'log in first' };

function leave(request: IncomingMessage, response: ServerResponse, access: Access): void {
  if (!isOwnForm(request)) return sendText(response, 403, 'a form of another site');
  access.leave(sessionOf(request));
  response.setHeader('set-cookie', cookie(request, '', '; Max-Age=0'));
  return redirect(response, './login');
}

/** Behind a proxy that ends TLS the cookie must not come back in the clear. */
function cookie({ headers }: IncomingMessage, value: string, more: string): string {
  const secure = headers['x-forwarded-proto'] === 'https' ? '; Secure' : '';
  return `${COOKIE}=${value}; HttpOnly; SameSite=Strict; Path=/${secure}${more}`;
}

function sessionOf({ headers }: IncomingMessage): string {
  const found = (headers.cookie ?? '').split(';').find((each) => each.trim().startsWith(`${COOKIE}=`));
  const session = found?.trim().slice(COOKIE.length + 1) ?? '';
  // Sessions of bearer tokens are made of the token, and are nobody's cookie.
  return session.startsWith('bearer') ? '' : session;
}

/** Browsers say where a form comes from; what says nothing is no browser. */
function isOwnForm({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site === undefined || site === 'same-origin' || site === 'none';
}

/**
 * Without a login the name in the request is all that tells our page from another site's that has its name resolve to this
 * machine (DNS rebinding): only addresses and `localhost` are ours.
 */
function isHere({ headers }: IncomingMessage): boolean {
  const name = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || isIP(name) !== 0;
}

function isRead({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD';
}

function refuseMethod(response: ServerResponse, allow: string): void {
  response.setHeader('allow', allow);
  sendText(response, 405, 'method not allowed');
}

function unreadText(missing: readonly string[]): string {
  return ['the cluster is not read yet', ...missing.map((message) => `${unreadCause(message).reason}: ${message}`)].join('\n');
}

function urlOf(path: string | undefined): URL | undefined {
  const text = path ?? '/';
  // `//host/` would be a URL of another host.
  return text.startsWith('/') && !text.startsWith('//') && URL.canParse(text, 'http://host') ? new URL(text, 'http://host') : undefined;
}

function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
