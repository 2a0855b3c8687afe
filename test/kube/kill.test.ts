/**
 * Two controllers on the real kube-apiserver, killed in turn while many Services are made, each started again under its own name as a
 * kubelet restarts a container. What happened to the statuses is known from a watch, not from a look at the end. Another program writes
 * a condition and an annotation of its own to the same Services meanwhile, and loses none.
 *
 * HERALDLB_KILL_SERVICES: how many Services, default 600; with it they are made as fast as the server makes them, and the figures are printed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FOR_NODE } from '../support/forNode.mjs';
import { sleep, until } from '../support/until.ts';
import { needKube } from './binaries.ts';
import { type Kube, startKube } from './kube.ts';

const NAMESPACE = 'heraldlb-system';
const ASKED = process.env['HERALDLB_KILL_SERVICES'];
const COUNT = Number(ASKED ?? 600);
const REPLICAS = ['one', 'two'] as const;
const KILL_EVERY_MS = 3000;
const MAKERS = ASKED === undefined ? 8 : 32;
/** Inside node_modules, so that the bundle finds the packages it imports. */
const directory = resolve('node_modules/.cache', `heraldlb-kube-kill-${process.pid}`);
const program = join(directory, 'controller.mjs');

const PROGRAM = `
  import { startController } from './controller/main.ts';
  import { LEASE, NAMESPACE } from './test/controller/fixtures.ts';
  const [, , kubeconfig = '', identity = ''] = process.argv;
  const flags = { kubeconfig, identity, namespace: NAMESPACE, apiGroup: 'heraldlb.io', logLevel: 'error', metricsPort: 0, metricsAddress: '127.0.0.1', leaderElect: true };
  await startController(flags, { lease: LEASE });
`;

interface WatchedService {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly type?: string };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] };
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
  };
}

/** Every version of every Service, in the order in which the server stored them. */
class Witness {
  /** By Service: the address that it got first. */
  readonly had = new Map<string, string>();
  readonly wrong: string[] = [];
  versions = 0;
  readonly #owner = new Map<string, string>();

  see(type: string, { metadata: { name }, spec, status }: WatchedService): void {
    if (spec.type !== 'LoadBalancer') return;
    this.versions++;
    const ips = (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
    const before = this.had.get(name);
    if (type === 'DELETED') this.wrong.push(`${name} is gone`);
    if (ips.length > 1 || (before !== undefined && ips[0] !== before)) this.wrong.push(`${name} had ${before} and has ${ips.join()}`);
    const [ip] = ips;
    if (ip === undefined || before !== undefined) return;
    const owner = this.#owner.get(ip);
    if (owner !== undefined) this.wrong.push(`${ip} is given to ${name} and to ${owner}`);
    this.#owner.set(ip, name);
    this.had.set(name, ip);
  }

  /** Until the signal. A watch that the server ends is taken up where it was. */
  async follow(kube: Kube, signal: AbortSignal): Promise<void> {
    const list = (await kube.admin.raw('GET', '/api/v1/services')).body as { metadata: { resourceVersion: string } };
    let version = list.metadata.resourceVersion;
    const agent = new Agent({ connect: { ca: kube.caPem }, bodyTimeout: 0 });
    signal.addEventListener('abort', () => void agent.destroy(), { once: true });
    while (!signal.aborted) {
      const { statusCode, body } = await request(`${kube.url}/api/v1/services?watch=true&resourceVersion=${version}`, {
        headers: { authorization: `Bearer ${kube.adminToken}` },
        dispatcher: agent,
        signal,
      });
      if (statusCode !== 200) throw new Error(`the watch: ${statusCode} ${await body.text()}`);
      for await (const line of createInterface({ input: body })) {
        const { type, object } = JSON.parse(line) as { type: string; object: WatchedService };
        if (type === 'ERROR') throw new Error(`the watch: ${line}`);
        version = object.metadata.resourceVersion;
        this.see(type, object);
      }
    }
  }
}

describe.skipIf(needKube('controllers that are killed') === undefined)('two controllers that are killed in turn', () => {
  let kube: Kube;
  let kubeconfig: string;
  const children = new Map<string, ChildProcess>();

  beforeAll(async () => {
    mkdirSync(directory, { recursive: true });
    const stdin = { contents: PROGRAM, resolveDir: process.cwd(), loader: 'ts' } as const;
    await build({ stdin, outfile: program, ...FOR_NODE });
    kube = await startKube({ controllers: false });
    for (const file of readdirSync('manifests/crds').filter((name) => name !== 'kustomization.yaml'))
      await kube.admin.apply(readFileSync(join('manifests/crds', file), 'utf8'));
    for (const file of ['namespace.yaml', 'rbac.yaml']) await kube.admin.apply(readFileSync(join('manifests/base', file), 'utf8'));
    const path = `/apis/heraldlb.io/v1/namespaces/${NAMESPACE}/nodestates`;
    await until('the CRDs to be served', async () => (await kube.admin.raw('GET', path)).status === 200, 30_000);
    // As the account of the manifests: what it may not do fails here.
    kubeconfig = kube.kubeconfigFile(await kube.serviceAccountToken(NAMESPACE, 'heraldlb-controller'));
  }, 180_000);

  afterAll(async () => {
    for (const child of children.values()) child.kill('SIGKILL');
    await kube?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  function launch(name: string): void {
    children.set(name, spawn(process.execPath, [program, kubeconfig, name], { stdio: ['ignore', 'ignore', 'inherit'] }));
  }

  async function kill(name: string): Promise<void> {
    const child = children.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async function transitions(): Promise<number> {
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: NAMESPACE, name: 'heraldlb-controller' };
    return Number((await kube.admin.get(lease)).spec?.['leaseTransitions'] ?? 0);
  }

  /** Another program that writes to the same statuses. @returns what it wrote last to each Service */
  async function writeBeside(made: { readonly count: number; readonly all: boolean }): Promise<ReadonlyMap<string, string>> {
    const last = new Map<string, string>();
    for (let round = 0; !made.all; round++) {
      const name = `s${Math.max(0, made.count - 1 - (round % 40))}`;
      const message = `round ${round}`;
      const condition = { type: 'example.com/Beside', status: 'True', reason: 'Yes', message, lastTransitionTime: '2026-01-01T00:00:00Z' };
      const path = `/api/v1/namespaces/default/services/${name}`;
      const body = { metadata: { annotations: { 'example.com/beside': message } }, status: { conditions: [condition] } };
      const { status } = await kube.admin.raw('PATCH', `${path}/status`, body, 'application/strategic-merge-patch+json');
      // It may not be made yet.
      if (status === 200) last.set(name, message);
      await sleep(5);
    }
    return last;
  }

  /** Not more than may be made by now, so that there is work for each that leads. */
  async function make(made: { count: number; allowed: number }): Promise<void> {
    const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] };
    while (made.count < COUNT) {
      if (made.count >= made.allowed) {
        await sleep(20);
        continue;
      }
      const metadata = { name: `s${made.count++}`, namespace: 'default' };
      await kube.admin.call('POST', '/api/v1/namespaces/default/services', { metadata, spec });
    }
  }

  it(`give each of ${COUNT} Services one address, for good`, async () => {
    const pool = { apiVersion: 'heraldlb.io/v1', kind: 'IPAddressPool', metadata: { name: 'p', namespace: NAMESPACE } };
    // Hardly larger than it has to be: what is lost is missed.
    const last = COUNT - 1;
    await kube.admin.apply({ ...pool, spec: { addresses: [`10.128.0.0-10.128.${last >> 8}.${last & 255}`] } });
    const witness = new Witness();
    const watching = new AbortController();
    const followed = witness
      .follow(kube, watching.signal)
      .catch((error: unknown) => (watching.signal.aborted ? undefined : Promise.reject(error)));
    for (const name of REPLICAS) launch(name);
    await until('a leader', async () => (await transitions()) >= 0, 30_000);
    const startMs = performance.now();
    const made = { count: 0, allowed: ASKED === undefined ? COUNT / 4 : COUNT, all: false };
    const making = Promise.all(Array.from({ length: MAKERS }, () => make(made))).finally(() => {
      made.all = true;
    });
    const writing = writeBeside(made);
    /** How many had an address when one was killed. */
    const atKills: number[] = [];
    for (let kills = 0; kills < 4 || !made.all; kills++) {
      await sleep(KILL_EVERY_MS);
      const name = REPLICAS[kills % 2] ?? 'one';
      await kill(name);
      atKills.push(witness.had.size);
      launch(name);
      made.allowed += COUNT / 4;
    }
    await making;
    await until('the last address', () => witness.had.size === COUNT, 120_000);
    const ms = performance.now() - startMs;
    // What is written twice, or taken back, comes after it.
    await sleep(3000);
    watching.abort();
    await followed;
    expect(witness.wrong).toEqual([]);
    const services = (await kube.admin.list({ apiVersion: 'v1', kind: 'Service' })) as unknown as WatchedService[];
    const addresses = services.flatMap(({ status }) => (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip));
    expect([addresses.length, new Set(addresses).size]).toEqual([COUNT, COUNT]);
    const beside = services.flatMap(({ metadata: { name, annotations }, status }) => {
      const found = status?.conditions?.find(({ type }) => type === 'example.com/Beside');
      return found === undefined ? [] : [[name, found.message, annotations?.['example.com/beside']]];
    });
    expect(new Set(beside)).toEqual(new Set([...(await writing)].map(([name, message]) => [name, message, message])));
    expect(witness.versions).toBeGreaterThanOrEqual(2 * COUNT);
    // Several of them did the work.
    expect(await transitions()).toBeGreaterThanOrEqual(2);
    expect(new Set(atKills).size).toBeGreaterThanOrEqual(2);
    if (ASKED !== undefined) {
      const facts = { services: COUNT, seconds: Math.round(ms / 1000), kills: atKills.length, leaders: 1 + (await transitions()) };
      process.stdout.write(`${JSON.stringify({ ...facts, versionsSeen: witness.versions, hadOneAtEachKill: atKills })}\n`);
    }
  }, 1_200_000);
});
