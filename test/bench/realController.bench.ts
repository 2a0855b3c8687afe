/**
 * How fast a controller gives many Services their addresses on a real kube-apiserver, beside bare status patches on the same server, from
 * one simple loop and from 16 at the same time, and beside MetalLB's controller where it is to be had.
 *
 *   node test/support/run.mjs test/bench/realController.bench.ts [COUNT] [$(test/bench/metallb/build.sh)] [all|first|late|start|once]
 *
 * `first`: only the Services that wait when a controller starts, and those that are made at once afterwards. `late`: only those that
 * wait for a pool. `start`: only the first half of `first`, and nothing to compare it with. `once`: those that are made while it runs, and
 * nothing else. The API server makes Services much slower than it patches them, so all of it takes minutes.
 *
 * BENCH_ONLY=HeraldLB or MetalLB: only that one. BENCH_PIN=1: API server and etcd on the first core, controller and loops on the second, so that
 * what the server can take is what is measured, and not who gets how much of a core.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kube, startKube } from '../kube/kube.ts';

const [, , countText = '5000', metallb = '', phases = 'all'] = process.argv;
const COUNT = Number(countText);
const LOOPS = 16;
/** Of a Linux process in /proc: USER_HZ. */
const TICKS_PER_SECOND = 100;

interface Contender {
  readonly name: string;
  readonly crds: readonly string[];
  readonly objects: readonly object[];
  /** Of the same shape as the first one, to come later. */
  readonly late: object;
  readonly start: (kubeconfig: string, log: number) => ChildProcess;
}

const pool = (apiVersion: string, namespace: string, name = 'p', addresses = '10.128.0.0/15'): object => ({
  apiVersion,
  kind: 'IPAddressPool',
  metadata: { name, namespace },
  spec: { addresses: [addresses] },
});
const latePool = (apiVersion: string, namespace: string): object => pool(apiVersion, namespace, 'late', '10.130.0.0/15');

const heraldlb: Contender = {
  name: 'HeraldLB',
  crds: readdirSync('manifests/crds')
    .filter((file) => file !== 'kustomization.yaml')
    .map((file) => join('manifests/crds', file)),
  objects: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'heraldlb-system' } }, pool('heraldlb.io/v1', 'heraldlb-system')],
  late: latePool('heraldlb.io/v1', 'heraldlb-system'),
  start: (kubeconfig, log) =>
    spawn(
      process.execPath,
      [
        ...(process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter(Boolean),
        process.env['BENCH_PROGRAM'] ?? 'dist/src/cli/heraldlb.js',
        'controller',
        '--kubeconfig',
        kubeconfig,
        '--metrics-port',
        '0',
      ],
      {
        stdio: ['ignore', log, log],
      },
    ),
};

function contenders(): Contender[] {
  if (metallb === '') return [heraldlb];
  const metallbCrds = join(metallb, 'crds');
  const other: Contender = {
    name: 'MetalLB',
    crds: readdirSync(metallbCrds).map((file) => join(metallbCrds, file)),
    objects: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'metallb-system' } }, pool('metallb.io/v1beta1', 'metallb-system')],
    late: latePool('metallb.io/v1beta1', 'metallb-system'),
    start: (kubeconfig, log) =>
      spawn(
        join(metallb, 'controller'),
        ['--namespace', 'metallb-system', '--webhook-mode', 'disabled', '--log-level', 'warn', '--port', '17472'],
        {
          stdio: ['ignore', log, log],
          env: { ...process.env, KUBECONFIG: kubeconfig },
        },
      ),
  };
  return [heraldlb, other];
}

/** @returns ms for all of COUNT; of one loop only the first tenth is run, because it is slow */
async function inLoops(work: (index: number) => Promise<void>, loops = LOOPS): Promise<number> {
  const count = loops === 1 ? Math.ceil(COUNT / 10) : COUNT;
  let next = 0;
  const start = performance.now();
  const loop = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: loops }, loop));
  return ((performance.now() - start) * COUNT) / count;
}

const servicesOf = (namespace: string): string => `/api/v1/namespaces/${namespace}/services`;

/** @param ofClass of another load balancer: the contenders leave these alone @param pool that they ask for by its name */
async function createServices(kube: Kube, namespace: string, ofClass?: string, pool?: string): Promise<number> {
  await kube.admin.raw('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const annotations = pool === undefined ? {} : { 'metallb.io/address-pool': pool };
  return inLoops(async (index) => {
    const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }], loadBalancerClass: ofClass };
    const { status } = await kube.admin.raw('POST', servicesOf(namespace), { metadata: { name: `s${index}`, annotations }, spec });
    if (status !== 201) throw new Error(`creating a Service: ${status}`);
  });
}

let rounds = 0;

/** Each time with other addresses: a patch that changes nothing is not written. */
async function barePatches(kube: Kube, namespace: string, loops = LOOPS): Promise<number> {
  const network = 200 + rounds++;
  const ingress = (index: number): object => ({
    status: { loadBalancer: { ingress: [{ ip: `10.${network}.${index >> 8}.${index & 255}` }] } },
  });
  return inLoops(async (index) => {
    const path = `${servicesOf(namespace)}/s${index}/status`;
    const { status } = await kube.admin.raw('PATCH', path, ingress(index), 'application/merge-patch+json');
    if (status !== 200) throw new Error(`patching a status: ${status}`);
  }, loops);
}

/** Fifty of them, spread over all, one after another: a list of thousands several times a second would be a load of its own. */
async function untilSampleAssigned(kube: Kube, namespace: string): Promise<void> {
  const step = Math.max(1, Math.floor(COUNT / 50));
  for (let index = COUNT - 1; index >= 0; index -= step) {
    while (!JSON.stringify((await kube.admin.raw('GET', `${servicesOf(namespace)}/s${index}`)).body).includes('"ingress"')) await sleep(25);
  }
}

/** On Services that the controller looks after too, but nothing that it reads: each time another value, else nothing is written. */
async function bareConditions(kube: Kube, namespace: string, loops = LOOPS): Promise<number> {
  const message = `round ${rounds++}`;
  const condition = { type: 'example.com/Bare', status: 'True', reason: 'Yes', message, lastTransitionTime: '2026-01-01T00:00:00Z' };
  return patchConditions(kube, namespace, condition, loops);
}

async function patchConditions(kube: Kube, namespace: string, condition: object, loops = LOOPS): Promise<number> {
  return inLoops(async (index) => {
    const path = `${servicesOf(namespace)}/s${index}/status`;
    const body = { status: { conditions: [condition] } };
    const { status } = await kube.admin.raw('PATCH', path, body, 'application/strategic-merge-patch+json');
    if (status !== 200) throw new Error(`patching a status: ${status}`);
  }, loops);
}

/** By many loops, and by one after another. */
interface Bare {
  readonly many: number;
  readonly one: number;
}

/** Leaves the Services as they were: few have conditions of other programs. */
async function bothBare(kube: Kube): Promise<Bare> {
  const bare = { one: await bareConditions(kube, 'late', 1), many: await bareConditions(kube, 'late') };
  await patchConditions(kube, 'late', { type: 'example.com/Bare', $patch: 'delete' });
  return bare;
}

/** Services that wait for a pool, and then it is there: what a controller that runs already needs to the last VIP. */
async function poolComes(kube: Kube, pools: readonly object[], pid: number): Promise<Late> {
  const before = await bothBare(kube);
  await sleep(2000);
  const cpu = { own: cpuSeconds(pid), servers: serverCpuSeconds(pid) };
  const from = performance.now();
  for (const object of pools) await kube.admin.apply(object);
  await untilSampleAssigned(kube, 'late');
  const ms = performance.now() - from;
  const [own, servers] = [cpuSeconds(pid) - cpu.own, serverCpuSeconds(pid) - cpu.servers];
  await untilAssigned(kube, 'late');
  // Events come after the statuses.
  await sleep(COUNT);
  const withEvents = cpuSeconds(pid) - cpu.own;
  return { ms, before, after: await bothBare(kube), own, servers, withEvents };
}

interface Late {
  readonly ms: number;
  /** With the controller watching. */
  readonly before: Bare;
  readonly after: Bare;
  /** CPU seconds from the pool to the last VIP. */
  readonly own: number;
  readonly servers: number;
  /** Of the controller, until its events are told as well. */
  readonly withEvents: number;
}

/** Cheap for the server: counts in one list every so often. */
async function untilAssigned(kube: Kube, namespace: string): Promise<void> {
  for (;;) {
    const { body } = await kube.admin.raw('GET', servicesOf(namespace));
    const items = (body as { items: { status?: { loadBalancer?: { ingress?: unknown[] } } }[] }).items;
    const addresses = items.flatMap(({ status }) => (status?.loadBalancer?.ingress ?? []) as { ip: string }[]).map(({ ip }) => ip);
    if (new Set(addresses).size !== addresses.length) throw new Error('an address was given twice');
    if (addresses.length === COUNT) return;
    await sleep(250);
  }
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Of kube-apiserver and etcd, which are children of this process as the controller is, but that one has no part in it. */
function serverCpuSeconds(controller: number): number {
  const children = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && Number(pid) !== controller && parentOf(pid) === process.pid);
  return children.reduce((sum, pid) => sum + cpuSeconds(Number(pid)), 0);
}

const isPinned = process.env['BENCH_PIN'] === '1';

function pin(pid: number, core: 0 | 1): void {
  if (isPinned) execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)]);
}

function pinServers(): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === process.pid)) pin(Number(pid), 0);
  pin(process.pid, 1);
}

function parentOf(pid: string): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0;
  }
}

function peakMb(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

const rate = (ms: number): string => `${((COUNT * 1000) / ms).toFixed(0)}/s`;

interface First {
  readonly bare: Bare;
  readonly waiting: number;
  readonly created: number;
  readonly atOnce: number;
  readonly cpuWaiting: number;
}

async function fromStart(kube: Kube, start: () => ChildProcess): Promise<Pick<First, 'waiting' | 'cpuWaiting'>> {
  await createServices(kube, 'waiting');
  const from = performance.now();
  const child = start();
  await untilAssigned(kube, 'waiting');
  return { waiting: performance.now() - from, cpuWaiting: cpuSeconds(child.pid ?? 0) };
}

/** Services that wait when the controller starts, and as many that are made while it runs. */
async function first(kube: Kube, start: () => ChildProcess): Promise<First> {
  await createServices(kube, 'bare', 'example.com/none');
  const bare = { one: await barePatches(kube, 'bare', 1), many: await barePatches(kube, 'bare') };
  const { waiting, cpuWaiting } = await fromStart(kube, start);
  await sleep(1000);
  const atOnceFrom = performance.now();
  const created = await createServices(kube, 'at-once');
  await untilAssigned(kube, 'at-once');
  const atOnce = performance.now() - atOnceFrom;
  return { bare, waiting, created, atOnce, cpuWaiting };
}

const times = (base: number, ms: number): string => (base / ms).toFixed(2);

function printFirst(name: string, { bare, waiting, created, atOnce, cpuWaiting }: First, pid: number): void {
  console.log(
    '| controller | bare patches: 16 loops | one loop | from its start | of 16 loops | of one loop | last VIP after the last create | CPU at first | CPU in all | peak |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|---|');
  console.log(
    `| ${name} | ${[bare.many, bare.one, waiting].map(rate).join(' | ')} | ${times(bare.many, waiting)} | ${times(bare.one, waiting)} | ` +
      `${((atOnce - created) / 1000).toFixed(1)} s | ${cpuWaiting.toFixed(1)} s | ${cpuSeconds(pid).toFixed(1)} s | ${peakMb(pid).toFixed(0)} MB |\n`,
  );
}

/**
 * From the first create to the last VIP while a controller runs, beside as many created and then patched where there is none. Each on an API
 * server of its own: the more Services one has, the longer it takes to make another.
 */
async function createdAtOnce({ name, crds, objects, start }: Contender): Promise<void> {
  const empty = await startKube({ controllers: false });
  let alone = 0;
  let bare: Bare;
  try {
    pinServers();
    alone = await createServices(empty, 'bare', 'example.com/none');
    bare = { one: await barePatches(empty, 'bare', 1), many: await barePatches(empty, 'bare') };
  } finally {
    await empty.close();
  }
  await withController({ name, crds, objects, start }, async (kube, begin) => {
    begin();
    await sleep(5000);
    const from = performance.now();
    const created = await createServices(kube, 'at-once');
    await untilAssigned(kube, 'at-once');
    const ms = performance.now() - from;
    console.log(
      '| created at once | first create to last VIP | last create to last VIP | created alone | patched by 16 loops | by one | of alone and 16 loops | and one loop |',
    );
    console.log('|---|---|---|---|---|---|---|---|');
    console.log(
      `| ${name} | ${rate(ms)} | ${((ms - created) / 1000).toFixed(1)} s | ${[alone, bare.many, bare.one].map(rate).join(' | ')} | ` +
        `${times(alone + bare.many, ms)} | ${times(alone + bare.one, ms)} |\n`,
    );
  });
}

async function late(kube: Kube, name: string, pools: readonly object[], started: () => ChildProcess): Promise<void> {
  await createServices(kube, 'late', undefined, 'late');
  await bareConditions(kube, 'late');
  const serversBefore = serverCpuSeconds(0);
  const many = await bareConditions(kube, 'late');
  const serversAlone = serverCpuSeconds(0) - serversBefore;
  const alone = { many, one: await bareConditions(kube, 'late', 1) };
  const child = started();
  const pid = child.pid ?? 0;
  // Refusals, and their events.
  await sleep(2 * COUNT);
  const { ms, before, after, own, servers, withEvents } = await poolComes(kube, pools, pid);
  const peak = peakMb(pid);
  await end([child]);
  const aloneAfter = await bothBare(kube);
  const row = (what: string, bare: readonly Bare[]): void => {
    const mean = (of: (bare: Bare) => number): number => bare.reduce((sum, one) => sum + of(one), 0) / bare.length;
    const [most, single] = [mean((one) => one.many), mean((one) => one.one)];
    const cells = [...bare.map((one) => rate(one.many)), times(most, ms), ...bare.map((one) => rate(one.one)), times(single, ms)];
    console.log(`| ${what} | ${cells.join(' | ')} |`);
  };
  console.log(`${name}: from the pool to the last VIP ${rate(ms)}\n`);
  console.log('| bare patches | 16 loops: before | after | ratio | one loop: before | after | ratio |');
  console.log('|---|---|---|---|---|---|---|');
  row('no controller', [alone, aloneAfter]);
  row('the controller watches', [before, after]);
  const perService = (seconds: number): string => `${((seconds * 1000) / COUNT).toFixed(2)} ms`;
  console.log(
    `\nCPU for each Service: controller ${perService(own)}, ${perService(withEvents)} with its events; API server and etcd ` +
      `${perService(servers)}, for a bare patch ${perService(serversAlone)}; at most ${peak.toFixed(0)} MB\n`,
  );
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children.filter(({ exitCode }) => exitCode === null)) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

/** Everything runs that `begin` starts, until the work is done. */
async function withController(
  { name, crds, objects, start }: Omit<Contender, 'late'>,
  work: (kube: Kube, begin: () => ChildProcess, running: readonly ChildProcess[]) => Promise<void>,
): Promise<void> {
  const kube = await startKube({ controllers: false });
  const running: ChildProcess[] = [];
  const begin = (): ChildProcess => {
    const child = start(kube.kubeconfigFile(), openSync(`/tmp/heraldlb-bench-${name}.log`, 'w'));
    pin(child.pid ?? 0, 1);
    running.push(child);
    return child;
  };
  try {
    for (const file of crds) await kube.admin.apply(readFileSync(file, 'utf8'));
    await sleep(3000);
    for (const object of objects) await kube.admin.apply(object);
    pinServers();
    await work(kube, begin, running);
  } finally {
    await end(running);
    await kube.close();
  }
}

async function measure(contender: Contender): Promise<void> {
  const { name, late: lateObject } = contender;
  if (phases === 'once') {
    await createdAtOnce(contender);
    return;
  }
  await withController(contender, async (kube, begin, running) => {
    if (phases === 'start') {
      const { waiting, cpuWaiting } = await fromStart(kube, begin);
      const peak = peakMb(running[0]?.pid ?? 0).toFixed(0);
      console.log(
        `${name}: ${COUNT} from its start in ${(waiting / 1000).toFixed(1)} s (${rate(waiting)}), CPU ${cpuWaiting.toFixed(1)} s, ${peak} MB`,
      );
      return;
    }
    if (phases !== 'late') printFirst(name, await first(kube, begin), running[0]?.pid ?? 0);
    await end(running);
    if (phases !== 'first') await late(kube, name, [lateObject], begin);
  });
}

console.log(`${COUNT} Services, ${LOOPS} writers\n`);
const only = process.env['BENCH_ONLY'];
for (const contender of contenders()) if (only === undefined || only === contender.name) await measure(contender);
