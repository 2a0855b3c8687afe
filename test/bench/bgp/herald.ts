import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { PlanMemory, planChanges } from '../../../src/announce/nodePlan.ts';
import type { AnnouncedSlice } from '../../../src/cluster/endpoints.ts';
import { createLogger } from '../../../src/host/log.ts';
import { type WritableStore, createStore } from '../../../src/host/kube/store.ts';
import { Changes } from '../../../speaker/changes.ts';
import { Outbox, type PlanMessage, RoutePacker, packMessage } from '../../../speaker/channel.ts';
import { realClock } from '../../../speaker/clock.ts';
import { Deadlines } from '../../../speaker/deadlines.ts';
import { Engine } from '../../../speaker/engine.ts';
import { createHands } from '../../../speaker/io/realHands.ts';
import { NO_RECORDER } from '../../../speaker/recorder.ts';
import { warmSockets } from '../../../speaker/warmSockets.ts';
import { warmUp } from '../../../speaker/warmUp.ts';
import { ServiceRows } from '../../../speaker/serviceRows.ts';
import { SliceRows } from '../../../speaker/sliceRows.ts';
import { Texts } from '../../../src/rows/texts.ts';
import { type LoadBalancer, projectLoadBalancer, projectServingSlice, sameLoadBalancer, sameSlice } from '../../../speaker/views.ts';
import { bgpAdvertisement, config, ip, node, peer, pool } from '../../announce/support.ts';
import { RECEIVER, SENDER, hostRoute } from './routes.ts';

/*
 * HeraldLB as it runs, but for the Kubernetes client: the wire thread with its engine and sockets, and a worker that holds Services
 * in stores and plans. Commands come in as lines: `prepare N` (a cluster with N Services, planned) and `send`, `one ID` (one Service more, answered
 * with the time of the change), `churn N` (so many changes of endpoints per second).
 */
const NODE = 'node1';
const TOGETHER = 1000;

if (isMainThread) await runWire();
else runWorker();

async function runWire(): Promise<void> {
  const log = createLogger({ level: 'warn', name: 'bench', destination: { write: (line) => process.stderr.write(line) } });
  const parts = { hands: createHands(log), clock: realClock, deadlines: new Deadlines(realClock), random: Math.random };
  const engine = new Engine({ ...parts, recorder: NO_RECORDER, log, changed: () => undefined }, { node: NODE });
  warmUp();
  await engine.start(179);
  const worker = new Worker(new URL(import.meta.url), { workerData: process.argv.slice(2), argv: process.argv.slice(2) });
  void warmSockets(parts.hands, realClock, log);
  worker.on('message', (message: { readonly plan?: PlanMessage; readonly line?: string }) => {
    if (message.line !== undefined) process.stdout.write(`${message.line}\n`);
    if (message.plan === undefined) return;
    engine.apply(message.plan);
    worker.postMessage('taken', []);
  });
  process.on('SIGTERM', () => process.exit(0));
}

function runWorker(): void {
  const port = parentPort;
  if (port === null) throw new Error('no worker');
  const [names, texts] = [new Texts(), new Texts()];
  const rows = { services: new ServiceRows(names, texts), slices: new SliceRows(names, texts) };
  const memory = new PlanMemory({ names, services: rows.services.glimpses, slices: rows.slices });
  const outbox = new Outbox<PlanMessage>((plan) => port.postMessage({ plan }));
  const nodes = [node(NODE, { internalIPs: [ip(SENDER.ip)] }), ...Array.from({ length: 9 }, (_, i) => node(`other${i}`))];
  const session = { address: ip(RECEIVER.ip), peerAsn: RECEIVER.asn, myAsn: SENDER.asn, holdTimeMs: 240_000, keepaliveTimeMs: 80_000 };
  const world = config({
    peers: [peer('receiver', session)],
    pools: [pool('all', '10.0.0.0/8')],
    bgpAdvertisements: [bgpAdvertisement('all')],
  });
  const services = createStore<LoadBalancer>({}, sameLoadBalancer, rows.services);
  const slices = createStore<AnnouncedSlice>({}, sameSlice, rows.slices);
  const [ofServices, ofSlices] = [new Changes(services), new Changes(slices)];
  const packer = new RoutePacker();
  let generation = 0;
  let prepared: PlanMessage | undefined;

  const add = (id: number): void => {
    put(services, `default/s${id}`, projectLoadBalancer(rawService(id)));
    put(slices, `default/s${id}`, projectServingSlice(rawSlice(id, [NODE, 'other1'])));
  };
  const plan = (number: number) => {
    const changes = { services: ofServices.take(number <= 1), slices: ofSlices.take(number <= 1) };
    return planChanges({ config: world, nodes }, changes, NODE, number, memory);
  };
  const planned = (): PlanMessage => {
    const found = plan(++generation);
    // The receiver dials: of two connections one would have to go first.
    const peers = found.plan.peers.map((each) => ({ ...each, session: { ...each.session, passive: true } }));
    return packMessage({ ...found.plan, peers }, found.fresh, packer);
  };
  const churn = (perSecond: number): void => {
    let next = 0;
    setInterval(() => {
      for (let i = 0; i < perSecond / 100; i++) {
        next = (next + 97) % slices.size;
        put(slices, `default/s${next}`, projectServingSlice(rawSlice(next, [NODE, `other${next % 9}`])));
      }
      plan(generation);
    }, 10);
  };
  port.on('message', () => outbox.taken());
  // Commands are the cluster's changes, which a speaker's worker reads from a socket of its own.
  createInterface({ input: new Socket({ fd: 0 }) }).on('line', (line) => {
    const [command, number = '0'] = line.split(' ');
    if (command === 'one') {
      const atMs = performance.timeOrigin + performance.now();
      add(Number(number));
      outbox.put(planned());
      port.postMessage({ line: `one ${number} ${atMs}` });
    }
    if (command === 'prepare') {
      for (let id = 0; id < Number(number); id++) {
        add(id);
        // As they come from an API server: a plan is made while the others are on their way.
        if (id % TOGETHER === TOGETHER - 1) planned();
      }
      prepared = planned();
      port.postMessage({ line: 'prepared' });
    }
    if (command === 'send' && prepared !== undefined) outbox.put(prepared);
    if (command === 'churn') churn(Number(number));
  });
  const [first = '0'] = workerData as string[];
  for (let id = 0; id < Number(first); id++) add(id);
  outbox.put(planned());
  port.postMessage({ line: 'ready' });
}

/** As the API server has them; a speaker keeps a view of them. */
function rawService(id: number): object {
  return {
    metadata: { namespace: 'default', name: `s${id}`, uid: `00000000-0000-4000-8000-${String(id).padStart(12, '0')}` },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    status: { loadBalancer: { ingress: [{ ip: hostRoute(id).slice(0, -3) }] } },
  };
}

function rawSlice(id: number, nodes: readonly string[]): object {
  return {
    metadata: { namespace: 'default', name: `s${id}-1`, labels: { 'kubernetes.io/service-name': `s${id}` } },
    addressType: 'IPv4',
    endpoints: nodes.map((nodeName, i) => ({ nodeName, addresses: [`10.244.${i}.1`], conditions: { ready: true } })),
  };
}

function put<T>(store: WritableStore<T>, key: string, value: T | undefined): void {
  if (value !== undefined) store.set(key, value);
}
