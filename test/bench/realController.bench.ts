/**
 * How fast a controller gives many Services their addresses on a real kube-apiserver, beside bare status patches from a simple loop on
 * the same server, and beside MetalLB's controller where it is to be had.
 *
 *   node test/support/run.mjs test/bench/realController.bench.ts [COUNT] [path of MetalLB's controller] [its CRD directory]
 *
 * MetalLB's: `go install go.universe.tf/metallb/controller@v0.15.2`; its CRDs lie in the module cache under config/crd/bases.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kube, startKube } from '../kube/kube.ts';

const [, , countText = '5000', metallb, metallbCrds] = process.argv;
const COUNT = Number(countText);
const LOOPS = 16;
/** Of a Linux process in /proc: USER_HZ. */
const TICKS_PER_SECOND = 100;

interface Contender {
  readonly name: string;
  readonly crds: readonly string[];
  readonly objects: readonly object[];
  readonly start: (kubeconfig: string, log: number) => ChildProcess;
}

const pool = (apiVersion: string, namespace: string): object => ({
  apiVersion,
  kind: 'IPAddressPool',
  metadata: { name: 'p', namespace },
  spec: { addresses: ['10.128.0.0/15'] },
});

const heraldlb: Contender = {
  name: 'HeraldLB',
  crds: readdirSync('manifests/crds')
    .filter((file) => file !== 'kustomization.yaml')
    .map((file) => join('manifests/crds', file)),
  objects: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'heraldlb-system' } }, pool('heraldlb.io/v1', 'heraldlb-system')],
  start: (kubeconfig, log) =>
    spawn(
      process.execPath,
      [
        ...(process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter(Boolean),
        'dist/src/cli/heraldlb.js',
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
  if (metallb === undefined || metallbCrds === undefined) return [heraldlb];
  const other: Contender = {
    name: 'MetalLB',
    crds: readdirSync(metallbCrds).map((file) => join(metallbCrds, file)),
    objects: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'metallb-system' } }, pool('metallb.io/v1beta1', 'metallb-system')],
    start: (kubeconfig, log) =>
      spawn(metallb, ['--namespace', 'metallb-system', '--webhook-mode', 'disabled', '--log-level', 'warn', '--port', '17472'], {
        stdio: ['ignore', log, log],
        env: { ...process.env, KUBECONFIG: kubeconfig },
      }),
  };
  return [heraldlb, other];
}

async function inLoops(count: number, work: (index: number) => Promise<void>): Promise<number> {
  let next = 0;
  const start = performance.now();
  const loop = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: LOOPS }, loop));
  return performance.now() - start;
}

const servicesOf = (namespace: string): string => `/api/v1/namespaces/${namespace}/services`;

/** @param ofClass of another load balancer: the contenders leave these alone */
async function createServices(kube: Kube, namespace: string, ofClass?: string): Promise<number> {
  await kube.admin.raw('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  return inLoops(COUNT, async (index) => {
    const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }], loadBalancerClass: ofClass };
    const { status } = await kube.admin.raw('POST', servicesOf(namespace), { metadata: { name: `s${index}` }, spec });
    if (status !== 201) throw new Error(`creating a Service: ${status}`);
  });
}

async function barePatches(kube: Kube, namespace: string): Promise<number> {
  const ingress = (index: number): object => ({ status: { loadBalancer: { ingress: [{ ip: `10.200.${index >> 8}.${index & 255}` }] } } });
  return inLoops(COUNT, async (index) => {
    const path = `${servicesOf(namespace)}/s${index}/status`;
    const { status } = await kube.admin.raw('PATCH', path, ingress(index), 'application/merge-patch+json');
    if (status !== 200) throw new Error(`patching a status: ${status}`);
  });
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

function peakMb(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

const rate = (ms: number): string => `${((COUNT * 1000) / ms).toFixed(0)}/s`;

async function measure({ name, crds, objects, start }: Contender): Promise<void> {
  const kube = await startKube({ controllers: false });
  try {
    for (const file of crds) await kube.admin.apply(readFileSync(file, 'utf8'));
    await sleep(3000);
    for (const object of objects) await kube.admin.apply(object);
    await createServices(kube, 'bare', 'example.com/none');
    const bare = await barePatches(kube, 'bare');
    await createServices(kube, 'waiting');
    const log = openSync(`/tmp/heraldlb-bench-${name}.log`, 'w');
    const child = start(kube.kubeconfigFile(), log);
    const waitingFrom = performance.now();
    await untilAssigned(kube, 'waiting');
    const waiting = performance.now() - waitingFrom;
    const cpuWaiting = cpuSeconds(child.pid ?? 0);
    await sleep(1000);
    const atOnceFrom = performance.now();
    const created = await createServices(kube, 'at-once');
    await untilAssigned(kube, 'at-once');
    const atOnce = performance.now() - atOnceFrom;
    const cpu = cpuSeconds(child.pid ?? 0);
    console.log(
      `| ${name} | ${rate(bare)} | ${rate(waiting)} | ${(bare / waiting).toFixed(2)} | ${(created / 1000).toFixed(1)} s | ` +
        `${(atOnce / 1000).toFixed(1)} s | ${((atOnce - created) / 1000).toFixed(1)} s | ${cpuWaiting.toFixed(1)} s | ${cpu.toFixed(1)} s | ${peakMb(child.pid ?? 0).toFixed(0)} MB |`,
    );
    child.kill('SIGTERM');
    await once(child, 'exit');
  } finally {
    await kube.close();
  }
}

console.log(`${COUNT} Services, ${LOOPS} writers\n`);
console.log(
  '| controller | bare status patches | from its start | ratio | creating them | last VIP after the first create | after the last create | CPU at first | CPU in all | peak RSS |',
);
console.log('|---|---|---|---|---|---|---|---|---|---|');
for (const contender of contenders()) await measure(contender);
