import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vips } from '../../lab/kubeProxy.ts';
import { Lab } from '../../lab/lab.ts';
import { service } from '../../lab/manifests.ts';
import type { KubeObject } from '../../support/apiClient.ts';
import { need } from '../../support/need.ts';
import { sleep, until } from '../../support/until.ts';
import { LAB_NEEDS } from '../needs.ts';
import { Asker, L2_ADDRESSES, crashes, kubelabOf, legitimate, randomFrom, serviceRef, tables } from './world.ts';

const SEED = Number(process.env['ROBUST_SEED'] ?? 20261123);
const RUN_MS = 40_000;
const KILLS = 14;
/** From a change in the API until it is on the wire, on a machine where two programs start all the time. */
const GRACE_MS = 1500;

need(...LAB_NEEDS).describe('programs that are killed while Services come and go', () => kills());

function kills(): void {
  describe(`seed ${SEED}`, () => {
    let lab: Lab;
    let asker: Asker;

    beforeAll(async () => {
      process.stdout.write(`kills.test.ts: ROBUST_SEED=${SEED}\n`);
      lab = await Lab.start({ tag: 'rb1' });
      lab.startDaemons();
      await lab.established();
      asker = await Asker.start(lab, L2_ADDRESSES);
    }, 120_000);

    afterAll(async () => {
      await asker?.stop();
      await lab?.close();
    });

    it('never renumbers, never gives twice, never announces what is not assigned, and converges', async () => {
      const random = randomFrom(SEED);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const watcher = new Watcher(lab);
      const story: string[] = [];
      const began = Date.now();
      const tell = (what: string): void => void story.push(`${String(Date.now() - began).padStart(6)} ${what}`);
      const end = began + RUN_MS;
      const killing = killer(lab, random, tell);
      const sampling = watcher.run(end);
      for (let count = 0; Date.now() < end; count++) {
        // Whatever was true for a moment only is seen: on both sides of every change.
        await watcher.look();
        await change(lab, pick, random, count, tell);
        await watcher.look();
        await sleep(100 + random() * 400);
      }
      expect(await killing).toBeGreaterThanOrEqual(10);
      for (const node of lab.nodes) await lab.cluster.setReady(node, true);
      await sampling;
      const wrong = [...watcher.wrong, ...strangers(asker, watcher)];
      if (wrong.length > 0) process.stdout.write(`${story.join('\n')}\n`);
      expect(wrong).toEqual([]);
      expect(watcher.samples).toBeGreaterThan(RUN_MS / 1000);
      await converged(lab, asker);
      expect(crashes(lab)).toEqual([]);
    }, 120_000);
  });
}

const NAMES = Array.from({ length: 12 }, (_, index) => `s${index}`);

/** One random change of one random Service, or of a Pod's readiness. */
async function change(
  lab: Lab,
  pick: <T>(list: readonly T[]) => T,
  random: () => number,
  count: number,
  tell: (what: string) => void,
): Promise<void> {
  const name = pick(NAMES);
  const existing = await lab.client.get(serviceRef(name)).catch(() => undefined);
  if (existing === undefined) {
    const text = service(name, pick(['bgp', 'segment'] as const), pick(['Cluster', 'Local'] as const));
    // Some have no endpoints: they get addresses and are not announced.
    const lonely = random() < 0.2;
    tell(`create ${name}${lonely ? ' without endpoints' : ''}`);
    await lab.client.apply(lonely ? text.replace('app: ingress', 'app: nobody') : text);
    return;
  }
  const kind = pick(['delete', 'label', 'policy', 'port', 'selector', 'type', 'pod', 'pod'] as const);
  tell(`${kind} ${name}`);
  switch (kind) {
    case 'delete':
      await lab.client.delete(serviceRef(name));
      return;
    case 'label':
      await lab.client.patch(serviceRef(name), { metadata: { labels: { touched: String(count) } } });
      return;
    case 'policy':
      if (existing.spec?.['type'] !== 'LoadBalancer') return;
      await lab.client.patch(serviceRef(name), { spec: { externalTrafficPolicy: pick(['Cluster', 'Local']) } });
      return;
    case 'port':
      await lab.client.patch(serviceRef(name), {
        spec: { ports: [{ name: 'http', port: 80 + (count % 5), targetPort: 8080, protocol: 'TCP' }] },
      });
      return;
    case 'selector':
      await lab.client.patch(serviceRef(name), { spec: { selector: { app: pick(['ingress', 'ingress', 'nobody']) } } });
      return;
    case 'type':
      await lab.client.patch(
        serviceRef(name),
        existing.spec?.['type'] === 'LoadBalancer'
          ? { spec: { type: 'ClusterIP', externalTrafficPolicy: null, allocateLoadBalancerNodePorts: null, healthCheckNodePort: null } }
          : { spec: { type: 'LoadBalancer' } },
      );
      return;
    case 'pod':
      await lab.cluster.setReady(pick(lab.nodes), random() < 0.6);
  }
}

/** Kills one of the programs at random moments and starts it again a little later. @returns how many it killed */
async function killer(lab: Lab, random: () => number, tell: (what: string) => void): Promise<number> {
  const began = Date.now();
  const moments = Array.from({ length: KILLS }, () => random() * (RUN_MS - 4000)).toSorted((a, b) => a - b);
  const victims = moments.map(() => ['controller-1', ...lab.nodes][Math.floor(random() * (lab.nodes.length + 1))] ?? '');
  const pauses = moments.map(() => random() * 1500);
  let killed = 0;
  for (const [index, moment] of moments.entries()) {
    await sleep(Math.max(0, moment - (Date.now() - began)));
    const victim = victims[index] ?? '';
    const isController = victim === 'controller-1';
    tell(`kill ${victim}`);
    killed += (isController ? lab.controllers : lab.speakers).get(victim)?.kill('SIGKILL') === true ? 1 : 0;
    await sleep(pauses[index] ?? 0);
    tell(`start ${victim}`);
    if (isController) lab.startController();
    else lab.startSpeaker(victim);
  }
  return killed;
}

interface Truth {
  readonly from: number;
  readonly to: number;
  readonly allowed: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Looks at the API and at the routers' tables all the time, and keeps what must not be. */
class Watcher {
  readonly wrong: string[] = [];
  readonly truths: Truth[] = [];
  samples = 0;
  readonly #lab: Lab;
  /** By UID: the addresses of a Service for as long as it is of type LoadBalancer. */
  readonly #given = new Map<string, readonly string[]>();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async run(end: number): Promise<void> {
    while (Date.now() < end) {
      const from = Date.now();
      await this.look();
      const { frr, bird } = await tables(this.#lab);
      const seen = Date.now();
      await this.look();
      for (const [router, table] of Object.entries({ frr, bird })) {
        const held = [...table].flatMap(([ip, nodes]) => [...nodes].map((node) => ({ ip, node })));
        const bad = held.filter(({ ip, node }) => !this.allowed(ip, node, from, seen));
        this.wrong.push(...bad.map(({ ip, node }) => `${seen} ${router} has ${ip} from ${node}`));
      }
      this.samples++;
      await sleep(Math.max(0, 200 - (Date.now() - from)));
    }
  }

  /** Whether some truth of the time in question, of the grace before it, or the first one after it lets the node announce the address. */
  allowed(ip: string, node: string, from: number, to = from): boolean {
    const next = this.truths.find((truth) => truth.from >= to);
    const during = this.truths.filter((truth) => truth.to >= from - GRACE_MS && truth.from <= to);
    return [...during, ...(next === undefined ? [] : [next])].some((truth) => truth.allowed.get(ip)?.has(node) === true);
  }

  async look(): Promise<void> {
    const from = Date.now();
    const allowed = await legitimate(this.#lab);
    const services = (await kubelabOf(this.#lab).list({ apiVersion: 'v1', kind: 'Service' })) as unknown as KubeObject[];
    this.truths.push({ from, to: Date.now(), allowed });
    const owners = new Map<string, string>();
    for (const one of services) {
      const { uid = '', name } = one.metadata;
      const now = vips(one);
      for (const ip of now) {
        if (owners.has(ip)) this.wrong.push(`${from} ${ip} is given to ${name} and to ${owners.get(ip)}`);
        owners.set(ip, name);
      }
      if (one.spec?.['type'] !== 'LoadBalancer') {
        this.#given.delete(uid);
        continue;
      }
      const before = this.#given.get(uid) ?? [];
      const lost = before.filter((ip) => !now.includes(ip));
      // Back from ClusterIP, the old address may still be in the status until the controller has taken it away.
      if (lost.length > 0) this.wrong.push(`${from} ${name} had ${before.join()} and has ${now.join() || 'nothing'}`);
      if (now.length > 0) this.#given.set(uid, now);
    }
  }
}

/** Answers on the segment for addresses that nobody has, or from a node that must not. */
function strangers(asker: Asker, watcher: Watcher): string[] {
  const last = watcher.truths.at(-1)?.to ?? 0;
  return asker.heard
    .filter(({ at }) => at <= last)
    .filter(({ ip, node, at }) => !watcher.allowed(ip, node, at))
    .map(({ at, ip, node, how }) => `${at} ${node} says (${how}) that it has ${ip}`);
}

async function converged(lab: Lab, asker: Asker): Promise<void> {
  await until(
    'every Service to have its addresses, and no other',
    async () => {
      const services = await lab.client.list({ apiVersion: 'v1', kind: 'Service', namespace: 'default' });
      return services.every((one) => vips(one).length === (one.spec?.['type'] === 'LoadBalancer' ? 2 : 0));
    },
    15_000,
  );
  const allowed = await legitimate(lab);
  const wanted = [...allowed]
    .filter(([ip, nodes]) => nodes.size > 0 && !L2_ADDRESSES.includes(ip))
    .map(([ip, nodes]) => [ip, [...nodes].sort()]);
  const inOrder = (list: unknown[][]): string => JSON.stringify(list.toSorted((a, b) => String(a[0]).localeCompare(String(b[0]))));
  await until(
    'the routers to have exactly what is assigned',
    async () => {
      const { frr, bird } = await tables(lab);
      const same = [frr, bird].every((table) => inOrder([...table].map(([ip, nodes]) => [ip, [...nodes].sort()])) === inOrder(wanted));
      return same || Promise.reject(new Error(`${inOrder([...frr])} ${inOrder([...bird])} ${inOrder(wanted)}`));
    },
    20_000,
  );
  const since = Date.now();
  await sleep(1500);
  for (const ip of L2_ADDRESSES)
    expect(`${ip} ${asker.owners(ip, since).length}`).toBe(`${ip} ${(allowed.get(ip)?.size ?? 0) > 0 ? 1 : 0}`);
}
