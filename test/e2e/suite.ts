import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../support/apiClient.ts';
import { sleep, until } from '../support/until.ts';
import { FRR, nodeAddresses } from '../lab/addresses.ts';
import { findKubeBinaries } from '../kube/binaries.ts';
import { vips } from '../lab/kubeProxy.ts';
import { Lab, type LabApi } from '../lab/lab.ts';
import { NAMESPACE, service } from '../lab/manifests.ts';
import { routeFarThrough } from '../lab/network.ts';
import { macOf, urlOf } from '../lab/traffic.ts';
import { Capture } from './wire.ts';

const serviceRef = (name: string) => ({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name });
const configRef = (kind: string, name: string) => ({ apiVersion: 'heraldlb.io/v1', kind, namespace: NAMESPACE, name });
const host = (vip: string): string => `${vip}/${vip.includes(':') ? 128 : 32}`;

/** An UPDATE that withdraws: withdrawn routes of IPv4, or MP_UNREACH_NLRI (15). */
const WITHDRAWAL = 'bgp.update.withdrawn_routes.length > 0 || bgp.update.path_attribute.type_code == 15';

/** The main job, end to end, through the product's own executable and against real routers, on whichever API server. */
export function mainJob(name: string, startApi?: (root: string) => Promise<LabApi>): void {
  describe(`the main job on ${name}`, () => {
    let lab: Lab;
    const addresses = (nodes: readonly string[]): string[] => nodes.map((node) => nodeAddresses(lab.nodes.indexOf(node)).ipv4).sort();
    const addresses6 = (nodes: readonly string[]): string[] => nodes.map((node) => nodeAddresses(lab.nodes.indexOf(node)).ipv6).sort();

    beforeAll(async () => {
      lab = await Lab.start({ tag: name === 'kubelab' ? 'e2e' : 'e2k', ...(startApi === undefined ? {} : { api: startApi }) });
      for (const [kind, spec] of [
        ['BFDProfile', { detectMultiplier: 5 }],
        ['Community', { communities: [{ name: 'blue', value: '64512:1' }] }],
      ] as const) {
        await lab.client.apply({ apiVersion: 'heraldlb.io/v1', kind, metadata: { name: 'extra', namespace: NAMESPACE }, spec });
      }
      lab.startDaemons();
      await lab.established();
    }, 120_000);

    afterAll(async () => {
      await lab?.close();
    });

    async function assigned(name: string, count = 2): Promise<readonly string[]> {
      return until(`${count} VIPs for ${name}`, async () => {
        const found = vips(await lab.client.get(serviceRef(name)));
        return found.length === count ? found : undefined;
      });
    }

    /** Both routers hold exactly these next hops for the VIP. */
    async function routed(vip: string, nodes: readonly string[], timeoutMs = 10_000): Promise<void> {
      const expected = vip.includes(':') ? addresses6(nodes) : addresses(nodes);
      for (const router of [lab.frr, lab.bird]) {
        await until(
          `${router.name} to have ${expected.join(' ') || 'no next hop'} for ${vip}`,
          () =>
            JSON.stringify([...new Set(router.nextHops(host(vip)))].filter((hop) => !hop.startsWith('fe80'))) === JSON.stringify(expected),
          timeoutMs,
          25,
        );
      }
    }

    const curl = (from: string, vip: string): string => lab.space.attempt(from, ['curl', '-s', '--max-time', '3', urlOf(vip)]) ?? '';

    it('gives both routers a /32 and a /128 per VIP with one next hop per node, and HTTP goes through either', async () => {
      await lab.client.apply(service('web', 'bgp'));
      const [v4 = '', v6 = ''] = await assigned('web');
      expect(v4).toMatch(/^198\.51\.100\./);
      expect(v6).toMatch(/^2001:db8:51::/);
      for (const vip of [v4, v6]) await routed(vip, lab.nodes);
      await lab.cluster.syncNat();
      for (const router of ['frr', 'bird'] as const) {
        routeFarThrough(lab.space, router);
        for (const vip of [v4, v6]) await until(`curl ${vip} through ${router}`, () => curl('far', vip).startsWith('hello'), 5_000);
      }
    });

    it('re-announces a changed community and localPref without a session reset', async () => {
      const [v4 = ''] = await assigned('web');
      const before = lab.frr.sessions();
      const uptimes = flaps(lab);
      await lab.client.patch(configRef('BGPAdvertisement', 'edge'), { spec: { communities: ['64512:42'], localPref: 150 } });
      await until('FRR to see the community', () => lab.frr.detail(host(v4)).includes('64512:42'));
      await until('BIRD to see the community', () => lab.bird.detail(host(v4)).includes('(64512,42)'));
      expect(lab.frr.sessions()).toEqual(before);
      expect(flaps(lab)).toEqual(uptimes);
      await lab.client.patch(configRef('BGPAdvertisement', 'edge'), { spec: { communities: null, localPref: null } });
      await until('FRR to lose the community', () => !lab.frr.detail(host(v4)).includes('64512:42'));
    });

    it('announces a Local Service only from nodes with ready endpoints', async () => {
      await lab.client.apply(service('local', 'bgp', 'Local'));
      const [v4 = '', v6 = ''] = await assigned('local');
      await routed(v4, lab.nodes);
      await lab.cluster.setReady('node2', false);
      for (const vip of [v4, v6]) await routed(vip, ['node1', 'node3']);
      expect(new Set(lab.frr.nextHops(host(v4)))).not.toContain(nodeAddresses(1).ipv4);
      await lab.cluster.setReady('node2', true);
      for (const vip of [v4, v6]) await routed(vip, lab.nodes);
    });

    it('answers ARP and NDP for a VIP from exactly one node, the same for every asker', async () => {
      await lab.client.apply(service('segment', 'segment'));
      const [v4 = '', v6 = ''] = await assigned('segment');
      const macs = new Map(lab.nodes.map((node) => [macOf(lab.space, node), node]));
      await until('an answer', () => lab.space.attempt('client', ['arping', '-c', '1', '-w', '1', '-i', 'eth0', v4]) !== undefined, 10_000);
      await sleep(500);
      const capture = await Capture.start(lab.space, 'client', 'eth0', lab.directory, 'arp or icmp6');
      for (let round = 0; round < 3; round++) {
        lab.space.attempt('client', ['arping', '-c', '1', '-w', '1', '-i', 'eth0', v4]);
        lab.space.attempt('client', ['ndisc6', '-n', '-m', '-r', '1', '-w', '700', v6, 'eth0']);
      }
      const clientMac = macOf(lab.space, 'client');
      const rows = await capture.fields(
        '(arp.opcode == 2 || icmpv6.type == 136)',
        'eth.src',
        'eth.dst',
        'arp.src.proto_ipv4',
        'icmpv6.nd.na.target_address',
      );
      const answers = rows.filter((row) => row[1] === clientMac && [v4, v6].includes(row[2] || row[3] || ''));
      expect(answers).toHaveLength(6);
      const owners = new Set(answers.map((row) => macs.get(row[0] ?? '')));
      expect([...owners]).toHaveLength(1);
      expect(owners).not.toContain(undefined);
      await lab.cluster.syncNat();
      for (const vip of [v4, v6]) await until(`curl ${vip}`, () => curl('client', vip).startsWith('hello'), 5_000);
    });

    it('keeps every VIP and announces nothing wrong when controller and speaker are killed and come back', async () => {
      const names = ['web', 'local', 'segment'];
      const before = await Promise.all(names.map((name) => assigned(name)));
      const webVip = before[0]?.[0] ?? '';
      for (let round = 0; round < 3; round++) {
        lab.controllers.get('controller-1')?.kill('SIGKILL');
        lab.speakers.get('node1')?.kill('SIGKILL');
        await sleep(300 * round);
        lab.startController('controller-1');
        lab.startSpeaker('node1');
        await routed(webVip, lab.nodes, 20_000);
      }
      expect(await Promise.all(names.map((name) => assigned(name)))).toEqual(before);
      const unexpected = [lab.frr, lab.bird].flatMap((router) => router.nextHops('198.51.100.63/32'));
      expect(unexpected).toEqual([]);
    }, 120_000);

    it('changes nothing on the wire while the API server is gone, and goes on when it is back', async () => {
      const [v4 = ''] = await assigned('web');
      const [l2 = ''] = await assigned('segment');
      const sessionsBefore = flaps(lab);
      const capture = await Capture.start(lab.space, 'frr', 'eth0', lab.directory, 'tcp port 179');
      lab.door.shut();
      await sleep(6_000);
      await routed(v4, lab.nodes);
      expect(curl('client', l2)).toMatch(/^hello/);
      const updates = await capture.fields('bgp.type == 2', 'ip.src');
      // What FRR says to the nodes is its own affair.
      expect(updates.filter(([source]) => source !== FRR.ipv4)).toEqual([]);
      expect(flaps(lab)).toEqual(sessionsBefore);
      lab.door.reopen();
      await lab.client.apply(service('late', 'bgp'));
      const [late = ''] = await assigned('late');
      await routed(late, lab.nodes, 40_000);
    }, 120_000);

    it('leaves the rest working when an object is bad, and says so on it', async () => {
      const bad = {
        apiVersion: 'heraldlb.io/v1',
        kind: 'IPAddressPool',
        metadata: { name: 'overlapping', namespace: NAMESPACE },
        spec: { addresses: ['198.51.100.0/28'] },
      };
      await lab.client.apply(bad);
      const condition = await until('a condition on the bad pool', async () => {
        const status = (await lab.client.get(configRef('IPAddressPool', 'overlapping'))).status as {
          conditions?: { status: string; reason: string; message: string }[];
        };
        return status?.conditions?.find((candidate) => candidate.status === 'False');
      });
      expect(condition.reason).toBe('OverlappingPools');
      expect(condition.message).toMatch(/spec\.addresses\[0\].*198\.51\.100\.0\/28/);
      const events = await until('an event', async () => {
        const all = (await lab.client.list({ apiVersion: 'v1', kind: 'Event', namespace: NAMESPACE })) as unknown as {
          involvedObject: { name: string };
          message: string;
          reason: string;
        }[];
        const about = all.filter((event) => event.involvedObject.name === 'overlapping');
        return about.length > 0 ? about : undefined;
      });
      expect(events[0]?.message).toMatch(/spec\.addresses/);
      await lab.client.apply(service('after', 'bgp'));
      const [vip = ''] = await assigned('after');
      await routed(vip, lab.nodes);
      await lab.client.delete(configRef('IPAddressPool', 'overlapping'));
    });

    it('withdraws within a second when the Service is deleted', async () => {
      const found = await assigned('web');
      const capture = await Capture.start(lab.space, 'frr', 'eth0', lab.directory, 'tcp port 179');
      const deletedAt = Date.now() / 1000;
      await lab.client.delete(serviceRef('web'));
      // Nothing that blocks: the embedded API server may live in this process.
      await sleep(1_500);
      const rows = await capture.fields(WITHDRAWAL, 'frame.time_epoch', 'ip.src', 'ipv6.src');
      const sessions = new Map<string, number>();
      const ours = new Set([...addresses(lab.nodes), ...addresses6(lab.nodes)]);
      for (const [time = '', ipv4 = '', ipv6 = ''] of rows)
        if (ours.has(ipv4 || ipv6)) sessions.set(ipv4 || ipv6, Number(time) - deletedAt);
      for (const node of lab.nodes) expect([...sessions.keys()]).toContain(addresses([node])[0]);
      expect(Math.max(...sessions.values())).toBeLessThan(1);
      for (const vip of found) await routed(vip, []);
    });

    it('shows useful columns for every kind, and the events of a Service, in kubectl', async () => {
      const kubeconfig = join(lab.directory, 'admin.kubeconfig');
      writeFileSync(kubeconfig, lab.api.kubeconfig());
      // Never blocking: the embedded API server may live in this process.
      const kubectl = async (...words: string[]): Promise<string> =>
        (
          await promisify(execFile)(findKubeBinaries()?.kubectl ?? 'kubectl', [...words, '--kubeconfig', kubeconfig], {
            encoding: 'utf8',
            timeout: 20_000,
          })
        ).stdout;
      for (const [kind, columns] of COLUMNS) {
        const table = await kubectl('get', kind, '-n', NAMESPACE);
        for (const column of columns) expect(`${kind}: ${table.split('\n')[0]}`).toContain(column);
      }
      const described = await kubectl('describe', 'service', 'local', '-n', 'default');
      expect(described).toMatch(/IPAllocated[\s\S]*Assigned IP/);
      expect(described).toMatch(/nodeAssigned[\s\S]*with protocol "bgp"/);
    });

    it('was never refused a request under the roles of the manifests', () => {
      const logs = readdirSync(lab.directory).filter((file) => /^(controller|speaker).*\.log$/.test(file));
      expect(logs.length).toBe(lab.nodes.length + 1);
      const refused = logs
        .flatMap((file) => readFileSync(join(lab.directory, file), 'utf8').split('\n'))
        .filter((line) => /Forbidden|"status":40[13]|forbidden/.test(line));
      expect(refused).toEqual([]);
    });

    it('tells on Service and NodeState what it did', async () => {
      const events = (await lab.client.list({ apiVersion: 'v1', kind: 'Event', namespace: 'default' })) as unknown as {
        reason: string;
        involvedObject: { name: string };
      }[];
      const reasons = new Set(events.filter((event) => event.involvedObject.name === 'local').map((event) => event.reason));
      expect(reasons).toContain('IPAllocated');
      expect(reasons).toContain('nodeAssigned');
      const states = await lab.client.list({ apiVersion: 'heraldlb.io/v1', kind: 'NodeState', namespace: NAMESPACE });
      expect(states.map((state: KubeObject) => state.metadata.name).sort()).toEqual([...lab.nodes]);
      const peers = (states[0]?.status?.['bgp'] ?? []) as { peer: string; state: string }[];
      expect(Object.fromEntries(peers.map((peer) => [peer.peer, peer.state]))).toEqual({ bird: 'Established', frr: 'Established' });
    });
  });
}

/** What `kubectl get` has to show at least. */
const COLUMNS: readonly (readonly [kind: string, columns: readonly string[]])[] = [
  ['ipaddresspools', ['NAME', 'ACCEPTED', 'USED IPV4', 'FREE IPV4', 'ADDRESSES', 'AGE']],
  ['bgppeers', ['NAME', 'ACCEPTED', 'ADDRESS', 'ASN', 'AGE']],
  ['bgpadvertisements', ['NAME', 'ACCEPTED', 'IPADDRESSPOOLS', 'PEERS', 'AGE']],
  ['l2advertisements', ['NAME', 'ACCEPTED', 'IPADDRESSPOOLS', 'INTERFACES', 'AGE']],
  ['bfdprofiles', ['NAME', 'ACCEPTED', 'TRANSMIT INTERVAL', 'AGE']],
  ['communities', ['NAME', 'ACCEPTED', 'NAMES', 'AGE']],
  ['nodestates', ['NAME', 'PEERS', 'ROUTES', 'VIPS', 'PROBLEMS', 'AGE']],
];

/** How often each session came up, in FRR's own count. */
function flaps(lab: Lab): Record<string, number> {
  const text = lab.space.run('frr', ['vtysh', '--vty_socket', `${lab.directory}/frr`, '-c', 'show bgp neighbors json']);
  const neighbors = JSON.parse(text) as Record<string, { connectionsEstablished?: number }>;
  return Object.fromEntries(Object.entries(neighbors).map(([address, neighbor]) => [address, neighbor.connectionsEstablished ?? 0]));
}
