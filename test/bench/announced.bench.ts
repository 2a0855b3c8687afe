/**
 * What the condition Announced costs on a real kube-apiserver: so many Services, three nodes whose sessions go down and come up again, and
 * how much CPU the controller and the servers (kube-apiserver and etcd) take for telling it, beside as long a time in which nothing happens.
 *
 *   node test/support/run.mjs test/bench/announced.bench.ts [COUNT]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kube, startKube } from '../kube/kube.ts';

const COUNT = Number(process.argv[2] ?? '500');
const NAMESPACE = 'heraldlb-system';
const NODES = ['n1', 'n2', 'n3'];
const ANNOUNCED = 'heraldlb.io/Announced';
/** Of a Linux process in /proc: USER_HZ. */
const TICKS_PER_SECOND = 100;
const GROUP = `/apis/heraldlb.io/v1/namespaces/${NAMESPACE}`;

function statOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  } catch {
    return [];
  }
}

const cpuOf = (pid: string): number => {
  const fields = statOf(pid);
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
};

/** The controller, and the servers: all others that this process has started. */
function cpu(controller: ChildProcess): { readonly own: number; readonly servers: number } {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && statOf(name)[1] === String(process.pid));
  const servers = children.filter((pid) => pid !== String(controller.pid));
  return { own: cpuOf(String(controller.pid)), servers: servers.reduce((sum, pid) => sum + cpuOf(pid), 0) };
}

async function post(kube: Kube, path: string, body: object): Promise<void> {
  const { status } = await kube.admin.raw('POST', path, body);
  if (status !== 201 && status !== 409) throw new Error(`POST ${path}: ${status}`);
}

async function setUp(kube: Kube): Promise<void> {
  for (const file of readdirSync('manifests/crds').filter((name) => name !== 'kustomization.yaml'))
    await kube.admin.apply(readFileSync(join('manifests/crds', file), 'utf8'));
  await post(kube, '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  await sleep(3000);
  const own = (plural: string, kind: string, name: string, spec: object): Promise<void> =>
    post(kube, `${GROUP}/${plural}`, { apiVersion: 'heraldlb.io/v1', kind, metadata: { name }, spec });
  await own('ipaddresspools', 'IPAddressPool', 'p', { addresses: ['10.128.0.0/16'] });
  await own('bgppeers', 'BGPPeer', 'tor', { myASN: 64_512, peerASN: 64_513, peerAddress: '192.0.2.1' });
  await own('bgpadvertisements', 'BGPAdvertisement', 'all', {});
  for (const name of NODES) {
    await post(kube, '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
    await own('nodestates', 'NodeState', name, {});
  }
  for (let index = 0; index < COUNT; index++) {
    const name = `s${index}`;
    const spec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] };
    await post(kube, '/api/v1/namespaces/default/services', { metadata: { name }, spec });
    await post(kube, '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      metadata: { name, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.244.0.1'], nodeName: 'n1', conditions: { ready: true } }],
      ports: [],
    });
  }
}

async function tell(kube: Kube, state: 'Established' | 'Active'): Promise<void> {
  const since = '2026-01-01T00:00:00Z';
  for (const node of NODES) {
    const bgp = [{ peer: 'tor', state, since, ...(state === 'Active' ? { lastError: 'ECONNREFUSED' } : { routes: COUNT }) }];
    const ref = { apiVersion: 'heraldlb.io/v1', kind: 'NodeState', namespace: NAMESPACE, name: node };
    await kube.admin.patch(ref, { status: { bgp } }, '/status');
  }
}

async function untilSaid(kube: Kube, reason: string): Promise<void> {
  for (;;) {
    const { body } = await kube.admin.raw('GET', '/api/v1/namespaces/default/services?resourceVersion=0');
    const { items } = body as { items: readonly { status: { conditions?: readonly { type: string; reason: string }[] } }[] };
    const said = items.filter(({ status }) => status.conditions?.some((one) => one.type === ANNOUNCED && one.reason === reason));
    if (said.length === COUNT) return;
    await sleep(500);
  }
}

async function main(): Promise<void> {
  const kube = await startKube({ controllers: false });
  let controller: ChildProcess | undefined;
  try {
    await setUp(kube);
    const words = ['dist/src/cli/heraldlb.js', 'controller', '--kubeconfig', kube.kubeconfigFile(), '--metrics-port', '0'];
    controller = spawn(process.execPath, words, { stdio: 'ignore' });
    await tell(kube, 'Established');
    await untilSaid(kube, 'Announced');
    await sleep(5000);
    console.log(`${COUNT} Services | time | CPU of the controller | CPU of kube-apiserver and etcd`);
    const measure = async (what: string, body: (() => Promise<void>) | number): Promise<number> => {
      const [from, before] = [performance.now(), cpu(controller as ChildProcess)];
      await (typeof body === 'number' ? sleep(body) : body());
      const [ms, after] = [performance.now() - from, cpu(controller as ChildProcess)];
      const cells = [(ms / 1000).toFixed(1), (after.own - before.own).toFixed(2), (after.servers - before.servers).toFixed(2)];
      console.log(`${what} | ${cells.map((cell) => `${cell} s`).join(' | ')}`);
      return ms;
    };
    const ms = await measure('all sessions go down, until every condition says so', async () => {
      await tell(kube, 'Active');
      await untilSaid(kube, 'ConnectionRefused');
    });
    await measure('as long a time without news', ms);
    await measure('they are up again', async () => {
      await tell(kube, 'Established');
      await untilSaid(kube, 'Announced');
    });
    await measure('as long a time without news', ms);
  } finally {
    controller?.kill();
    await kube.close();
  }
}

await main();
