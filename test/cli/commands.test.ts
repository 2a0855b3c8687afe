import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NAMESPACE } from '../controller/fixtures.ts';
import { type Cluster, getService, ips, poolObject, serviceObject, startCluster, until } from '../controller/support.ts';
import { need } from '../support/need.ts';
import { calm, listRaw, speak } from './explainSupport.ts';
import { Executable, run } from './support.ts';

const own = (kind: string, name: string, spec: object): object => ({
  apiVersion: 'heraldlb.io/v1',
  kind,
  metadata: { name, namespace: NAMESPACE },
  spec,
});

const slice = (service: string, nodes: readonly string[]): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${service}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
  addressType: 'IPv4',
  endpoints: nodes.map((nodeName, index) => ({ addresses: [`10.244.0.${index + 1}`], nodeName, conditions: { ready: true } })),
  ports: [],
});

let cluster: Cluster;
let directory: string;
let program: Executable;

/** What the programs would have made of the cluster, written to it. */
async function writeNodeStates(): Promise<void> {
  const raw = await listRaw(cluster.kubeconfig);
  raw.nodeStates = [];
  await speak(raw, calm);
  for (const { metadata, status } of raw.nodeStates) {
    const ref = { apiVersion: 'heraldlb.io/v1', kind: 'NodeState', namespace: NAMESPACE, name: metadata.name };
    await cluster.lab.create({ ...ref, metadata, spec: {} });
    await cluster.lab.patch(ref, { status }, { subresource: 'status' });
  }
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hlb-commands-'));
  program = await Executable.build();
  cluster = await startCluster();
  const { lab } = cluster;
  await lab.create(poolObject('main', ['198.51.100.0/28']));
  await lab.create(own('BGPPeer', 'tor', { myASN: 64_512, peerASN: 64_513, peerAddress: '192.0.2.254' }));
  await lab.create(own('BGPAdvertisement', 'bgp', { communities: ['64512:7'] }));
  await lab.create(own('L2Advertisement', 'l2', {}));
  for (const name of ['n1', 'n2']) {
    await lab.create({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
    const addresses = [{ type: 'InternalIP', address: `192.0.2.1${name.slice(1)}` }];
    const status = { conditions: [{ type: 'Ready', status: 'True' }], addresses };
    await lab.patch({ apiVersion: 'v1', kind: 'Node', name }, { status }, { subresource: 'status' });
  }
  for (const name of ['web', 'api']) {
    await lab.create(serviceObject(name));
    await lab.create(slice(name, name === 'web' ? ['n1', 'n2'] : ['n1']));
  }
  await lab.create(serviceObject('empty'));
  await cluster.start('one');
  for (const name of ['web', 'api', 'empty']) await until(`${name} to have it`, async () => ips(await getService(lab, name)).length > 0);
  await writeNodeStates();
}, 60_000);

afterAll(async () => {
  await cluster?.close();
  program?.close();
  rmSync(directory, { recursive: true, force: true });
});

const ask = (...words: readonly string[]) => program.run(cluster.kubeconfig, ...words);

/** What the tests look into of the answers of all commands. */
interface Told {
  readonly disruptive: boolean;
  readonly dark: readonly string[];
  readonly removed: readonly string[];
  readonly services: readonly { readonly service: string; readonly kind: string }[];
  readonly sessions: readonly { readonly kind: string }[];
  readonly moves: readonly { readonly services: readonly string[]; readonly to?: string }[];
}

async function json(...words: readonly string[]): Promise<Told> {
  return JSON.parse((await ask(...words, '-o', 'json')).out) as Told;
}

function manifest(...objects: readonly object[]): string {
  const file = join(directory, `${Math.random()}.json`);
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  return file;
}

describe('heraldlb on a cluster', () => {
  it('explain: one line for a Service that is well, and the cause for one that is not', async () => {
    const well = await ask('explain', 'service', 'default/web');
    expect(well.err).toBe('');
    expect(well.code).toBe(0);
    expect(well.out.split('\n')[0]).toMatch(/^default\/web \(198\.51\.100\.\d+\) is announced$/);
    const ill = await ask('explain', 'service', 'empty');
    expect(ill.code).toBe(1);
    expect(ill.out.split('\n')[0]).toMatch(
      /^default\/empty \(198\.51\.100\.\d+\) is not announced: NoEndpoints \[every node\]: .* Next: .*\(docs\/troubleshoot\.md#noendpoints\)$/,
    );
    expect(ill.out).toMatch(/^Endpoints +BROKEN +none is serving$/m);
    expect(await json('explain', 'service', 'default/empty')).toMatchObject({ state: 'notAnnounced', causes: [{ reason: 'NoEndpoints' }] });
  });

  it('status: problems first', async () => {
    const { code, out } = await ask('status');
    expect(code).toBe(1);
    expect(out).toMatch(/^1 problem:\n {2}NoEndpoints \[default\/empty\]: /);
    expect(out).toMatch(/^Controller {2}one leads since \d+s/m);
    expect(out).toMatch(/^Services +3 of type LoadBalancer, 3 with an address, 2 announced$/m);
    expect(out).toMatch(/^Sessions +2 of 2 up$/m);
    expect(out).toMatch(/^main +\[####\.+\] +3 of 16 /m);
    expect(await json('status')).toMatchObject({ services: { all: 3, announced: 2 }, sessions: { up: 2, all: 2 } });
  });

  it('peers, routes, vips, pools', async () => {
    const peers = await ask('peers');
    expect(peers.code).toBe(0);
    expect(peers.out).toMatch(/^n1 +tor +192\.0\.2\.254 +Established /m);
    expect((await ask('peers', '--node', 'n2')).out).not.toMatch(/^n1 /m);
    const [web] = ips(await getService(cluster.lab, 'web'));
    const routes = await ask('routes');
    expect(routes.code).toBe(0);
    expect(routes.out).toMatch(new RegExp(String.raw`^${web}/32 +n2 +tor +announced +community 64512:7$`, 'm'));
    const vips = await ask('vips');
    // One of the three is announced by nobody.
    expect(vips.code).toBe(1);
    expect(vips.out).toMatch(new RegExp(String.raw`^${web} +default/web +BGP +n1, n2 `, 'm'));
    expect(vips.out).toMatch(new RegExp(String.raw`^${web} +default/web +layer 2 +n[12] `, 'm'));
    expect(vips.out).toMatch(/ +default\/empty +- +none$/m);
    expect(await json('pools')).toEqual([
      { pool: 'main', addresses: ['198.51.100.0/28'], ipv4: { used: 3, free: 13 }, services: 3, remark: '' },
    ]);
    expect((await ask('pools')).code).toBe(0);
  });

  it('plan: the same again disturbs nothing, another range renumbers, another AS number resets', async () => {
    const same = await ask('plan', '-f', manifest(poolObject('main', ['198.51.100.0/28'])));
    expect([same.code, same.out.split('\n')[0]]).toEqual([0, 'This would disturb nothing.']);
    // What the API server has filled in since is no edit.
    expect(same.out).toMatch(/^Objects that are new or another way: none$/m);
    expect(same.out).toMatch(/^Services renumbered: none$/m);
    const moved = await json('plan', '-f', manifest(poolObject('main', ['203.0.113.0/28'])));
    expect(moved.disruptive).toBe(true);
    expect(moved.services.map(({ service, kind }) => [service, kind])).toEqual([
      ['default/api', 'renumbered'],
      ['default/empty', 'renumbered'],
      ['default/web', 'renumbered'],
    ]);
    const other = await ask('plan', '-f', manifest(own('BGPPeer', 'tor', { myASN: 64_512, peerASN: 64_999, peerAddress: '192.0.2.254' })));
    expect(other.code).toBe(1);
    expect(other.out).toMatch(/^BGP sessions: 2\n {2}n1 tor is reset: peerAsn\n {2}n2 tor is reset: peerAsn$/m);
  });

  it('plan: withdrawals, moves, what is not taken, and what goes', async () => {
    const only = { nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'nobody' } }] };
    const { out, code } = await ask('plan', '-f', manifest(own('BGPAdvertisement', 'bgp', only), own('L2Advertisement', 'l2', only)));
    expect(code).toBe(1);
    expect(out).toMatch(/^Services that nobody announces any more: 2$/m);
    expect(out).toMatch(/n1 withdraws 198\.51\.100\.\d+\/32, 198\.51\.100\.\d+\/32 \(tor\)/);
    expect(out).toMatch(/default\/web\): n[12] -> nobody/);
    const bad = await ask('plan', '-f', manifest(poolObject('main', ['198.51.100.0/28', 'nonsense'])));
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/^error IPAddressPool\/main InvalidAddressBlock: spec\.addresses\[1\]: "nonsense" /m);
    // Its last good version goes on.
    expect(bad.out).toMatch(/^Services renumbered: none$/m);
    const pruned = await json('plan', '--prune', '-f', manifest(poolObject('main', ['198.51.100.0/28'])));
    expect(pruned.removed).toEqual(['BGPPeer/tor', 'BGPAdvertisement/bgp', 'L2Advertisement/l2']);
    expect(pruned.sessions.map(({ kind }) => kind)).toEqual(['ended', 'ended']);
  });

  it('plan: files of another namespace are nothing to HeraldLB', async () => {
    const elsewhere = { ...poolObject('main', ['203.0.113.0/28']), metadata: { name: 'main', namespace: 'other' } };
    expect((await ask('plan', '-f', manifest(elsewhere))).code).toBe(0);
  });

  it('drill: what it would do, and what it refuses, with nothing done', async () => {
    const { code, out } = await ask('drill', 'failover', 'default/web');
    expect(code).toBe(1);
    expect(out).toMatch(
      /^n[12] announces 198\.51\.100\.\d+: it would be drained, .* Could take over: n[12]\.\nNothing was done\. Say --yes/,
    );
    const chosen = await ask('drill', 'failover', 'default/web', '--node', 'n2', '-o', 'json');
    expect(JSON.parse(chosen.out)).toMatchObject({ owner: 'n2', successors: ['n1'], done: false });
    for (const [words, why] of [
      [['default/empty'], 'no node announces default/empty: ask `heraldlb explain service default/empty`'],
      [['default/none'], 'there is no Service default/none'],
      [['none'], '"none" is not namespace/name of a Service'],
      [['default/web', '--node', 'n9'], 'n9 does not announce default/web: '],
    ] as const) {
      const refused = await ask('drill', 'failover', ...words, '--yes');
      expect(refused).toMatchObject({ code: 2, out: '' });
      expect(refused.err).toContain(`error: ${why}`);
    }
  });

  it('simulate: who takes over, and what goes dark', async () => {
    const one = await json('simulate', '--without', 'n1');
    expect(one.dark).toEqual(['default/api']);
    for (const { to } of one.moves.filter(({ services }) => services.includes('default/web'))) expect(to).toBe('n2');
    const text = await ask('simulate', '--without', 'n1');
    expect(text.code).toBe(1);
    expect(text.out).toMatch(/^Without n1:\nServices that nobody announces any more: 1\n {2}default\/api$/m);
    expect((await ask('simulate', '--without', 'n2')).code).toBe(0);
    const unknown = await ask('simulate', '--without', 'n9');
    expect([unknown.code, unknown.err]).toEqual([2, 'error: there is no node n9; there are n1, n2\n']);
  });

  it.each([['status'], ['explain', 'service', 'default/web'], ['plan', '-f', 'manifests/examples']])(
    '%s: an API server that is away is one line, and exit code 2',
    async (...words) => {
      const file = join(directory, 'away');
      writeFileSync(file, cluster.lab.kubeconfig().replace(cluster.lab.url, 'http://127.0.0.1:9'));
      const { code, out, err } = await program.run(file, ...words);
      expect([code, out]).toEqual([2, '']);
      expect(err).toMatch(/^error: .*127\.0\.0\.1:9.*\n$/);
    },
  );

  it('wrong usage is exit code 2', async () => {
    const wrong = [
      ['explain', 'pod', 'x'],
      ['plan'],
      ['explain', 'service', 'a/b/c'],
      ['status', '-o', 'yaml'],
      ['routes', '--node', 'n9'],
      ['ping', 'nonsense', '-o', 'json'],
      ['ping'],
      ['drill'],
      ['nonsense'],
      [],
    ];
    const ran = await Promise.all(wrong.map((words) => ask(...words)));
    expect(ran.map(({ code, out }) => [code, out])).toEqual(wrong.map(() => [2, '']));
    expect(ran[4]?.err).toBe('error: there is no node n9; there are n1, n2\n');
  });

  it('a kubeconfig that cannot be read is one line, with its name', async () => {
    const file = join(directory, 'broken.kubeconfig');
    for (const text of ['a: [', '']) {
      writeFileSync(file, text);
      const { code, err } = await ask('status', '--kubeconfig', file);
      expect(code).toBe(2);
      expect(err).toMatch(new RegExp(`^error: the kubeconfig ${file} cannot be read: [^\\n]+\\n$`));
    }
  });

  it('definitions that are not installed are said', async () => {
    const { code, err } = await ask('status', '--api-group', 'metallb.io');
    expect(code).toBe(2);
    expect(err).toMatch(/^error: the cluster has no \w+\.metallb\.io: its definition is not installed/);
  });
});

need('command:kubectl').describe('as a plugin of kubectl', () => {
  it('says and ends as it does alone', async () => {
    const env = { ...process.env, PATH: `${program.plugin()}:${process.env['PATH']}`, KUBECONFIG: cluster.kubeconfig, HOME: directory };
    const { code, out } = await run('kubectl', ['heraldlb', 'vips', '-o', 'json'], env);
    expect(JSON.parse(out)).toEqual(await json('vips'));
    expect(code).toBe(1);
    const help = await run('kubectl', ['heraldlb', 'explain', '--help'], env);
    expect([help.code, help.out]).toEqual([0, expect.stringMatching(/^Usage: heraldlb explain /)]);
  });
});
