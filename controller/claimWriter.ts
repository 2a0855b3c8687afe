import { CLAIMED_FOR } from '../src/config/addressClaims.ts';
import type { KubeClient } from '../src/host/kube/kubeClient.ts';
import { isNotFound } from '../src/host/kube/kubeError.ts';
import type { Term } from '../src/host/kube/lease.ts';
import { type KubeObject, createObject, deleteObject, patchObject } from '../src/host/kube/objects.ts';
import type { Store } from '../src/host/kube/store.ts';
import { createWorkQueue } from '../src/host/kube/workQueue.ts';
import type { Logger } from '../src/host/log.ts';
import type { KubeMetrics } from '../src/host/metrics.ts';
import type { WantedClaim } from '../src/ipam/claimPlan.ts';
import { ADDRESS_CLAIMS } from './watches.ts';

export interface ClaimWriterOptions {
  readonly client: KubeClient;
  /** Where the claims are. */
  readonly namespace: string;
  readonly claims: Store<KubeObject>;
  /** `absent`: it is to go; undefined: nothing is to be done. */
  readonly wanted: (name: string) => WantedClaim | 'absent' | undefined;
  readonly term: Term;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

/** Makes, edits and deletes the claims that the controller makes itself, each write on the version that was seen. */
export interface ClaimWriter {
  readonly check: (name: string) => void;
  /** The watch has shown the claim, or that it is gone. */
  readonly seen: (name: string) => void;
  readonly idle: () => boolean;
  readonly stop: (drainMs: number) => Promise<void>;
}

const CONCURRENCY = 8;
/** As for Services: what an old leader sent last is over before the lease is. */
const WRITE_TIMEOUT_MS = 4000;

export function createClaimWriter(options: ClaimWriterOptions): ClaimWriter {
  const { client, namespace, claims, wanted, term, log, metrics } = options;
  /** What was sent, and on which version, until the watch shows it. */
  const sent = new Map<string, string>();

  const work = async (name: string, stopped: AbortSignal): Promise<void> => {
    const want = wanted(name);
    if (!term.valid() || want === undefined) return;
    const object = claims.get(`${namespace}/${name}`);
    const resourceVersion = object?.metadata.resourceVersion;
    const text = JSON.stringify([want, resourceVersion]);
    if (sent.get(name) === text) return;
    const signal = AbortSignal.any([stopped, term.signal]);
    const call = { signal, timeoutMs: WRITE_TIMEOUT_MS };
    const ref = { namespace, name };
    if (want === 'absent') {
      if (object !== undefined) await deleteObject(client, ADDRESS_CLAIMS, ref, preconditions(object)).catch(ignoreGone);
    } else if (object === undefined) await createObject(client, ADDRESS_CLAIMS, newClaim(ref, want), call);
    else {
      const spec = { addresses: want.addresses, ttl: want.ttl ?? null };
      await patchObject(
        client,
        ADDRESS_CLAIMS,
        ref,
        { metadata: { resourceVersion }, spec },
        { ...call, fieldManager: 'heraldlb-controller' },
      );
    }
    sent.set(name, text);
  };

  const queue = createWorkQueue<string>({ name: 'claims', work, concurrency: CONCURRENCY, maxDelayMs: 30_000, log, metrics });
  return {
    check: (name) => queue.add(name),
    seen: (name) => sent.delete(name),
    idle: () => queue.idle(),
    stop: (drainMs) => queue.stop({ drainMs }),
  };
}

function preconditions({ metadata: { uid, resourceVersion } }: KubeObject): { uid?: string; resourceVersion?: string } {
  return { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
}

function ignoreGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

function newClaim(ref: { readonly namespace: string; readonly name: string }, { service, addresses, ttl }: WantedClaim) {
  const [namespace, name] = service.split('/');
  return {
    metadata: { ...ref, labels: { 'app.kubernetes.io/managed-by': 'heraldlb' }, annotations: { [CLAIMED_FOR]: service } },
    spec: { serviceRef: { namespace, name }, addresses, policy: 'Prefer', ...(ttl === undefined ? {} : { ttl }) },
  };
}
