import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { type Controller, type Overrides, startController } from '../../controller/main.ts';
import type { Flags } from '../../controller/flags.ts';
import { LEASE, NAMESPACE } from './fixtures.ts';
import { type Kubelab, type KubelabOptions, startKubelab } from '../kubelab/kubelab.ts';

export interface Cluster {
  readonly lab: Kubelab;
  /** Path of the administrator's. */
  readonly kubeconfig: string;
  readonly start: (identity: string, flags?: Partial<Flags>, lease?: Overrides['lease']) => Promise<Controller>;
  /** A kubeconfig for another token than the administrator's. */
  readonly kubeconfigFor: (token: string) => string;
  readonly close: () => Promise<void>;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** What the tests read of any object. */
export interface Seen {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly annotations?: Record<string, string>;
  };
  readonly spec?: Record<string, unknown>;
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string; readonly ipMode?: string }[] };
    readonly conditions?: readonly Condition[];
    readonly [field: string]: unknown;
  };
}

/** The root is given where this runs in a bundle. */
const ROOT = process.env.HERALDLB_ROOT ?? fileURLToPath(new URL('../..', import.meta.url));
const CRDS = join(ROOT, 'manifests/crds');
const crdFiles = readdirSync(CRDS)
  .filter((file) => file !== 'kustomization.yaml')
  .map((file) => join(CRDS, file));

export async function startCluster(options: KubelabOptions = {}): Promise<Cluster> {
  const lab = await startKubelab({
    crdDir: crdFiles,
    ...options,
    objects: [namespace(NAMESPACE), ...(options.objects ?? [])],
  });
  const directory = mkdtempSync(join(tmpdir(), 'heraldlb-controller-'));
  const kubeconfig = join(directory, 'kubeconfig');
  writeFileSync(kubeconfig, lab.kubeconfig());
  const running = new Set<Controller>();
  return {
    lab,
    kubeconfig,
    kubeconfigFor: (token) => {
      const file = join(directory, 'other');
      writeFileSync(file, lab.kubeconfig(token));
      return file;
    },
    start: async (identity, flags = {}, lease = LEASE) => {
      const log = pino({ level: process.env['HERALDLB_TEST_LOG'] ?? 'silent', base: { identity } });
      const overrides: Overrides = { lease, log };
      const controller = await startController(
        {
          kubeconfig,
          namespace: NAMESPACE,
          apiGroup: 'heraldlb.io',
          logLevel: 'info',
          metricsPort: 0,
          metricsAddress: '127.0.0.1',
          leaderElect: true,
          identity,
          ...flags,
        },
        overrides,
      );
      const once: Controller = {
        ...controller,
        close: async () => {
          if (running.delete(once)) await controller.close();
        },
      };
      running.add(once);
      return once;
    },
    close: async () => {
      await Promise.all([...running].map((controller) => controller.close()));
      await lab.close();
      rmSync(directory, { recursive: true });
    },
  };
}

function namespace(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

export function poolObject(name: string, addresses: readonly unknown[], spec: object = {}): object {
  return { apiVersion: 'heraldlb.io/v1', kind: 'IPAddressPool', metadata: { name, namespace: NAMESPACE }, spec: { addresses, ...spec } };
}

export function serviceObject(name: string, spec: object = {}, annotations: Record<string, string> = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', annotations },
    spec: { type: 'LoadBalancer', selector: { app: name }, ports: [{ port: 80 }], ...spec },
  };
}

export async function getService(lab: Kubelab, name: string): Promise<Seen> {
  return (await lab.get({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name })) as unknown as Seen;
}

export async function getPool(lab: Kubelab, name: string): Promise<Seen> {
  return (await lab.get({ apiVersion: 'heraldlb.io/v1', kind: 'IPAddressPool', namespace: NAMESPACE, name })) as unknown as Seen;
}

export function ips(seen: Seen): string[] {
  return (seen.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
}

export async function allIps(lab: Kubelab): Promise<Map<string, string[]>> {
  const list = (await lab.list({ apiVersion: 'v1', kind: 'Service' })) as unknown as Seen[];
  return new Map(list.map((seen) => [seen.metadata.name, ips(seen)]));
}

/** Looks again and again who has what, and remembers what must never happen. */
export class Ledger {
  readonly first = new Map<string, string>();
  readonly wrong: string[] = [];
  readonly #lab: Kubelab;

  constructor(lab: Kubelab) {
    this.#lab = lab;
  }

  /** @returns how many Services have an address */
  async look(): Promise<number> {
    const now = [...(await allIps(this.#lab))].flatMap(([name, [address]]) => (address === undefined ? [] : [[name, address] as const]));
    for (const [name, address] of now) {
      const before = this.first.get(name);
      if (before === undefined) this.first.set(name, address);
      else if (before !== address) this.wrong.push(`${name} had ${before} and has ${address}`);
    }
    if (new Set(now.map(([, address]) => address)).size < now.length) this.wrong.push(`one address twice: ${JSON.stringify(now)}`);
    return now.length;
  }
}

export function conditionOf(seen: Seen, type = 'heraldlb.io/Allocated'): Condition | undefined {
  return seen.status?.conditions?.find((condition) => condition.type === type);
}

export async function eventsAbout(lab: Kubelab, name: string): Promise<string[]> {
  const list = (await lab.list({ apiVersion: 'v1', kind: 'Event' })) as unknown as {
    involvedObject: { name: string };
    reason: string;
    message: string;
    count: number;
  }[];
  return list
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason, message, count }) => `${reason} x${count}: ${message}`);
}

/** Polls until the answer is neither undefined nor false. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 25_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let problem: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause: problem });
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
}
