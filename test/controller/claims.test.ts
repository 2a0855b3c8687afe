import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NAMESPACE } from './fixtures.ts';
import {
  type Cluster,
  type Seen,
  conditionOf,
  eventsAbout,
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

const CLAIM = { apiVersion: 'heraldlb.io/v1', kind: 'AddressClaim', namespace: NAMESPACE } as const;
const KEEP = { 'heraldlb.io/address-claim': 'keep' };

function claimObject(name: string, service: string | undefined, addresses: readonly string[], spec: object = {}): object {
  const serviceRef = service === undefined ? {} : { serviceRef: { namespace: 'default', name: service } };
  return { ...CLAIM, metadata: { name, namespace: NAMESPACE }, spec: { addresses, ...serviceRef, ...spec } };
}

const serviceRef = (name: string) => ({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name });
const getClaim = (name: string): Promise<Seen> => cluster.lab.get({ ...CLAIM, name }) as unknown as Promise<Seen>;
const claimNames = async (): Promise<string[]> =>
  ((await cluster.lab.list(CLAIM)) as unknown as Seen[]).map(({ metadata }) => metadata.name).toSorted();

const bound = (name: string, reason: string): Promise<Seen> =>
  until(`claim ${name} to say ${reason}`, async () => {
    const seen = await getClaim(name);
    return conditionOf(seen, 'Bound')?.reason === reason && seen;
  });

const assigned = (name: string): Promise<string[]> =>
  until(`an address for ${name}`, async () => {
    const list = ips(await getService(cluster.lab, name));
    return list.length > 0 && list;
  });

const refused = (name: string, reason: string): Promise<string> =>
  until(`condition ${reason} on ${name}`, async () => {
    const found = conditionOf(await getService(cluster.lab, name));
    return found?.reason === reason && found.message;
  });

describe('AddressClaims', () => {
  it('keep an address for a Service that is deleted and made again, over a restart, and from all others', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/31']));
    const one = await start('one');
    await lab.create(serviceObject('web', {}, KEEP));
    expect(await assigned('web')).toEqual(['192.0.2.0']);
    const made = await bound('default.web', 'Bound');
    expect(made.spec).toEqual({ serviceRef: { namespace: 'default', name: 'web' }, addresses: ['192.0.2.0'], policy: 'Prefer' });
    expect(made.status).toMatchObject({ boundTo: 'default/web' });
    await lab.delete(serviceRef('web'));
    const left = await bound('default.web', 'ServiceMissing');
    expect(left.status?.['releasedAt']).toMatch(/^20\d\d-.*Z$/);
    await lab.create(serviceObject('other'));
    expect(await assigned('other')).toEqual(['192.0.2.1']);
    await lab.create(serviceObject('third'));
    await refused('third', 'PoolExhausted');
    await one.close();
    await start('two');
    await lab.create(serviceObject('thief', {}, { 'heraldlb.io/loadBalancerIPs': '192.0.2.0' }));
    expect(await refused('thief', 'ClaimedByOther')).toBe('Address 192.0.2.0 is kept by AddressClaim "default.web" for default/web.');
    await until('an event', async () => (await eventsAbout(lab, 'thief')).some((text) => text.startsWith('AllocationFailed x1')));
    await lab.create(serviceObject('web', {}, KEEP));
    expect(await assigned('web')).toEqual(['192.0.2.0']);
    const again = await bound('default.web', 'Bound');
    expect(again.status?.['releasedAt']).toBeUndefined();
    expect(await claimNames()).toEqual(['default.web']);
    // Without the wish there is no claim.
    await lab.patch(serviceRef('web'), { metadata: { annotations: { 'heraldlb.io/address-claim': 'none' } } });
    await until('no claim', async () => (await claimNames()).length === 0);
    expect(ips(await getService(lab, 'web'))).toEqual(['192.0.2.0']);
  }, 60_000);

  it('end with their ttl, and whoever waits is served', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/32'], { claimPolicy: '6s' }));
    await start('one');
    await lab.create(serviceObject('web'));
    await assigned('web');
    await bound('default.web', 'Bound');
    await lab.create(serviceObject('waits'));
    await refused('waits', 'PoolExhausted');
    await lab.delete(serviceRef('web'));
    await bound('default.web', 'ServiceMissing');
    expect(ips(await getService(lab, 'waits'))).toEqual([]);
    expect(await until('the address', async () => ips(await getService(lab, 'waits'))[0], 30_000)).toBe('192.0.2.0');
    await bound('default.waits', 'Bound');
    expect(await claimNames()).toEqual(['default.waits']);
  }, 60_000);

  it('can be made beforehand, handed on while both Services are there, and expire without being deleted', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/24']));
    await lab.create(claimObject('vip', 'blue', ['192.0.2.77'], { ttl: '1s' }));
    await start('one');
    await bound('vip', 'ServiceMissing');
    await lab.create(serviceObject('blue'));
    await lab.create(serviceObject('green'));
    expect(await assigned('blue')).toEqual(['192.0.2.77']);
    expect(await assigned('green')).toEqual(['192.0.2.0']);
    await bound('vip', 'Bound');
    await lab.patch({ ...CLAIM, name: 'vip' }, { spec: { serviceRef: { name: 'green' } } });
    await until('green to have it', async () => ips(await getService(lab, 'green'))[0] === '192.0.2.77');
    await until('blue to have another', async () => !['192.0.2.77', undefined].includes(ips(await getService(lab, 'blue'))[0]));
    await until('the claim to say so', async () => (await getClaim('vip')).status?.['boundTo'] === 'default/green');
    await until('the reason', async () =>
      (await eventsAbout(lab, 'blue')).some((text) => text.includes('ClearAssignment') && text.includes('AddressClaim "vip"')),
    );
    await lab.delete(serviceRef('green'));
    await bound('vip', 'Expired');
    await lab.create(serviceObject('any', {}, { 'heraldlb.io/loadBalancerIPs': '192.0.2.77' }));
    expect(await assigned('any')).toEqual(['192.0.2.77']);
    expect(await claimNames()).toEqual(['vip']);
  }, 60_000);

  it('say what keeps them from their Service', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/24']));
    await lab.create(serviceObject('has'));
    await start('one');
    expect(await assigned('has')).toEqual(['192.0.2.0']);
    await lab.create(claimObject('late', 'wants', ['192.0.2.0']));
    await lab.create(claimObject('nobody', undefined, ['192.0.2.1']));
    await lab.create(claimObject('outside', 'lost', ['203.0.113.1']));
    for (const name of ['wants', 'lost']) await lab.create(serviceObject(name));
    expect(await refused('wants', 'AddressInUse')).toMatch(/default\/has/);
    expect(conditionOf(await bound('late', 'NotGiven'), 'Bound')?.message).toMatch(/in use by default\/has/);
    await bound('nobody', 'NoService');
    await refused('lost', 'AddressOutsidePools');
    await bound('outside', 'NotGiven');
    // The one that has it leaves: the claim goes before whoever comes new.
    await lab.delete(serviceRef('has'));
    await until('the claimed address', async () => ips(await getService(lab, 'wants'))[0] === '192.0.2.0');
    await bound('late', 'Bound');
    await until('an event', async () => (await eventsAbout(lab, 'outside')).some((text) => text.startsWith('NotGiven')));
  }, 60_000);

  it('say before there is a Service what it would meet with, and no more once that is mended', async () => {
    const { lab, start } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/24'], { excludedAddresses: ['192.0.2.9/32'] }));
    await lab.create(claimObject('outside', 'absent', ['203.0.113.1', '192.0.2.9']));
    await lab.create(claimObject('nobody', undefined, ['203.0.113.2']));
    await lab.create(claimObject('second', 'other', ['203.0.113.2']));
    await start('one');
    const says = async (name: string, part: string): Promise<string> =>
      until(`"${part}" on ${name}`, async () => {
        const message = conditionOf(await getClaim(name), 'Bound')?.message;
        return message?.includes(part) === true && message;
      });
    expect(await says('outside', 'IPAddressPool')).toBe(
      'The addresses are kept until there is a Service default/absent of type LoadBalancer. Address 203.0.113.1 is in no usable ' +
        'IPAddressPool. IPAddressPool "p" excludes 192.0.2.9.',
    );
    expect(await says('nobody', 'IPAddressPool')).toContain('203.0.113.2 is in no usable');
    await lab.create(poolObject('q', ['203.0.113.0/29']));
    expect(await says('outside', 'LoadBalancer. IPAddressPool "p" excludes')).not.toContain('203.0.113.1');
    await until('nothing against the other', async () => !(conditionOf(await getClaim('nobody'), 'Bound')?.message ?? '').includes('Pool'));
    expect(await says('second', 'AddressClaim')).toMatch(/Address 203\.0\.113\.2 is kept by AddressClaim "nobody" for no Service yet\.$/);
  }, 60_000);
});
