import { SegmentLab } from '../../lab/segment.ts';
import { macOf, whoHas } from '../../lab/traffic.ts';
import { sleep, until } from '../../support/until.ts';

/*
 * Odd things that happen to interfaces and nodes, done to real speakers one after the other, seen by a client:
 *   node test/support/run.mjs test/bench/layer2/oddLab.ts
 */
const VIP = '10.10.0.200';
const VLAN_VIP = '10.10.0.201';
const VIP6 = 'fd10:10::200';
const lab = await SegmentLab.start({
  tag: 'l2o',
  nodes: 3,
  vips: [VIP, VLAN_VIP, VIP6, '10.10.0.12'],
  flags: ['--l2-failback', 'immediate'],
});
const { space } = lab;

async function check(what: string, isSo: () => boolean, timeoutMs = 5000): Promise<void> {
  const start = performance.now();
  const found = await until(what, isSo, timeoutMs, 50).catch(() => false);
  console.log(`${found ? 'ok ' : 'NOT'} ${what} (${Math.round(performance.now() - start)} ms)`);
}

const answering = (vip: string): string[] => whoHas(space, 'client', vip);
const macs = (): Map<string, string> => new Map(lab.nodes.map((name) => [macOf(space, name), name]));
const ownerOf = (vip: string): string | undefined => {
  const found = answering(vip);
  return found.length === 1 ? (macs().get(found[0] ?? '') ?? found[0]) : undefined;
};
const patchNode = (name: string, patch: object, part?: string): Promise<unknown> =>
  lab.client.patch({ apiVersion: 'v1', kind: 'Node', name }, patch, part);

try {
  lab.startSpeakers();
  await lab.settled();
  const first = (await until('an owner', () => ownerOf(VIP), 10_000)) ?? '';
  console.log(`owner ${first}`);
  const [address] = (JSON.parse(space.run(first, 'ip -j -4 addr show eth0')) as { addr_info: { local: string }[] }[]).flatMap(
    (each) => each.addr_info,
  );
  const own = `${address?.local ?? ''}/24`;

  await check(
    'the address of a node that is also a Service: only its node answers',
    () => answering('10.10.0.12').join() === macOf(space, 'node2'),
  );

  space.run('client', `ip neigh replace ${VIP} lladdr ${macOf(space, first)} dev eth0 nud stale`);
  space.run(first, 'ip link set eth0 address 02:00:00:00:77:01');
  await check('another MAC of the interface is announced to those that know the old one', () =>
    space.run('client', `ip neigh show ${VIP}`).includes('02:00:00:00:77:01'),
  );
  await check('and answered with', () => answering(VIP).join() === '02:00:00:00:77:01');

  if (space.attempt(first, 'ip link add bond0 type bond mode active-backup miimon 100') === undefined)
    console.log('--  this kernel has no bonds');
  else {
    space.run(first, 'ip link set eth0 down');
    space.run(first, 'ip link set eth0 master bond0');
    space.run(first, 'ip link set bond0 up');
    space.run(first, 'ip link set eth0 up');
    space.attempt(first, 'ip addr flush dev eth0');
    space.run(first, `ip addr add ${own} dev bond0`);
    await check('a bond that takes the interface in: one answers', () => answering(VIP).length === 1, 15_000);
    await check('and it is the node again, by its bond', () => answering(VIP).join() === macOf(space, first, 'bond0'), 15_000);
    lab.cut(first);
    await check(
      'the bond without carrier: another answers',
      () => answering(VIP).length === 1 && answering(VIP)[0] !== macOf(space, first, 'bond0'),
      3000,
    );
    lab.heal(first);
    await check('and with it the same', () => answering(VIP).join() === macOf(space, first, 'bond0'), 15_000);

    space.run(first, 'ip link set eth0 nomaster');
    space.run(first, 'ip link del bond0');
  }

  space.run(first, 'ip link add br7 type bridge');
  space.run(first, 'ip link set br7 up');
  space.run(first, 'ip link set eth0 up');
  space.run(first, 'ip link set eth0 master br7');
  space.attempt(first, 'ip addr flush dev eth0');
  space.run(first, `ip addr add ${own} dev br7`);
  await check('a bridge in its place: the node again, by its bridge', () => answering(VIP).join() === macOf(space, first, 'br7'), 15_000);

  space.run('client', ['sysctl', '-qw', 'net.ipv6.conf.eth0.accept_dad=1', 'net.ipv6.conf.eth0.dad_transmits=1']);
  space.run('client', `ip -6 addr add ${VIP6}/64 dev eth0`);
  await check('a client that wants the VIP finds it taken (duplicate address detection)', () =>
    space.run('client', 'ip -6 addr show eth0').includes('dadfailed'),
  );
  space.run('client', `ip -6 addr del ${VIP6}/64 dev eth0`);

  const owner = (await until('an owner', () => ownerOf(VIP), 10_000)) ?? '';
  const name = lab.nodes.includes(owner) ? owner : first;
  await patchNode(name, { metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } } });
  await check('a node that is excluded from load balancers gives it to another', () => {
    const found = answering(VIP);
    return found.length === 1 && macs().get(found[0] ?? '') !== name && found[0] !== macOf(space, name, 'br7');
  });
  await patchNode(name, { metadata: { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': null } } });
  await check('and has it back', () => answering(VIP).join() === macOf(space, name, name === first ? 'br7' : 'eth0'), 10_000);

  space.run('frr', `ip addr add ${VLAN_VIP}/24 dev eth0`);
  space.attempt('frr', ['arping', '-c', '2', '-w', '1', '-i', 'eth0', '-S', VLAN_VIP, VLAN_VIP]);
  space.attempt('frr', ['arping', '-c', '2', '-w', '1', '-i', 'eth0', '-S', VLAN_VIP, '10.10.0.5']);
  await check('another host that uses a VIP is told', () =>
    lab.nodes.some(
      (each) => /heraldlb_layer2_conflicts_total.* [1-9]/.test(lab.metrics(each)) || /conflicts.* [1-9]/.test(lab.metrics(each)),
    ),
  );
  await sleep(100);
} finally {
  await lab.close();
}
