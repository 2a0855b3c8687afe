import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RankCache, electionOrder } from '../../src/layer2/elector.ts';
import type { Ip } from '../../src/net/ip.ts';
import { NAMESPACE } from '../lab/manifests.ts';
import { SegmentLab } from '../lab/segment.ts';
import { lines } from '../lab/space.ts';
import { macOf } from '../lab/traffic.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';

const VIP = '10.10.0.200';
/** In no node's subnet, so that all nodes are alike. */
const VIP6 = '2001:db8:77::1';
/** Each the address of a node that Kubernetes knows nothing of. */
const OWN: Readonly<Record<string, string>> = { node1: '10.10.0.206', node2: '10.10.0.205', node3: '10.10.0.207' };
/** That of a node's interface, of the family by which the speakers do not hear one another. */
const OWN6 = 'fd10:10::12';

const DEAF = 'table inet deaf {\n chain input {\n type filter hook input priority -10\n udp dport 7483 drop\n }\n}\n';

const POOLS = `apiVersion: heraldlb.io/v1
kind: IPAddressPool
metadata: { name: odd, namespace: ${NAMESPACE} }
spec: { addresses: ["fd10:10::11-fd10:10::13", "2001:db8:77::/120"] }
`;

const ADVERTISEMENT = `apiVersion: heraldlb.io/v1
kind: L2Advertisement
metadata: { name: segment, namespace: ${NAMESPACE} }
spec: {}
`;

need(
  'netns',
  'command:arping',
  'command:ndisc6',
  'command:nft',
  'command:tcpdump',
  'command:curl',
  'file:dist/src/cli/heraldlb.js',
).describe('three speakers whose nodes have addresses, and lose them, interfaces, IPv6 and their hearing', () => {
  let lab: SegmentLab;
  let dump: ChildProcess | undefined;
  const heard: string[] = [];

  beforeAll(async () => {
    const vips = [VIP, VIP6, OWN6, ...Object.values(OWN)];
    lab = await SegmentLab.start({ tag: 'l2x', vips, flags: ['--l2-failback', 'immediate'] });
    await lab.client.apply(POOLS);
    for (const [name, address] of Object.entries(OWN)) lab.space.run(name, `ip addr add ${address}/32 dev eth0`);
    dump = lab.space.start(
      'seg',
      ['tcpdump', '-i', 'br0', '-l', '-n', '--immediate-mode', 'arp or icmp6'],
      join(lab.directory, 'dump.log'),
    );
    lines(dump, (line) => void heard.push(line));
    lab.startSpeakers();
    await lab.settled();
  }, 120_000);

  afterAll(async () => {
    dump?.kill('SIGTERM');
    await lab?.close();
  });

  const single = async (vip = VIP, besides?: string): Promise<string> =>
    (await until('exactly one owner', () => {
      const owner = lab.owner(vip);
      return owner === besides ? undefined : owner;
    })) ?? '';
  const addressOf = (name: string): string => `10.10.0.${10 + Number(name.slice('node'.length))}`;

  it('never announces what is the address of another node, whether Kubernetes knows of it or not', async () => {
    for (const name of lab.nodes)
      await until('all four to be refused', () => /problems\{reason="AddressOfNode".*\} 4/.test(lab.metrics(name)));
    for (const [name, address] of Object.entries(OWN)) expect(lab.owners(address)).toEqual([name]);
    const announced = heard.filter(
      (line) => Object.values(OWN).some((ip) => line.includes(`who-has ${ip} tell ${ip}`)) || line.includes(`${OWN6} > ff02::1: `),
    );
    expect(announced).toEqual([]);
  }, 60_000);

  it('an L2Advertisement that is deleted and made again at once: the owner answers without asking first', async () => {
    const owner = await single();
    const since = heard.length;
    await lab.client.delete({ apiVersion: 'heraldlb.io/v1', kind: 'L2Advertisement', name: 'segment', namespace: NAMESPACE });
    await sleep(300);
    await lab.client.apply(ADVERTISEMENT);
    await until('the owner again', () => lab.owner() === owner);
    expect(heard.slice(since).filter((line) => line.includes(`who-has ${VIP}`) && line.includes('tell 0.0.0.0'))).toEqual([]);
  }, 60_000);

  it('whoever loses the address by which the others know it answers no more; and has its VIP back with it', async () => {
    const owner = await single();
    lab.space.run(owner, `ip addr del ${addressOf(owner)}/24 dev eth0`);
    expect(await single(VIP, owner)).not.toBe(owner);
    // Nor is it one that comes and goes.
    const since = heard.length;
    await sleep(1500);
    expect(heard.slice(since).filter((line) => line.includes(`Reply ${VIP} is-at ${macOf(lab.space, owner)}`))).toEqual([]);
    lab.space.run(owner, `ip addr add ${addressOf(owner)}/24 dev eth0`);
    await until('the owner to be back', () => lab.owner() === owner);
    await lab.settled();
  }, 60_000);

  it('whoever hears nobody, and is heard, gives way to those that hear each other, though it goes before by the hash', async () => {
    const candidates = lab.nodes.map((node) => ({ node, weight: 0 }));
    const [deaf = ''] = electionOrder({ key: VIP, firstVip: VIP as Ip, candidates }, new RankCache());
    lab.space.run(deaf, ['nft', '-f', '-'], DEAF);
    await until('another to answer', () => ![undefined, deaf].includes(lab.owner()), 5000);
    // It asks again, ever more rarely, and has it for no longer than a moment.
    const owners = [lab.owners(), lab.owners(), lab.owners()].flat();
    expect(owners.filter((name) => name === deaf).length).toBeLessThan(2);
    lab.space.run(deaf, 'nft delete table inet deaf');
    await lab.settled();
  }, 60_000);

  it('of two interfaces on the segment one fails: who knows the VIP by its MAC is told the other at once', async () => {
    const owner = await single();
    lab.space.link('seg', 'p-second', owner, 'eth1');
    lab.space.run('seg', 'ip link set p-second master br0');
    const second = macOf(lab.space, owner, 'eth1');
    await until('both to answer', () => lab.owners().length === 2);
    lab.space.run('client', `ip neigh replace ${VIP} lladdr ${second} dev eth0 nud reachable`);
    lab.space.run('seg', 'ip link set p-second down');
    const mac = macOf(lab.space, owner);
    const known = (): string => lab.space.run('client', `ip neigh show ${VIP}`);
    await until('the client to know the other', () => known().includes(mac), 3000);
    expect(known()).not.toContain(second);
    lab.space.run(owner, 'ip link del eth1');
    await lab.settled();
  }, 60_000);

  it('a node whose interface has no IPv6 any more is no owner of an IPv6 address', async () => {
    const owner = await single(VIP6);
    lab.space.run(owner, ['sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1']);
    expect(await single(VIP6, owner)).not.toBe(owner);
  }, 60_000);
});
