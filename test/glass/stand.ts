import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type Page as Tab, chromium } from 'playwright-core';
import { pino } from 'pino';
import { Live } from '../../controller/glass/live.ts';
import { loadPage } from '../../controller/glass/page.ts';
import { type GlassServer, startGlassServer } from '../../controller/glass/server.ts';
import { Glass, type GlassInput } from '../../src/glass/build.ts';

/** The root is given where this runs in a bundle. */
const ROOT = process.env['HERALDLB_ROOT'] ?? resolve(import.meta.dirname, '../..');
const BUILT = pathToFileURL(`${resolve(ROOT, 'dist/glass')}/`);

export const PAGE_NEED = { reason: 'the page is not built', met: existsSync(new URL('index.html', BUILT)) };
export const CHROMIUM = '/usr/bin/chromium';

/** The page and its server, with snapshots from a test instead of a cluster. */
export interface Stand {
  readonly server: GlassServer;
  readonly live: Live;
  readonly url: string;
  readonly tell: (input: GlassInput) => void;
  readonly close: () => Promise<void>;
}

export async function startStand(first?: GlassInput, live = new Live()): Promise<Stand> {
  const glass = new Glass();
  const tell = (input: GlassInput): void => live.tell(glass.update(input));
  if (first !== undefined) tell(first);
  const server = await startGlassServer({
    port: 0,
    host: '127.0.0.1',
    page: loadPage([BUILT]),
    live,
    latest: () => glass.latest(),
    moves: (address) => glass.moves(address),
    access: undefined,
    log: pino({ level: 'silent' }),
  });
  return {
    server,
    live,
    url: `http://127.0.0.1:${server.port}/`,
    tell,
    close: async () => {
      live.close();
      await server.close();
    },
  };
}

/** Without anything that would call home. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
      // The same letters on every machine, and small pictures.
      '--disable-lcd-text',
    ],
  });
}

/** What a page did that it must not do. */
export interface Watched {
  readonly tab: Tab;
  readonly complaints: string[];
  readonly strangers: string[];
}

export async function openTab(
  browser: Browser,
  url: string,
  options: { dark?: boolean; width?: number; height?: number; scale?: number } = {},
): Promise<Watched> {
  const { dark = false, width = 1360, height = 900, scale = 1 } = options;
  const context = await browser.newContext({
    colorScheme: dark ? 'dark' : 'light',
    viewport: { width, height },
    deviceScaleFactor: scale,
    locale: 'en-GB',
  });
  const tab = await context.newPage();
  const complaints: string[] = [];
  const strangers: string[] = [];
  tab.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  tab.on('pageerror', (error) => complaints.push(String(error)));
  tab.on('request', (request) => {
    if (!request.url().startsWith(new URL(url).origin)) strangers.push(request.url());
  });
  await tab.goto(url);
  return { tab, complaints, strangers };
}
