import { DRAIN_LABEL } from '../../../src/announce/drain.ts';
import { ArpWatch } from '../../lab/arpWatch.ts';
import { NAMESPACE } from '../../lab/manifests.ts';
import { Pinger, SegmentLab } from '../../lab/segment.ts';
import { macOf, whoHas } from '../../lab/traffic.ts';
import { sleep, until } from '../../support/until.ts';

/*
 * What happens rarely to a cluster, done to real speakers one thing after the other, seen by a client that asks 500 times a second:
 *   node test/support/run.mjs test/bench/layer2/rareLab.ts [WHAT...]
 */
const VIP = '10.10.0.200';
const OTHER = '10.10.0.201';
const VIP6 = 'fd10:10::200';
const FAR_VIP = '10.30.0.200';
const wanted = process.argv.slice(2);

const lab = await SegmentLab.start({
  tag: 'l2r',
  nodes: Number(process.env['NODES'] ?? 3),
  vips: [VIP, OTHER, VIP6, FAR_VIP],
  flags: ['--l2-failback', 'immediate', '--log-level', 'debug'],
});
const { space, client } = lab;

function say(isSo: boolean, what: string): void {
  console.log(`${isSo ? 'ok ' : 'NOT'} ${what}`);
}

async function check(what: string, isSo: () => boolean, timeoutMs = 5000): Promise<void> {
  const start = performance.now();
  const found = await until(what, isSo, timeoutMs, 50).catch(() => false);
  say(found, `${what} (${Math.round(performance.now() - start)} ms)`);
}

/** What a client loses while something happens, and whether two answered. */
async function watched(what: string, run: () => Promise<void>, restMs = 1500): Promise<void> {
  const pinger = new Pinger(lab);
  const watch = new ArpWatch(lab);
  await until('the client to be answered', () => pinger.count > 50, 10_000);
  await run();
  await sleep(restMs);
  await pinger.stop();
  await watch.stop();
  const doubles = watch.doubles.filter(({ vip }) => vip === VIP).map(({ from, to, who }) => `${who.join('+')} ${Math.round(to - from)} ms`);
  const unanswered = watch.darks.flatMap(({ vip, from, to }) => (vip === VIP ? [Math.round(to - from)] : []));
  console.log(
    `--  ${what}: lost ${pinger.lost}, dark ${Math.round(pinger.darkMs)} ms; no answer for ${unanswered.join(', ') || 0} ms, two: ${doubles.join(', ') || 'never'}`,
  );
}

const labels = (name: string, change: Readonly<Record<string, string | null>>): Promise<unknown> =>
  client.patch({ apiVersion: 'v1', kind: 'Node', name }, { metadata: { labels: change } });
const service = (index: number) => ({ apiVersion: 'v1', kind: 'Service', name: `vip-${index}`, namespace: 'default' });
const advertisement = (spec = '{}', name = 'segment'): string =>
  `apiVersion: heraldlb.io/v1\nkind: L2Advertisement\nmetadata: { name: ${name}, namespace: ${NAMESPACE} }\nspec: ${spec}\n`;
const pool = (name: string, addresses: string): string =>
  `apiVersion: heraldlb.io/v1\nkind: IPAddressPool\nmetadata: { name: ${name}, namespace: ${NAMESPACE} }\nspec: { addresses: ["${addresses}"] }\n`;
const slice = (index: number, node: string): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `by-hand-${index}`, namespace: 'default', labels: { 'kubernetes.io/service-name': `vip-${index}` } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [{ addresses: ['10.10.0.11'], nodeName: node, conditions: { ready: true, serving: true, terminating: false } }],
});
const problems = (name: string): string[] =>
  [...lab.metrics(name).matchAll(/problems\{reason="(\w+)".*\} [1-9]/g)].map(([, reason]) => reason ?? '');
const ownerSoon = async (vip = VIP): Promise<string> => (await until('an owner', () => lab.owner(vip), 10_000)) ?? '';
const others = (name: string): string[] => lab.nodes.filter((each) => each !== name);

async function restart(name: string, flags?: readonly string[]): Promise<void> {
  const gone = new Promise<void>((resolve) => lab.speakers.get(name)?.once('exit', () => resolve()));
  lab.kill(name, 'SIGTERM');
  await gone;
  lab.startSpeaker(name, flags);
  await until(`${name} to be willing`, () => lab.phase(name) === 'willing', 30_000, 50);
}

async function rollOut(): Promise<void> {
  for (const name of lab.nodes) await restart(name);
}

const secret = (data: Readonly<Record<string, string | null>>): Promise<unknown> => {
  const encoded = Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, value === null ? null : Buffer.from(value).toString('base64')]),
  );
  return client.patch({ apiVersion: 'v1', kind: 'Secret', name: 'heraldlb-mesh', namespace: NAMESPACE }, { data: encoded });
};

const RARE: Readonly<Record<string, () => Promise<void>>> = {
  'made again': async () => {
    await watched('an L2Advertisement is deleted and made again within 100 ms', async () => {
      await client.delete({ apiVersion: 'heraldlb.io/v1', kind: 'L2Advertisement', name: 'segment', namespace: NAMESPACE });
      await sleep(60);
      await client.apply(advertisement());
    });
  },
  key: async () => {
    await client.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/basic-auth',
      metadata: { name: 'heraldlb-mesh', namespace: NAMESPACE },
      data: { username: Buffer.from('mesh').toString('base64'), accepted: Buffer.from('first').toString('base64') },
    });
    await watched('a first key: believed', rollOut);
    await secret({ password: 'first', accepted: '' });
    await watched('used', rollOut);
    await secret({ accepted: 'second' });
    await watched('another: believed', rollOut);
    await secret({ password: 'second', accepted: 'first' });
    await watched('used', rollOut);
    await secret({ accepted: null });
    await watched('alone', rollOut);
    for (const name of lab.nodes)
      say(
        /mesh_signed\S* 1/.test(lab.metrics(name)) && !/mesh_dropped_total\S* [1-9]/.test(lab.metrics(name)),
        `${name} signs, and believes all: ${problems(name).join()}`,
      );
  },
  flags: async () => {
    await watched('speakers are restarted one by one with other flags', async () => {
      for (const name of lab.nodes) await restart(name, ['--l2-failback-seconds', '1', '--l2-repeat-seconds', '5']);
    });
    await watched('and back', rollOut);
  },
  preferred: async () => {
    await client.apply(advertisement('{ election: hash }'));
    await sleep(3000);
    const owner = await ownerSoon();
    const [next = ''] = others(owner);
    await client.apply(
      advertisement(
        '{ election: hash, preferredNodeSelectors: [{ weight: 10, preference: { matchExpressions: [{ key: fast, operator: Exists }] } }] }',
      ),
    );
    await sleep(500);
    await watched('a preferred node comes', async () => void (await labels(next, { fast: '' })));
    say(lab.owner() === next, `and has it: ${lab.owners().join()}`);
    await watched('is none any more', async () => void (await labels(next, { fast: null })));
    say(lab.owner() === owner, `and has it no more: ${lab.owners().join()}, before ${owner}`);
    await watched('comes and goes five times a second', async () => {
      for (let i = 0; i < 10; i++) {
        await labels(next, { fast: i % 2 === 0 ? '' : null });
        await sleep(100);
      }
    });
    await client.apply(advertisement());
  },
  excluded: async () => {
    const owner = await ownerSoon();
    const name = 'node.kubernetes.io/exclude-from-external-load-balancers';
    await watched('the owner is excluded from load balancers', async () => void (await labels(owner, { [name]: '' })));
    say(lab.owner() !== owner, 'another has it');
    await watched('and not any more', async () => void (await labels(owner, { [name]: null })));
    say(lab.owner() === owner, 'it has it again');
    await watched('all are excluded at once', async () => {
      await Promise.all(lab.nodes.map((each) => labels(each, { [name]: '' })));
      await sleep(500);
      await Promise.all(lab.nodes.map((each) => labels(each, { [name]: null })));
    });
  },
  'all drained': async () => {
    await watched('all nodes are drained at once', async () => {
      await Promise.all(lab.nodes.map((each) => labels(each, { [DRAIN_LABEL]: '' })));
      await sleep(3000);
      say(lab.owners().length === 1, `one still answers: ${lab.owners().join()}`);
      await Promise.all(lab.nodes.map((each) => labels(each, { [DRAIN_LABEL]: null })));
    });
  },
  local: async () => {
    const owner = await ownerSoon();
    const [next = '', third = ''] = others(owner);
    await client.apply(slice(0, owner));
    await client.patch(service(0), { spec: { selector: null, externalTrafficPolicy: 'Local' } });
    for (const each of await endpointSlices('vip-0')) if (each !== 'by-hand-0') await deleteSlice(each).catch(() => undefined);
    await sleep(1000);
    say(lab.owner() === owner, `the node with the endpoint has it: ${lab.owners().join()}`);
    for (const node of [next, third, owner]) {
      await watched(`the only endpoint goes to ${node} in one edit`, async () => void (await client.apply(slice(0, node))));
      say(lab.owner() === node, `${node} has it: ${lab.owners().join()}`);
    }
    await watched('the endpoint is gone for 300 ms, and another where it was', async () => {
      await deleteSlice('by-hand-0');
      await sleep(300);
      await client.apply(slice(0, owner));
    });
    await watched('the endpoint is gone for 300 ms, and elsewhere then', async () => {
      await deleteSlice('by-hand-0');
      await sleep(300);
      await client.apply(slice(0, next));
    });
    // Shared with a Service that has endpoints everywhere.
    await client.patch(service(1), { metadata: { annotations: { 'heraldlb.io/allow-shared-ip': 'x' } } });
    await client.patch(service(0), { metadata: { annotations: { 'heraldlb.io/allow-shared-ip': 'x' } } });
    await client.patch(service(1), { status: { loadBalancer: { ingress: [{ ip: VIP }] } } }, '/status');
    await sleep(1000);
    say(lab.owner() === next, `shared: the node with the endpoint has it: ${lab.owners().join()}`);
    await watched('shared: the endpoint moves', async () => void (await client.apply(slice(0, third))));
    say(lab.owner() === third, `shared: ${third} has it: ${lab.owners().join()}`);
    await client.patch(service(1), { status: { loadBalancer: { ingress: [{ ip: OTHER }] } } }, '/status');
    await client.patch(service(0), { spec: { externalTrafficPolicy: 'Cluster' } });
    await sleep(500);
  },
  proxy: async () => {
    const owner = await ownerSoon();
    // A router that has a route to the addresses elsewhere.
    space.run('frr', 'ip route add 10.10.0.192/26 dev far0');
    space.run('frr', ['sysctl', '-qw', 'net.ipv4.conf.eth0.proxy_arp=1']);
    console.log(
      `    the client hears ${whoHas(space, 'client', VIP)
        .map((mac) => lab.macs.get(mac) ?? mac)
        .join(' and ')}`,
    );
    await restart(owner);
    await sleep(3000);
    console.log(
      `    after a restart ${whoHas(space, 'client', VIP)
        .map((mac) => lab.macs.get(mac) ?? mac)
        .join(' and ')}`,
    );
    for (const name of lab.nodes)
      console.log(`    ${name}: ${problems(name).join()} ${/conflicts_total.* \d+/.exec(lab.metrics(name))?.[0] ?? ''}`);
    for (const name of lab.nodes) lab.kill(name, 'SIGKILL');
    await sleep(1000);
    lab.startSpeakers();
    await until('an answer', () => lab.owners().some((name) => lab.nodes.includes(name)), 30_000, 50);
    await sleep(3000);
    for (const name of lab.nodes)
      console.log(`    all anew: ${name}: ${problems(name).join()} ${/conflicts_total.* \d+/.exec(lab.metrics(name))?.[0] ?? ''}`);
    space.run('frr', ['sysctl', '-qw', 'net.ipv4.conf.eth0.proxy_arp=0']);
    space.run('frr', 'ip route del 10.10.0.192/26 dev far0');
    await lab.settled();
  },
  ageing: async () => {
    const owner = await ownerSoon();
    space.run('seg', 'ip link set br0 type bridge ageing_time 300');
    const mac = macOf(space, owner);
    let missing = 0;
    for (let i = 0; i < 100; i++) {
      if (
        !space
          .run('seg', 'bridge fdb show br br0')
          .split('\n')
          .some((line) => line.startsWith(mac) && !line.includes('permanent'))
      )
        missing += 1;
      await sleep(100);
    }
    say(missing === 0, `a bridge that forgets after 3 s knows the owner all the time (missing ${missing} of 100)`);
    space.run('seg', 'ip link set br0 type bridge ageing_time 30000');
  },
  mtu: async () => {
    for (const name of lab.nodes) space.run(name, 'ip link set eth0 mtu 1280');
    await watched('MTU 1280', async () => sleep(500));
    for (const name of lab.nodes) space.run(name, 'ip link set eth0 mtu 200');
    await watched('MTU 200', async () => sleep(2000));
    await restart(await ownerSoon());
    await watched('MTU 200, after a restart', async () => sleep(500));
    for (const name of lab.nodes) {
      space.run(name, 'ip link set eth0 mtu 1500');
      space.attempt(name, ['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=0']);
      space.attempt(name, `ip -6 addr add fd10:10::${10 + Number(name.slice(4))}/64 dev eth0 nodad`);
    }
    await lab.settled();
  },
  client: async () => {
    const owner = await ownerSoon();
    await watched('a client takes the VIP for itself and says so (RFC 5227)', async () => {
      space.run('frr', `ip addr add ${VIP}/32 dev eth0`);
      space.attempt('frr', ['arping', '-U', '-c', '3', '-w', '3', '-i', 'eth0', '-S', VIP, VIP]);
      await sleep(1000);
      for (const name of lab.nodes)
        console.log(`    ${name}: ${problems(name).join()} ${/conflicts_total.* \d+/.exec(lab.metrics(name))?.[0] ?? ''}`);
      space.run('frr', `ip addr del ${VIP}/32 dev eth0`);
    });
    say(lab.owner() === owner, 'the owner is the same');
  },
  'all anew': async () => {
    for (const name of lab.nodes) lab.kill(name, 'SIGKILL');
    await until('the ends of all', () => [...lab.speakers.values()].every(({ signalCode }) => signalCode !== null));
    const watch = new ArpWatch(lab);
    const start = Date.now();
    lab.startSpeakers();
    await until('an owner', () => lab.owner() !== undefined, 30_000, 50);
    console.log(`    an owner after ${Date.now() - start} ms`);
    await lab.settled();
    console.log(`    all settled after ${Date.now() - start} ms`);
    await sleep(2000);
    await watch.stop();
    console.log(`    two: ${watch.doubles.map(({ vip, from, to }) => `${vip} ${Math.round(to - from)} ms`).join() || 'never'}`);
  },
  segments: async () => {
    space.run('seg', 'ip link add br1 type bridge');
    space.run('seg', 'ip link set br1 up');
    for (const [i, name] of ['node1', 'node2', 'client'].entries()) {
      space.link('seg', `q-${name}`, name, 'eth1');
      space.run('seg', `ip link set q-${name} master br1`);
      space.run(name, `ip addr add 10.30.0.${i + 1}/24 dev eth1`);
    }
    await client.apply(pool('far', '10.30.0.200-10.30.0.210'));
    const who = (): string => space.attempt('client', ['arping', '-c', '1', '-w', '1', '-i', 'eth1', FAR_VIP]) ?? '';
    const answering = (): string[] => [...new Set([...who().matchAll(/from (\S+) \(/g)].map(([, mac]) => mac ?? ''))];
    const names = (): string[] => ['node1', 'node2'].filter((name) => answering().includes(macOf(space, name, 'eth1')));
    await check('a pool on another segment: one of the two nodes there', () => answering().length === 1 && names().length === 1, 8000);
    const first = names()[0] ?? 'node1';
    space.run('seg', `ip link set q-${first} down`);
    await check('its link there fails: the other one', () => answering().length === 1 && names()[0] !== first, 5000);
    space.run('seg', `ip link set q-${first} up`);
    await check('and it has it back', () => names().join() === first, 8000);
    await check('on the first segment one of all three', () => lab.owner() !== undefined);
    for (const name of ['node1', 'node2', 'client']) space.run(name, 'ip link del eth1');
    await sleep(500);
  },
  'two families': async () => {
    await client.patch(service(0), { spec: { ipFamilyPolicy: 'PreferDualStack' } });
    await client.patch(service(0), { status: { loadBalancer: { ingress: [{ ip: VIP }, { ip: VIP6 }] } } }, '/status');
    await client.patch(service(2), { status: { loadBalancer: { ingress: [] } } }, '/status');
    await sleep(1500);
    const owner = await ownerSoon();
    say(lab.owner(VIP6) !== undefined, `both families: ${owner} and ${lab.owners(VIP6).join()}`);
    await watched('the owner loses IPv6', async () => {
      space.run(owner, ['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1']);
      await check('IPv6 is answered by one that has it', () => lab.owner(VIP6) !== undefined && lab.owner(VIP6) !== owner, 5000);
    });
    console.log(`    IPv4 ${lab.owners().join()}, IPv6 ${lab.owners(VIP6).join()}`);
    space.run(owner, ['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=0']);
    space.attempt(owner, `ip -6 addr add fd10:10::${10 + Number(owner.slice(4))}/64 dev eth0 nodad`);
    await sleep(1000);
  },
};

try {
  lab.startSpeakers();
  await lab.settled();
  for (const [name, run] of Object.entries(RARE)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.log(`\n# ${name}`);
    await run();
    await lab.settled();
  }
} finally {
  await lab.close();
}

async function endpointSlices(of: string): Promise<string[]> {
  const list = await client.list({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace: 'default' });
  return list.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === of).map(({ metadata }) => metadata.name);
}

async function deleteSlice(name: string): Promise<void> {
  await client.delete({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', name, namespace: 'default' });
}
