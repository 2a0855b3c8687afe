import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADDRESS_ROWS, nameOf, pool, startAddresses } from '../broken/addressRows.ts';
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

let cluster: Cluster;

describe('explain names the reason that the controller wrote', () => {
  beforeAll(async () => {
    ({ cluster } = await startAddresses());
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  it.each(Object.entries(ADDRESS_ROWS))('%s', async (row, { reason }) => {
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
