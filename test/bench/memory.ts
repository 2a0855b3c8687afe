/**
 * What the whole speaker takes of memory: the real process, wire thread and Kubernetes worker, as the image holds it, beside the embedded API
 * server with so many Services and as many EndpointSlices. By BGP BIRD holds all of them; by layer 2 all of them are answered for.
 *
 *   make bundle && node test/support/run.mjs test/bench/memory.ts [--sizes 10000,100000] [--modes bgp,layer2,bare] [--flags='...'] [--trace] [--others 3]
 *
 * `bare` is bareSpeaker.mjs in the speaker's place: what a program on Node.js takes that does nothing but what no speaker can leave out.
 * Needs root and BIRD 2. `peak` is VmHWM; `relist` the peak after the whole list has been read a second time; `settled` what is resident then.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { NodeStateStatus } from '../../src/api/nodeState.ts';
import { type Kubelab, type Ref, startKubelab } from '../kubelab/kubelab.ts';
import { API } from '../lab/addresses.ts';
import { SPEAKER_FLAGS } from '../lab/daemons.ts';
import { Door } from '../lab/door.ts';
import { NAMESPACE } from '../lab/manifests.ts';
import { Space } from '../lab/space.ts';
import { sleep, until } from '../support/until.ts';
import { startReceiver } from './bgp/receiver.ts';
import { RECEIVER, SENDER, hostRoute } from './bgp/routes.ts';
import { markdownTable } from './bgp/table.ts';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '10000,100000' },
    modes: { type: 'string', default: 'bgp,layer2' },
    program: { type: 'string', default: 'dist/image/heraldlb.mjs' },
    flags: { type: 'string', default: SPEAKER_FLAGS.join(' ') },
    trace: { type: 'boolean', default: false },
    // So many other nodes have a NodeState, with as many claims each.
    others: { type: 'string', default: '0' },
  },
});
const ROOT = process.env['HERALDLB_ROOT'] ?? process.cwd();
const BARE = 'test/bench/bareSpeaker.mjs';
const NODE = 'node1';
/** A hundred thousand objects from an API server that is itself in this process. */
const LIST_MS = 240_000;
/** So long after the last address was announced. */
const SETTLE_MS = 10_000;

type Mode = 'bgp' | 'layer2' | 'bare';

const LINKS = [
  ['rcv', 'eth0', SENDER.ip, RECEIVER.ip],
  ['api', 'eth1', '10.10.0.11', API.ipv4],
] as const;
/** As in a pod: the service account's files where the kubelet puts them, in the mounts of this process alone. */
const IN_POD =
  'mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount && cp $0/ca.crt $0/token /run/secrets/kubernetes.io/serviceaccount && exec "$@"';
/** The memory of the C library as the manifests have it. */
const POD_ENV = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  KUBERNETES_SERVICE_HOST: '127.0.0.1',
  KUBERNETES_SERVICE_PORT: String(API.port),
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
};
const TEAMS = 50;
const WRITTEN_AT = '2026-01-01T00:00:00Z';

const rows: string[][] = [];
for (const size of values.sizes.split(',').map(Number)) {
  const api = await startApi(size);
  for (const mode of values.modes.split(',') as Mode[]) rows.push(await measure(mode, size, api));
  await api.close();
}
console.log(
  markdownTable(['announced by', 'VIPs', 'peak MB', 'settled MB', 'of it files', 'peak MB, relist', 'settled MB', 'CPU s'], rows),
);
process.exit(0);

async function startApi(size: number): Promise<Kubelab> {
  const api = await startKubelab({ tls: true, crdDir: [join(ROOT, 'manifests/crds'), join(ROOT, 'manifests/base/namespace.yaml')] });
  // The others are gone: this node has all there is.
  for (const [name, address] of [NODE, 'node2', 'node3'].map((each, i) => [each, `10.10.0.${11 + i}`] as const)) {
    await api.create({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
    const status = {
      addresses: [{ type: 'InternalIP', address }],
      conditions: [{ type: 'Ready', status: name === NODE ? 'True' : 'False' }],
    };
    await api.patch({ apiVersion: 'v1', kind: 'Node', name }, { status }, { subresource: 'status' });
  }
  await api.create(own('IPAddressPool', 'all', { addresses: ['10.100.0.0/14'] }));
  for (let team = 0; team < TEAMS; team++) await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `team-${team}` } });
  for (let id = 0; id < size; id++) addService(api, id);
  for (let node = 2; node < 2 + Number(values.others); node++) addState(api, `node${node}`, size);
  return api;
}

function addState(api: Kubelab, name: string, size: number): void {
  const claims = Array.from({ length: Math.min(size, 10_000) }, (_, id) => ({
    ip: hostRoute(id).slice(0, -3),
    services: [`team-${id % TEAMS}/service-${id}`],
    interfaces: ['eth0'],
    since: WRITTEN_AT,
  }));
  api.store.put('heraldlb.io/nodestates', `${NAMESPACE}/${name}`, {
    apiVersion: 'heraldlb.io/v1',
    kind: 'NodeState',
    metadata: { name, namespace: NAMESPACE, creationTimestamp: WRITTEN_AT },
    status: { claims },
  });
}

function own(kind: string, name: string, spec: object): object {
  return { apiVersion: 'heraldlb.io/v1', kind, metadata: { name, namespace: NAMESPACE }, spec };
}

/** Written as stored: the server's own checks of so many objects would take minutes. */
function addService(api: Kubelab, id: number): void {
  const [name, namespace] = [`service-${id}`, `team-${id % TEAMS}`];
  const created = { uid: uidOf(id), creationTimestamp: WRITTEN_AT, generation: 1 };
  const labels = { app: name, team: namespace, tier: 'web' };
  const [clusterIP, ip] = [`10.${96 + (id >> 16)}.${(id >> 8) & 255}.${id & 255}`, hostRoute(id).slice(0, -3)];
  const message = `${ip} is from pool all`;
  const condition = { type: 'heraldlb.io/Allocated', status: 'True', reason: 'Allocated', message, lastTransitionTime: WRITTEN_AT };
  api.store.put('services', `${namespace}/${name}`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels, annotations: { 'example.com/owner': namespace }, ...created, managedFields: managedBy('kubectl') },
    spec: {
      type: 'LoadBalancer',
      ports: [
        { name: 'http', port: 80, targetPort: 8080, protocol: 'TCP', nodePort: 30_000 + (id % 1300) },
        { name: 'https', port: 443, targetPort: 8443, protocol: 'TCP', nodePort: 31_300 + (id % 1300) },
      ],
      selector: { app: name },
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      allocateLoadBalancerNodePorts: true,
    },
    status: { conditions: [condition], loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } },
  });
  const endpoints = [0, 1, 2].map((pod) => ({
    addresses: [`10.244.${(3 * id + pod) & 255}.${(id >> 8) & 255}`],
    nodeName: `node${((id + pod) % 3) + 1}`,
    conditions: { ready: true, serving: true, terminating: false },
    targetRef: { kind: 'Pod', namespace, name: `${name}-${pod}`, uid: uidOf(3 * id + pod) },
  }));
  const slice = `${name}-x${(id % 7919).toString(36)}`;
  api.store.put('discovery.k8s.io/endpointslices', `${namespace}/${slice}`, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: slice,
      namespace,
      labels: {
        ...labels,
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      ...created,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name, uid: created.uid, controller: true, blockOwnerDeletion: true }],
      managedFields: managedBy('kube-controller-manager'),
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints,
  });
}

function uidOf(id: number): string {
  return `4f3c0000-${(id % 65_536).toString(16).padStart(4, '0')}-4000-8000-${id.toString(16).padStart(12, '0')}`;
}

/** Something of the size that a real server keeps. */
function managedBy(manager: string) {
  const fields = ['type', 'ports', 'selector', 'externalTrafficPolicy', 'internalTrafficPolicy', 'sessionAffinity'];
  const fieldsV1 = { 'f:spec': Object.fromEntries(fields.map((name) => [`f:${name}`, {}])) };
  return [{ manager, operation: 'Update', apiVersion: 'v1', time: WRITTEN_AT, fieldsType: 'FieldsV1', fieldsV1 }];
}

interface Taken {
  readonly peakMb: number;
  readonly residentMb: number;
  readonly filesMb: number;
}

async function measure(mode: Mode, size: number, api: Kubelab): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'hlb-memory-'));
  chmodSync(directory, 0o755);
  const space = new Space('mem');
  const config = configOf(mode);
  try {
    for (const object of config) await api.create(object);
    for (const name of [NODE, 'rcv', 'api']) space.add(name);
    for (const [name, device, own, other] of LINKS) {
      space.link(NODE, device, name, 'eth0');
      space.run(NODE, `ip addr add ${own}/24 dev ${device}`);
      space.run(name, `ip addr add ${other}/24 dev eth0`);
    }
    const door = await Door.open(space, directory, api.port);
    space.start(
      NODE,
      [process.execPath, join(ROOT, 'test/lab/gate.mjs'), String(API.port), join(directory, 'api.sock')],
      join(directory, 'gate.log'),
    );
    writeFileSync(join(directory, 'ca.crt'), api.caPem);
    writeFileSync(join(directory, 'token'), 'kubelab-admin');
    const receiver = mode === 'layer2' ? undefined : await startReceiver(space, 'rcv', directory);
    const words = ['speaker', '--node-name', NODE, '--namespace', NAMESPACE, '--metrics-address', '127.0.0.1'];
    const command = [process.execPath, ...values.flags.split(' '), join(ROOT, mode === 'bare' ? BARE : values.program), ...words];
    const speaker = space.start(NODE, ['sh', '-c', IN_POD, directory, ...command], join(directory, 'speaker.log'), { env: POD_ENV });
    const traced = values.trace ? trace(speaker.pid ?? 0) : undefined;
    await receiver?.enable();
    const held = async (): Promise<number> => (receiver === undefined ? answeredFor(api) : receiver.held());
    await until(`${size} VIPs`, async () => (await held()) >= size, LIST_MS, 200);
    if (mode !== 'bare') space.run(NODE, 'curl -s -o /dev/null http://127.0.0.1:7482/metrics');
    await sleep(SETTLE_MS);
    const pid = speaker.pid ?? 0;
    const first = taken(pid);
    api.faults.compact();
    api.faults.expireWatches();
    await sleep(SETTLE_MS + size / 10);
    const again = taken(pid);
    clearInterval(traced);
    door.close();
    await receiver?.stop();
    const mb = (value: number): string => value.toFixed(0);
    const cells = [first.peakMb, first.residentMb, first.filesMb, again.peakMb, again.residentMb].map(mb);
    return [mode, String(size), ...cells, cpuSeconds(pid).toFixed(1)];
  } catch (error) {
    console.error(
      space
        .run(NODE, 'curl -s http://127.0.0.1:7482/metrics')
        .split('\n')
        .filter((l) => /kube_|objects|peer|plan/.test(l))
        .join('\n'),
    );
    console.error(readFileSync(join(directory, 'speaker.log'), 'utf8').slice(-2000));
    throw error;
  } finally {
    await space.dispose();
    for (const object of config) await api.delete(object as Ref);
    rmSync(directory, { recursive: true, force: true });
  }
}

function configOf(mode: Mode): object[] {
  if (mode === 'layer2') return [own('L2Advertisement', 'all', {})];
  const peer = { myASN: SENDER.asn, peerASN: RECEIVER.asn, peerAddress: RECEIVER.ip, passiveMode: true, holdTime: '240s' };
  return [own('BGPPeer', 'receiver', peer), own('BGPAdvertisement', 'all', {})];
}

async function answeredFor(api: Kubelab): Promise<number> {
  const states = await api.list({ apiVersion: 'heraldlb.io/v1', kind: 'NodeState' });
  return states.reduce((sum, { status }) => sum + ((status as NodeStateStatus | undefined)?.summary?.vips ?? 0), 0);
}

function taken(pid: number): Taken {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN) / 1024;
  return { peakMb: mb('VmHWM'), residentMb: mb('VmRSS'), filesMb: mb('RssFile') };
}

/** When the memory grows: a line for each tenth of a second in which it did. */
function trace(pid: number): NodeJS.Timeout {
  const began = performance.now();
  let before = 0;
  return setInterval(() => {
    const now = taken(pid);
    if (Math.abs(now.residentMb - before) < 0.5) return;
    before = now.residentMb;
    const [at, own] = [(performance.now() - began).toFixed(0), now.residentMb - now.filesMb];
    console.error(`${at} ms: ${now.residentMb.toFixed(1)} MB, ${own.toFixed(1)} its own; peak ${now.peakMb.toFixed(1)}`);
  }, 100);
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
