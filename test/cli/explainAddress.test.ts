import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NAMESPACE } from '../controller/fixtures.ts';
import {
  type Cluster,
  conditionOf,
  eventsAbout,
  getService,
  ips,
  poolObject,
  serviceObject,
  startCluster,
  until,
} from '../controller/support.ts';
import { explained, listRaw } from './explainSupport.ts';

const pool = (name: string): Record<string, string> => ({ 'heraldlb.io/address-pool': name });
const ask = (addresses: string): Record<string, string> => ({ 'heraldlb.io/loadBalancerIPs': addresses });
const key = (name: string): Record<string, string> => ({ 'heraldlb.io/allow-shared-ip': name });

interface Row {
  readonly spec?: object;
  readonly annotations?: Record<string, string>;
  readonly edit?: object;
  readonly reason: string;
}

/** Set-ups in which the controller itself, on a whole API server, gives no address. */
const ROWS: Readonly<Record<string, Row>> = {
  'no pool by itself': { reason: 'NoPoolMatches' },
  'a pool that is exhausted': { annotations: pool('tiny'), reason: 'PoolExhausted' },
  'a quota that is used up': { annotations: pool('quota'), reason: 'QuotaExceeded' },
  'a typo in the name of the pool': { annotations: pool('mian'), reason: 'UnknownPool' },
  'a pool for other namespaces': { annotations: pool('closed'), reason: 'PoolNotForService' },
  'an address that is none': { annotations: ask('nonsense'), reason: 'InvalidRequest' },
  'an address of no pool': { annotations: ask('10.99.0.1'), reason: 'AddressOutsidePools' },
  'an address of another pool than the requested one': {
    annotations: { ...ask('192.0.2.5'), ...pool('tiny') },
    reason: 'AddressNotInRequestedPool',
  },
  'an address that ends in .0': { annotations: ask('192.0.2.0'), reason: 'AddressAvoided' },
  'an address that the pool excludes': { annotations: ask('192.0.2.2'), reason: 'AddressExcluded' },
  'an address that a claim keeps for another Service': { annotations: ask('192.0.2.11'), reason: 'ClaimedByOther' },
  'an address that another Service has': { annotations: ask('192.0.2.9'), reason: 'AddressInUse' },
  'an address that a node has': { annotations: ask('192.0.2.12'), reason: 'AddressReserved' },
  'a port that is taken on a shared address': { annotations: { ...ask('192.0.2.10'), ...key('k') }, reason: 'PortInUse' },
  'another sharing key': { annotations: { ...ask('192.0.2.10'), ...key('other') }, reason: 'SharingKeyConflict' },
  'an address of the other family': { annotations: ask('2001:db8::1'), reason: 'FamilyMismatch' },
  'a family that no pool has': { spec: { ipFamilies: ['IPv6'] }, annotations: pool('main'), reason: 'FamilyUnavailable' },
  'no cluster IP': { edit: { clusterIP: 'None', clusterIPs: ['None'] }, reason: 'NoClusterIP' },
  'dual stack required of a cluster that gives one address': {
    edit: { ipFamilyPolicy: 'RequireDualStack' },
    reason: 'DualStackNeedsTwoClusterIPs',
  },
};

const nameOf = (row: string): string => row.replaceAll(/\W+/g, '-').toLowerCase();

let cluster: Cluster;

async function make(name: string, { spec = {}, annotations = {}, edit }: Pick<Row, 'spec' | 'annotations' | 'edit'>): Promise<void> {
  const { lab } = cluster;
  await lab.create(serviceObject(name, { ...spec, ...(edit === undefined ? {} : { type: 'ClusterIP' }) }, annotations));
  if (edit === undefined) return;
  // Such a Service may have been stored by an API server that took it.
  const entry = lab.store.list('services').find(({ object }) => object.metadata.name === name);
  if (entry === undefined) throw new Error(`${name} is not stored`);
  const stored = structuredClone(entry.object) as typeof entry.object & { spec: object };
  lab.store.put('services', entry.key, { ...stored, spec: { ...stored.spec, type: 'LoadBalancer', ...edit } });
}

describe('explain names the reason that the controller wrote', () => {
  beforeAll(async () => {
    cluster = await startCluster();
    const { lab } = cluster;
    const closed = { autoAssign: false };
    await lab.create(poolObject('main', ['192.0.2.0/28'], { ...closed, avoidBuggyIPs: true, excludedAddresses: ['192.0.2.2/32'] }));
    await lab.create(poolObject('tiny', ['198.51.100.0/32'], closed));
    await lab.create(poolObject('quota', ['203.0.113.0/28'], { ...closed, quota: { perNamespace: 1 } }));
    await lab.create(poolObject('closed', ['10.1.0.0/28'], { serviceAllocation: { namespaces: ['other'] } }));
    await lab.create({
      apiVersion: 'heraldlb.io/v1',
      kind: 'AddressClaim',
      metadata: { name: 'kept', namespace: NAMESPACE },
      spec: { serviceRef: { namespace: 'default', name: 'absent' }, addresses: ['192.0.2.11'] },
    });
    await lab.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } });
    const status = { addresses: [{ type: 'InternalIP', address: '192.0.2.12' }] };
    await lab.patch({ apiVersion: 'v1', kind: 'Node', name: 'n1' }, { status }, { subresource: 'status' });
    const holders = { holder: ask('192.0.2.9'), sharer: { ...ask('192.0.2.10'), ...key('k') }, one: pool('tiny'), two: pool('quota') };
    for (const [name, annotations] of Object.entries(holders)) await lab.create(serviceObject(name, {}, annotations));
    await cluster.start('one');
    for (const name of Object.keys(holders)) await until(`${name} to have it`, async () => ips(await getService(lab, name)).length > 0);
    for (const [row, { spec, annotations, edit }] of Object.entries(ROWS))
      await make(nameOf(row), { ...(spec && { spec }), ...(annotations && { annotations }), ...(edit && { edit }) });
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  it.each(Object.entries(ROWS))('%s', async (row, { reason }) => {
    const name = nameOf(row);
    const condition = await until('the condition', async () => conditionOf(await getService(cluster.lab, name)));
    const told = await until('the event', async () =>
      (await eventsAbout(cluster.lab, name)).find((text) => text.includes(condition.message)),
    );
    const { state, causes } = explained(await listRaw(cluster.kubeconfig), name);
    expect(state).toBe('notAnnounced');
    expect(causes[0]).toMatchObject({ reason, message: condition.message, docs: `docs/troubleshoot.md#${reason.toLowerCase()}` });
    expect(condition.reason).toBe(reason);
    expect(told).toMatch(/^(?:AllocationFailed|LoadBalancerFailed) /);
  });

  it('not of type LoadBalancer', async () => {
    await cluster.lab.create(serviceObject('inner', { type: 'ClusterIP' }));
    const { state, causes } = explained(await listRaw(cluster.kubeconfig), 'inner');
    expect([state, causes[0]?.reason]).toEqual(['notAnnounced', 'OtherType']);
  });

  it('of another class, and of none where one is handled', async () => {
    await cluster.lab.create(serviceObject('foreign', { loadBalancerClass: 'example.com/other' }));
    const raw = await listRaw(cluster.kubeconfig);
    expect(explained(raw, 'foreign').causes[0]).toMatchObject({
      reason: 'OtherClass',
      message: expect.stringContaining('example.com/other'),
    });
    expect(explained(raw, 'holder', 'example.com/other').causes[0]?.reason).toBe('OtherClass');
  });

  it('a name that nothing has', async () => {
    expect(explained(await listRaw(cluster.kubeconfig), 'wbe').causes[0]?.reason).toBe('ServiceNotFound');
  });

  it('the class is taken from the command line of the controller', async () => {
    const raw = await listRaw(cluster.kubeconfig);
    const labels = { 'app.kubernetes.io/component': 'controller' };
    const spec = { containers: [{ args: ['controller', '--lb-class', 'example.com/other'] }] };
    raw.pods = [{ metadata: { name: 'c', labels }, spec, status: {} }];
    expect(explained(raw, 'foreign').causes[0]?.reason).not.toBe('OtherClass');
  });
});

describe('without a usable pool, and without a controller', () => {
  beforeAll(async () => {
    cluster = await startCluster();
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  it('no controller: that first, and what would come next', async () => {
    await cluster.lab.create(serviceObject('web'));
    const { causes } = explained(await listRaw(cluster.kubeconfig), 'web');
    expect(causes.map(({ reason }) => reason)).toEqual(['ControllerNotRunning', 'NoPools']);
  });

  it('no pool', async () => {
    const controller = await cluster.start('one');
    await until('the condition', async () => conditionOf(await getService(cluster.lab, 'web'))?.reason === 'NoPools');
    expect(explained(await listRaw(cluster.kubeconfig), 'web').causes.map(({ reason }) => reason)).toEqual(['NoPools']);
    await controller.close();
  });

  it('a controller that went away, whose last word is still true, and then is not', async () => {
    const raw = await listRaw(cluster.kubeconfig);
    expect(explained(raw, 'web').causes[0]?.reason).toBe('NoPools');
    await cluster.lab.create(poolObject('main', ['192.0.2.0/28']));
    expect(explained(await listRaw(cluster.kubeconfig), 'web').causes[0]?.reason).toBe('ControllerNotRunning');
  });

  it('a pool that is not valid: the reason of the Service, and the mistake behind it', async () => {
    const controller = await cluster.start('two');
    await until('an address', async () => ips(await getService(cluster.lab, 'web')).length > 0);
    await cluster.lab.create(poolObject('late', ['192.0.2.0/29', '10.5.0.0/29']));
    await cluster.lab.create(serviceObject('picky', {}, pool('late')));
    await until('the condition', async () => conditionOf(await getService(cluster.lab, 'picky'))?.reason === 'UnknownPool');
    const { causes } = explained(await listRaw(cluster.kubeconfig), 'picky');
    expect(causes.map(({ reason, object }) => [reason, object])).toEqual([
      ['UnknownPool', undefined],
      ['OverlappingPools', 'IPAddressPool/late'],
    ]);
    await controller.close();
  });
});
