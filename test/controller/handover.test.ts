/** No two Services have one address in their statuses at any moment, also while it goes from one to the other and a write is late. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cluster, conditionOf, eventsAbout, getService, ips, poolObject, serviceObject, startCluster, until } from './support.ts';

const ask = (address: string): Record<string, string> => ({ 'heraldlb.io/loadBalancerIPs': address });
const ref = (name: string) => ({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name });
const patchOf = (name: string) => ({ match: { verb: 'patch', resource: 'services', subresource: 'status', name } });

interface Stored {
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] } };
}

let cluster: Cluster;
/** Address by Service, with every version that the server stores, and what must never be. */
let now: Map<string, readonly string[]>;
let wrong: string[];

beforeEach(async () => {
  cluster = await startCluster();
  now = new Map();
  wrong = [];
  cluster.lab.store.listen('services', ({ change, entry }) => {
    const { name } = entry.object.metadata;
    const ingress = change === 'DELETED' ? [] : ((entry.object as Stored).status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
    now.set(name, ingress);
    for (const [other, theirs] of now)
      for (const ip of ingress) if (other !== name && theirs.includes(ip)) wrong.push(`${ip}: ${name} and ${other}`);
  });
  await cluster.lab.create(poolObject('p', ['192.0.2.0/29'], { autoAssign: true }));
});

afterEach(async () => {
  await cluster?.close();
});

const has = (name: string, address: string): Promise<unknown> =>
  until(`${name} to have ${address}`, async () => ips(await getService(cluster.lab, name)).join() === address);
const want = (name: string, address: string): Promise<unknown> =>
  cluster.lab.patch(ref(name), { metadata: { annotations: ask(address) } }, { type: 'merge' });

describe('an address that goes from one Service to another', () => {
  it('is written to the other only when the one does not have it any more, however often that write fails', async () => {
    const { lab, start } = cluster;
    await lab.create(serviceObject('a', {}, ask('192.0.2.1')));
    await lab.create(serviceObject('b'));
    const one = await start('one');
    await has('a', '192.0.2.1');
    await has('b', '192.0.2.0');
    const late = lab.faults.status({ code: 500, ...patchOf('a') });
    await want('a', '192.0.2.2');
    await until('the write to fail', () => late.hits > 0);
    await want('b', '192.0.2.1');
    // A wait that lasts has a reason.
    const said = await until('the reason', async () => {
      const found = conditionOf(await getService(lab, 'b'));
      return found?.reason === 'AddressInUse' && found;
    });
    expect(said.message).toBe('Address 192.0.2.1 is in use by default/a. It keeps 192.0.2.0 from IPAddressPool "p".');
    expect([now.get('a'), now.get('b')]).toEqual([['192.0.2.1'], ['192.0.2.0']]);
    late.remove();
    await has('b', '192.0.2.1');
    await has('a', '192.0.2.2');
    await until('rest', () => one.idle());
    expect(wrong).toEqual([]);
    const told = await until('the events', async () => {
      const texts = await eventsAbout(lab, 'b');
      return texts.length === 4 && texts;
    });
    const reasons = ['AllocationFailed x1', 'ClearAssignment x1', 'IPAllocated x1', 'IPAllocated x1'];
    expect(told.map((text) => text.split(':')[0] ?? '').toSorted()).toEqual(reasons);
  });

  it('is written to the other only then, also when the first write of it was not seen yet', async () => {
    const { lab, start } = cluster;
    const one = await start('one');
    await until('the first to lead', () => one.isLeader() && one.idle());
    const lost = lab.faults.loseAnswer({ ...patchOf('a'), times: 1 });
    await lab.create(serviceObject('a', {}, ask('192.0.2.1')));
    await until('the lost answer', () => lost.hits > 0);
    lab.faults.status({ code: 500, ...patchOf('a'), times: 3 });
    await want('a', '192.0.2.2');
    await lab.create(serviceObject('b', {}, ask('192.0.2.1')));
    await has('b', '192.0.2.1');
    await has('a', '192.0.2.2');
    expect(wrong).toEqual([]);
  });

  it('goes round a ring that came of several edits: each waits for the other, so one leaves first', async () => {
    const { lab, start } = cluster;
    await lab.create(serviceObject('a', {}, ask('192.0.2.1')));
    await lab.create(serviceObject('b', {}, ask('192.0.2.2')));
    const one = await start('one');
    await has('a', '192.0.2.1');
    await has('b', '192.0.2.2');
    const late = lab.faults.status({ code: 500, ...patchOf('a') });
    await want('a', '192.0.2.3');
    await until('the write to fail', () => late.hits > 0);
    await want('b', '192.0.2.1');
    // What is made later is planned later.
    await lab.create(serviceObject('c'));
    await has('c', '192.0.2.0');
    await want('a', '192.0.2.2');
    await lab.create(serviceObject('d'));
    await until('d to have one', async () => ips(await getService(lab, 'd')).length > 0);
    expect([now.get('a'), now.get('b')?.includes('192.0.2.1'), one.idle()]).toEqual([['192.0.2.1'], false, false]);
    late.remove();
    await has('a', '192.0.2.2');
    await has('b', '192.0.2.1');
    await until('rest', () => one.idle());
    expect(wrong).toEqual([]);
  });
});
