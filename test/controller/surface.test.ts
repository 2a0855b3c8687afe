import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { controllerCommand } from '../../controller/command.ts';
import { NAMESPACE } from './fixtures.ts';
import { METALLB_CRDS } from './metallb.ts';
import {
  type Seen,
  allIps,
  conditionOf,
  eventsAbout,
  getPool,
  getService,
  ips,
  poolObject,
  serviceObject,
  startCluster,
  until,
} from './support.ts';

const RBAC = fileURLToPath(new URL('../../manifests/base/rbac.yaml', import.meta.url));

function config(apiVersion: string, kind: string, name: string, spec: object): object {
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE }, spec };
}

describe('the controller beside the rest of the cluster', () => {
  it('asks for nothing that its role does not allow', async () => {
    const roles = parseAllDocuments(readFileSync(RBAC, 'utf8')).map((document) => document.toJS() as object);
    const cluster = await startCluster({ rbac: true, objects: roles });
    try {
      const { lab } = cluster;
      const kubeconfig = cluster.kubeconfigFor(lab.serviceAccountToken(NAMESPACE, 'heraldlb-controller'));
      const one = await cluster.start('one', { kubeconfig });
      await lab.create(poolObject('p', ['192.0.2.0/24']));
      await lab.create(poolObject('q', ['192.0.2.0/28']));
      await lab.create(serviceObject('a', {}, { 'heraldlb.io/address-claim': 'keep' }));
      await until('an address', async () => ips(await getService(lab, 'a')).length > 0);
      const claim = { apiVersion: 'heraldlb.io/v1', kind: 'AddressClaim', namespace: NAMESPACE, name: 'default.a' };
      await until('a claim', async () => conditionOf((await lab.get(claim)) as unknown as Seen, 'Bound')?.status === 'True');
      await until('events', async () => (await eventsAbout(lab, 'a')).length > 0 && (await eventsAbout(lab, 'q')).length > 0);
      await until('conditions', async () => conditionOf(await getPool(lab, 'p'), 'Accepted') !== undefined);
      await one.close();
      const own = lab.requests.filter(({ userAgent }) => userAgent?.startsWith('heraldlb-controller'));
      expect(own.length).toBeGreaterThan(10);
      expect(own.filter(({ status }) => status === 403)).toEqual([]);
    } finally {
      await cluster.close();
    }
  });

  it('takes over from MetalLB without renumbering and without a word', async () => {
    const cluster = await startCluster({ objects: [...METALLB_CRDS] });
    try {
      const { lab } = cluster;
      await lab.create(config('metallb.io/v1beta1', 'IPAddressPool', 'p', { addresses: ['192.0.2.10-192.0.2.99', '2001:db8::/120'] }));
      await lab.create(config('metallb.io/v1beta1', 'L2Advertisement', 'all', {}));
      const shapes: readonly (readonly [object, Record<string, string>, readonly string[]])[] = [
        [{}, {}, ['192.0.2.77']],
        [{}, { 'metallb.universe.tf/address-pool': 'p' }, ['192.0.2.31']],
        [{}, { 'metallb.io/loadBalancerIPs': '192.0.2.55' }, ['192.0.2.55']],
        [{ ports: [{ port: 80 }] }, { 'metallb.io/allow-shared-ip': 'k' }, ['192.0.2.40']],
        [{ ports: [{ port: 81 }] }, { 'metallb.universe.tf/allow-shared-ip': 'k' }, ['192.0.2.40']],
        [{ ipFamilyPolicy: 'PreferDualStack' }, {}, ['192.0.2.12', '2001:db8::7']],
      ];
      for (const [i, [spec, annotations, addresses]] of shapes.entries()) {
        const name = `s${i}`;
        await lab.create(serviceObject(name, spec, { ...annotations, 'metallb.io/ip-allocated-from-pool': 'p' }));
        const status = { loadBalancer: { ingress: addresses.map((address) => ({ ip: address, ipMode: 'VIP' })) } };
        await lab.patch({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name }, { status }, { subresource: 'status' });
      }
      const before = await allIps(lab);
      const one = await cluster.start('one', { apiGroup: 'metallb.io' });
      await until('conditions', async () => conditionOf(await getService(lab, 's5'))?.status === 'True');
      await until('rest', () => one.isLeader() && one.idle());
      expect(await allIps(lab)).toEqual(before);
      for (const i of shapes.keys())
        expect((await eventsAbout(lab, `s${i}`)).filter((text) => !text.startsWith('deprecatedAnnotation'))).toEqual([]);
      const pool = (): Promise<Seen> =>
        lab.get({ apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool', namespace: NAMESPACE, name: 'p' }) as unknown as Promise<Seen>;
      await until('usage', async () => (await pool()).status?.['assignedIPv4'] === 5);
      await lab.create(serviceObject('new'));
      expect(await until('an address', async () => ips(await getService(lab, 'new'))[0])).toBe('192.0.2.10');
    } finally {
      await cluster.close();
    }
  });

  it('says on every malformed object what is wrong with it, once, and goes on', async () => {
    const cluster = await startCluster();
    try {
      const { lab } = cluster;
      await lab.create(poolObject('good', ['192.0.2.0/24']));
      await lab.create(poolObject('overlapping', ['198.51.100.0/24', '192.0.2.128/25']));
      await lab.create(
        config('heraldlb.io/v1', 'BGPPeer', 'router', { myASN: 64512, peerASN: 64513, peerAddress: '10.0.0.1', bfdProfile: 'absent' }),
      );
      await lab.create(config('heraldlb.io/v1', 'BGPAdvertisement', 'edge', { communities: ['no-such-alias'] }));
      await cluster.start('one');
      const EXPECTED = [
        ['IPAddressPool', 'overlapping', /spec\.addresses\[1\].*192\.0\.2\.128\/25/],
        ['BGPPeer', 'router', /spec\.bfdProfile.*absent/],
        ['BGPAdvertisement', 'edge', /spec\.communities\[0\].*no-such-alias/],
      ] as const;
      for (const [kind, name, pattern] of EXPECTED) {
        const seen = await until(`a condition on ${name}`, async () => {
          const object = (await lab.get({ apiVersion: 'heraldlb.io/v1', kind, namespace: NAMESPACE, name })) as unknown as Seen;
          return object.status?.conditions?.find(({ message }) => pattern.test(message));
        });
        expect(seen.reason).not.toBe('Accepted');
        const told = await until(`an event about ${name}`, async () => (await eventsAbout(lab, name)).find((text) => pattern.test(text)));
        expect(told).toMatch(/^[A-Za-z]+ x1: spec\./);
      }
      await lab.create(serviceObject('a'));
      await until('an address', async () => ips(await getService(lab, 'a'))[0] === '192.0.2.0');
      expect((await eventsAbout(lab, 'overlapping')).length).toBe(1);
    } finally {
      await cluster.close();
    }
  });

  it('answers probes and metrics, MetalLB’s names among them', async () => {
    const cluster = await startCluster();
    try {
      const { lab } = cluster;
      await lab.create(poolObject('p', ['192.0.2.0/30', '2001:db8::/126']));
      for (const name of ['a', 'b']) await lab.create(serviceObject(name));
      await lab.create(serviceObject('c', {}, { 'heraldlb.io/address-pool': 'absent' }));
      const one = await cluster.start('one');
      const get = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${one.port}${path}`)).text();
      await until('readiness', async () => (await get('/readyz')) === 'ok\n');
      expect(await get('/livez')).toBe('ok\n');
      const text = await until('metrics', async () => {
        const metrics = await get('/metrics');
        return metrics.includes('services_allocated_total{pool="p",program="controller"} 2') && metrics;
      });
      for (const line of [
        'heraldlb_allocator_addresses{pool="p",family="ipv4",program="controller"} 4',
        'heraldlb_allocator_addresses_in_use{pool="p",family="ipv6",program="controller"} 0',
        'heraldlb_allocator_services{pool="p",program="controller"} 2',
        'heraldlb_config_loaded{program="controller"} 1',
        'heraldlb_config_errors{program="controller"} 0',
        'metallb_allocator_addresses_total{pool="p",program="controller"} 8',
        'metallb_allocator_addresses_in_use_total{pool="p",program="controller"} 2',
        'metallb_allocator_ipv4_addresses_total{pool="p",program="controller"} 4',
        'metallb_allocator_ipv6_addresses_in_use_total{pool="p",program="controller"} 0',
        'metallb_k8s_client_config_loaded_bool{program="controller"} 1',
        'heraldlb_allocator_services_refused{reason="UnknownPool",program="controller"} 1',
      ])
        expect(text).toContain(line);
      await one.close();
      const other = await cluster.start('other', { metallbMetrics: false });
      const plain = await until('metrics without them', async () => {
        const metrics = await (await fetch(`http://127.0.0.1:${other.port}/metrics`)).text();
        return metrics.includes('heraldlb_allocator_services{pool="p",program="controller"} 2') && metrics;
      });
      expect(plain).not.toContain('metallb_');
    } finally {
      await cluster.close();
    }
  });

  it('tells an event even when the answer to the write got lost', async () => {
    const cluster = await startCluster();
    try {
      const { lab } = cluster;
      await lab.create(poolObject('p', ['192.0.2.0/24']));
      await cluster.start('one');
      lab.faults.loseAnswer({ match: { verb: 'patch', resource: 'services' }, times: 1 });
      await lab.create(serviceObject('a'));
      await until('the event', async () => (await eventsAbout(lab, 'a')).length > 0);
      expect(await eventsAbout(lab, 'a')).toEqual(['IPAllocated x1: Assigned IP ["192.0.2.0"]']);
    } finally {
      await cluster.close();
    }
  });
});

describe('heraldlb controller', () => {
  it('has every flag with its default', () => {
    const command = controllerCommand();
    expect(command.name()).toBe('controller');
    expect(command.opts()).toMatchObject({
      namespace: 'heraldlb-system',
      apiGroup: 'heraldlb.io',
      logLevel: 'info',
      metricsPort: 7481,
      metallbMetrics: true,
      leaderElect: true,
    });
    command.action(() => undefined);
    command.parse(
      [
        '--no-leader-elect',
        '--no-metallb-metrics',
        '--lb-class',
        'heraldlb.io/lb',
        '--metrics-port',
        '0',
        '--identity',
        'me',
        '--kubeconfig',
        'k',
      ],
      {
        from: 'user',
      },
    );
    expect(command.opts()).toMatchObject({
      leaderElect: false,
      metallbMetrics: false,
      lbClass: 'heraldlb.io/lb',
      metricsPort: 0,
      identity: 'me',
      kubeconfig: 'k',
    });
  });
});
