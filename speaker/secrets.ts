import type { SecretView } from '../src/config/secret.ts';
import type { KubeClient } from '../src/host/kube/kubeClient.ts';
import { isForbidden, isNotFound } from '../src/host/kube/kubeError.ts';
import { type KubeObject, getObject } from '../src/host/kube/objects.ts';
import { SECRETS } from '../src/host/kube/resource.ts';
import type { Logger } from '../src/host/log.ts';
import { MESH_SECRET } from './meshKey.ts';

/** The Secrets that BGPPeers and BFDProfiles name, and no other: read one by one, never listed or watched. */
export interface Secrets {
  /** Reads what is new or has become old; a Secret that cannot be read now stays as it was. */
  readonly refresh: (names: ReadonlySet<string>) => Promise<ReadonlyMap<string, SecretView>>;
  /** The server was asked for it, and could not say yet whether there is one; not for long. */
  readonly isAwaited: (name: string) => boolean;
}

/** A changed password is noticed within this time. */
const MAX_AGE_MS = 30_000;
/** One that is not there, or is of no use, is being made or mended just now. */
const SOON_MS = 5000;
/** One of which nothing is known. */
const AT_ONCE_MS = 500;
const AWAITED_MS = 10_000;
const TIMEOUT_MS = 5000;

/** Timers come early by a little. */
const SLACK_MS = 100;
const BASIC_AUTH = 'kubernetes.io/basic-auth';

interface RawSecret {
  readonly type?: unknown;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** @param again is called when somebody waits for a Secret that is named */
export function createSecrets(client: KubeClient, namespace: string, log: Logger, again: () => void): Secrets {
  const known = new Map<string, SecretView>();
  const readAtMs = new Map<string, number>();
  /** Since when. */
  const unread = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  const isWanting = (name: string): boolean => known.get(name)?.type !== BASIC_AUTH || known.get(name)?.password === undefined;
  const goodMs = (name: string): number => (unread.has(name) ? AT_ONCE_MS : isWanting(name) ? SOON_MS : MAX_AGE_MS + SLACK_MS) - SLACK_MS;
  const isOld = (name: string): boolean => performance.now() - (readAtMs.get(name) ?? -Infinity) >= goodMs(name);

  const read = async (name: string): Promise<void> => {
    readAtMs.set(name, performance.now());
    try {
      const raw = await getObject<RawSecret>(client, SECRETS, { namespace, name }, { timeoutMs: TIMEOUT_MS });
      known.set(name, viewOf(raw));
      unread.delete(name);
    } catch (error) {
      // Who may not read it will not be told more by the next answer.
      if (isNotFound(error) || isForbidden(error)) unread.delete(name);
      else if (!known.has(name) && !unread.has(name)) unread.set(name, performance.now());
      if (isNotFound(error)) known.delete(name);
      else log.warn({ secret: name, err: error }, 'a Secret cannot be read');
    }
  };

  return {
    refresh: async (names) => {
      for (const name of [...readAtMs.keys()].filter((each) => !names.has(each))) {
        known.delete(name);
        unread.delete(name);
        readAtMs.delete(name);
      }
      await Promise.all([...names].filter(isOld).map(read));
      clearTimeout(timer);
      if ([...names].some((name) => name !== MESH_SECRET && isWanting(name))) timer = setTimeout(again, SOON_MS).unref();
      return known;
    },
    isAwaited: (name) => performance.now() - (unread.get(name) ?? -Infinity) < AWAITED_MS,
  };
}

function viewOf({ type, data }: RawSecret): SecretView {
  const [password, accepted] = [textOf(data?.['password']), textOf(data?.['accepted'])];
  return {
    type: typeof type === 'string' ? type : '',
    ...(password === undefined ? {} : { password }),
    ...(accepted === undefined ? {} : { accepted }),
  };
}

function textOf(encoded: unknown): string | undefined {
  return typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : undefined;
}

interface Named {
  readonly passwordSecret?: { readonly name?: unknown } | null;
  readonly auth?: { readonly passwordSecret?: { readonly name?: unknown } | null } | null;
}

/** The names in `passwordSecret` of raw BGPPeers and BFDProfiles. */
export function namedSecrets(objects: Iterable<KubeObject>): Set<string> {
  const names = new Set<string>();
  for (const { spec } of objects) {
    const { passwordSecret, auth } = (spec ?? {}) as Named;
    for (const name of [passwordSecret?.name, auth?.passwordSecret?.name]) if (typeof name === 'string' && name !== '') names.add(name);
  }
  return names;
}
