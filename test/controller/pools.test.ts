/** What pools and Services may say, on the outside: what MetalLB has, and what it has not. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NAMESPACE } from './fixtures.ts';
import {
  type Cluster,
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

let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster();
});

afterEach(async () => {
  await cluster?.close();
});

const own = (name: string, value: string): Record<string, string> => ({ [`heraldlb.io/${name}`]: value });
const poolRef = (name: string) => ({ apiVersion: 'heraldlb.io/v1', kind: 'IPAddressPool', namespace: NAMESPACE, name });
const serviceRef = (name: string) => ({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name });

const has = (name: string, ...addresses: readonly string[]): Promise<unknown> =>
  until(`${name} to have ${addresses.join()}`, async () => ips(await getService(cluster.lab, name)).join() === addresses.join());

const says = (name: string, reason: string): Promise<string> =>
  until(`${reason} on ${name}`, async () => {
    const found = conditionOf(await getService(cluster.lab, name));
    return found?.reason === reason && found.message;
  });

const usage = (name: string, numbers: object): Promise<unknown> =>
  until(`${JSON.stringify(numbers)} on ${name}`, async () => {
    const status = (await getPool(cluster.lab, name)).status ?? {};
    return Object.entries(numbers).every(([field, number]) => status[field] === number);
  });

describe('a Service', () => {
  it('gets no address that no host can have, and the pool says so', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('odd', ['0.0.0.0/0', '::/0']));
    await start('one');
    await lab.create(serviceObject('a', { ipFamilyPolicy: 'RequireDualStack' }));
    await has('a', '1.0.0.0', '::2');
    await lab.create(serviceObject('b', {}, own('loadBalancerIPs', '127.0.0.1')));
    await says('b', 'AddressExcluded');
    const conditions = (await getPool(lab, 'odd')).status?.conditions?.map(({ type, status, reason }) => [type, status, reason].join(' '));
    expect(conditions).toEqual(['Accepted True Accepted', 'Warning True UnusableAddresses']);
  });

  it('has its address written anew where somebody gave it a mode or a name that is not ours', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/29']));
    await start('one');
    await lab.create(serviceObject('a'));
    await has('a', '192.0.2.0');
    const written = [{ ip: '192.0.2.0', ipMode: 'VIP' }];
    for (const ingress of [[{ ip: '192.0.2.0', ipMode: 'Proxy' }], [...written, { hostname: 'a.example' }]]) {
      await lab.patch(serviceRef('a'), { status: { loadBalancer: { ingress } } }, { type: 'merge', subresource: 'status' });
      await until(
        'what was there',
        async () => JSON.stringify((await getService(lab, 'a')).status?.loadBalancer?.ingress) === JSON.stringify(written),
      );
    }
    await until('the event', async () => (await eventsAbout(lab, 'a')).length > 0);
    expect(await eventsAbout(lab, 'a')).toEqual(['IPAllocated x1: Assigned IP ["192.0.2.0"]']);
  });

  it('may have several addresses of each family: so many of one pool, or one of each pool', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/29', '2001:db8::/125']));
    await lab.create(poolObject('q', ['198.51.100.0/29'], { autoAssign: false }));
    await start('one');
    await lab.create(serviceObject('two', { ipFamilyPolicy: 'RequireDualStack' }, own('addresses-per-family', '2')));
    await has('two', '192.0.2.0', '192.0.2.1', '2001:db8::', '2001:db8::1');
    expect((await getService(lab, 'two')).status?.loadBalancer?.ingress?.every(({ ipMode }) => ipMode === 'VIP')).toBe(true);
    await lab.create(serviceObject('each', {}, own('address-pools', 'q,p')));
    await until('one of each', async () => ips(await getService(lab, 'each')).length === 2);
    expect(ips(await getService(lab, 'each')).toSorted()).toEqual(['192.0.2.2', '198.51.100.0']);
    await lab.patch(serviceRef('two'), { metadata: { annotations: own('addresses-per-family', '1') } }, { type: 'merge' });
    await has('two', '192.0.2.0', '2001:db8::');
    await usage('p', { assignedIPv4: 2, availableIPv4: 6, assignedIPv6: 1, availableIPv6: 7 });
    await usage('q', { assignedIPv4: 1, availableIPv4: 7, assignedIPv6: 0, availableIPv6: 0 });
  });

  it('is taken under every prefix and by its spec; the first prefix of MetalLB is told to be old, once', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/29'], { autoAssign: false }));
    const asks: Readonly<Record<string, readonly [spec: object, annotations: Record<string, string>]>> = {
      ours: [{}, { 'heraldlb.io/loadBalancerIPs': '192.0.2.1' }],
      theirs: [{}, { 'metallb.io/loadBalancerIPs': '192.0.2.2' }],
      old: [{}, { 'metallb.universe.tf/loadBalancerIPs': '192.0.2.3' }],
      spec: [{ loadBalancerIP: '192.0.2.4' }, {}],
      pool: [{ allocateLoadBalancerNodePorts: false }, { 'metallb.universe.tf/address-pool': 'p' }],
    };
    await start('one');
    for (const [name, [spec, annotations]] of Object.entries(asks)) await lab.create(serviceObject(name, spec, annotations));
    await has('ours', '192.0.2.1');
    await has('theirs', '192.0.2.2');
    await has('old', '192.0.2.3');
    await has('spec', '192.0.2.4');
    await until('any', async () => ips(await getService(lab, 'pool')).length === 1);
    await lab.patch(serviceRef('old'), { metadata: { labels: { round: '2' } } });
    for (const [name, key] of [
      ['old', 'loadBalancerIPs'],
      ['pool', 'address-pool'],
    ] as const) {
      const told = await until('both events', async () => {
        const texts = await eventsAbout(lab, name);
        return texts.length >= 2 && texts;
      });
      expect(told.filter((text) => text.startsWith('deprecatedAnnotation'))).toEqual([
        `deprecatedAnnotation x1: Service uses deprecated annotation metallb.universe.tf/${key}`,
      ]);
    }
    for (const name of ['ours', 'theirs', 'spec'])
      expect((await eventsAbout(lab, name)).filter((text) => text.startsWith('deprecated'))).toEqual([]);
  });

  it('shares an address by key, with other ports or protocols, and is told why where it cannot', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/30']));
    await start('one');
    const shared = own('allow-shared-ip', 'dns');
    const port = (protocol: string): object => ({ ports: [{ name: protocol.toLowerCase(), port: 53, protocol }] });
    await lab.create(serviceObject('tcp', port('TCP'), shared));
    await has('tcp', '192.0.2.0');
    await lab.create(serviceObject('udp', port('UDP'), shared));
    await has('udp', '192.0.2.0');
    await lab.create(serviceObject('again', port('UDP'), shared));
    await has('again', '192.0.2.1');
    await usage('p', { assignedIPv4: 2, availableIPv4: 2 });
    await lab.patch(serviceRef('udp'), { metadata: { annotations: own('loadBalancerIPs', '192.0.2.1') } }, { type: 'merge' });
    expect(await says('udp', 'PortInUse')).toBe(
      'Port UDP/53 of the shared address 192.0.2.1 is in use by default/again. It keeps 192.0.2.0 from IPAddressPool "p".',
    );
  });

  it('of another load balancer class is left alone, and so is its address', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/30']));
    await lab.create(serviceObject('foreign', { loadBalancerClass: 'example.com/lb' }));
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.0' }] } };
    await lab.patch(serviceRef('foreign'), { status }, { subresource: 'status' });
    await lab.create(serviceObject('none'));
    await lab.create(serviceObject('ours', { loadBalancerClass: 'heraldlb.io/lb' }));
    await start('one', { lbClass: 'heraldlb.io/lb' });
    await has('ours', '192.0.2.1');
    const before = await getService(lab, 'foreign');
    expect([before.status?.conditions, before.metadata.annotations?.['heraldlb.io/ip-allocated-from-pool']]).toEqual([
      undefined,
      undefined,
    ]);
    expect(ips(await getService(lab, 'none'))).toEqual([]);
    expect(conditionOf(await getService(lab, 'none'))).toBeUndefined();
  });
});

describe('a pool', () => {
  it('that is disabled keeps what it gave and gives no more; one that shrinks takes back only what it has no more', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/30']));
    await start('one');
    for (const name of ['a', 'b']) await lab.create(serviceObject(name));
    await until('both', async () => ips(await getService(lab, 'a')).length + ips(await getService(lab, 'b')).length === 2);
    const [a = '', b = ''] = [ips(await getService(lab, 'a'))[0], ips(await getService(lab, 'b'))[0]];
    await lab.patch(poolRef('p'), { spec: { disabled: true } });
    await lab.create(serviceObject('c'));
    expect(await says('c', 'NoPoolMatches')).toBe('No IPAddressPool takes this Service: p (it is disabled).');
    await has('a', a);
    await lab.patch(poolRef('p'), { spec: { disabled: false, addresses: [`${b}/32`, '192.0.2.8/30'] } });
    await until(
      'a to move',
      async () => ips(await getService(lab, 'a'))[0]?.startsWith('192.0.2.') === true && ips(await getService(lab, 'a'))[0] !== a,
    );
    await has('b', b);
    const told = await until('the event', async () => (await eventsAbout(lab, 'a')).find((text) => text.startsWith('ClearAssignment')));
    expect(told).toBe(
      `ClearAssignment x1: current IP for "default/a" not allowed by config, will attempt for new IP assignment: Address ${a} is in no usable IPAddressPool.`,
    );
    expect((await eventsAbout(lab, 'b')).filter((text) => text.startsWith('ClearAssignment'))).toEqual([]);
    await lab.delete(poolRef('p'));
    expect(await says('b', 'NoPools')).toBe('There is no usable IPAddressPool.');
    await has('b');
  });

  it('may be chosen by its name, or by how much is free in it', async () => {
    const { lab, start } = cluster;
    for (const [name, addresses, spec] of [
      ['a-small', '192.0.2.0/31', {}],
      ['b-large', '198.51.100.0/29', { allocationPolicy: 'mostFree' }],
      ['c-larger', '203.0.113.0/28', { allocationPolicy: 'mostFree' }],
    ] as const)
      await lab.create(poolObject(name, [addresses], spec));
    await start('one');
    const given: string[] = [];
    for (let i = 0; i < 12; i++) {
      await lab.create(serviceObject(`s${i}`));
      given.push(await until('an address', async () => ips(await getService(lab, `s${i}`))[0]));
    }
    // Two in order of names; then the one with most free, in turn once both have as much.
    expect(given.slice(0, 2)).toEqual(['192.0.2.0', '192.0.2.1']);
    expect(given.slice(2, 10).every((address) => address.startsWith('203.0.113.'))).toBe(true);
    expect(new Set(given.slice(10).map((address) => address.split('.')[0]))).toEqual(new Set(['198', '203']));
  });

  it('may keep addresses back and limit namespaces, without taking anything from who has it', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/29']));
    await start('one');
    for (const name of ['a', 'b']) await lab.create(serviceObject(name));
    await has('a', '192.0.2.0');
    await has('b', '192.0.2.1');
    await lab.patch(poolRef('p'), { spec: { excludedAddresses: ['192.0.2.0-192.0.2.2'], quota: { perNamespace: 1 } } });
    await lab.create(serviceObject('c'));
    expect(await says('c', 'QuotaExceeded')).toMatch(
      /^Namespace "default" has 2 of the 1 IPv4 addresses that IPAddressPool "p" has for it/,
    );
    await lab.patch(poolRef('p'), { spec: { quota: { perNamespace: 3 } } });
    await has('c', '192.0.2.3');
    await has('a', '192.0.2.0');
    await has('b', '192.0.2.1');
  });
});
