import { isIP } from 'node:net';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import type { Logger } from '../../src/host/log.ts';
import { Access } from './access.ts';
import { type FeedOptions, startFeed } from './feed.ts';
import { Live } from './live.ts';
import { loadPage } from './page.ts';
import { startGlassServer } from './server.ts';

/** As flags give them; {@link startGlass} knows the defaults. */
export interface GlassFlags {
  /** Absent: no page. */
  readonly glassPort?: number;
  readonly glassAddress?: string;
  readonly glassAuth?: 'token' | 'none';
  readonly glassAnonymous?: boolean;
  readonly glassDocs?: string;
}

export interface GlassOptions extends Omit<FeedOptions, 'onSnapshot' | 'restMs' | 'docs' | 'login'> {
  readonly client: KubeClient;
  readonly flags: GlassFlags & { readonly glassPort: number };
  /** Between two snapshots. Default: a second. */
  readonly restMs?: number;
  readonly log: Logger;
}

export interface LookingGlass {
  readonly port: number;
  /** Something changed of what the controller watches in any case. */
  readonly mark: () => void;
  readonly close: () => Promise<void>;
}

const REST_MS = 1000;
const LOOPBACK = '127.0.0.1';

/** @throws Error when the page must not be served as the flags say: ask before anything is started */
export function checkGlassFlags({ glassPort, glassAddress: host = LOOPBACK, glassAuth, glassAnonymous }: GlassFlags): void {
  if (glassPort === undefined || glassAuth !== 'none' || isLoopback(host) || glassAnonymous === true) return;
  const where = host === '' ? 'all addresses' : host;
  throw new Error(
    `--glass-auth none on ${where} would show the cluster to everybody who can connect: if that is meant, say --glass-anonymous`,
  );
}

/**
 * The looking glass, in every replica that is asked for it: what it shows is what this process has read, not what it does.
 * @throws Error when the page is not built, or cannot be served
 */
export async function startGlass(options: GlassOptions): Promise<LookingGlass> {
  const { flags, client, namespace, log, restMs = REST_MS } = options;
  const { glassPort: port, glassAddress: host = LOOPBACK, glassAuth = 'token' } = flags;
  const page = loadPage();
  const live = new Live();
  const docs = flags.glassDocs ?? 'docs/troubleshoot';
  const feed = startFeed({ ...options, restMs, docs, login: glassAuth !== 'none', onSnapshot: (snapshot) => live.tell(snapshot) });
  const access = glassAuth === 'none' ? undefined : new Access(client, namespace);
  const { latest, moves, missing } = feed;
  const server = await startGlassServer({ port, host, page, live, latest, moves, missing, access, log }).catch(async (error: unknown) => {
    await feed.stop();
    throw error;
  });
  log.info({ address: host, glassPort: server.port, auth: glassAuth }, 'the looking glass is there');
  return {
    port: server.port,
    mark: () => feed.mark(),
    close: async () => {
      live.close();
      await server.close();
      await feed.stop();
    },
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
