import { array, assert, boolean, constantFrom, dictionary, integer, oneof, property, record, string, subarray, uuid } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnnouncedSlice } from '../../src/cluster/endpoints.ts';
import type { ServiceKey } from '../../src/cluster/service.ts';
import { createStore } from '../../src/host/kube/store.ts';
import type { Ip } from '../../src/net/ip.ts';
import { Texts } from '../../src/rows/texts.ts';
import { ServiceRows } from '../../speaker/serviceRows.ts';
import { SliceRows } from '../../speaker/sliceRows.ts';
import type { LoadBalancer } from '../../speaker/views.ts';

const keys = ['a/a', 'a/b', 'b/a', 'ünter/日本', 'a/b c'];
const UIDS = ['', 'x', '4F3C0000-0000-4000-8000-000000000001', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '4f3c0000-0000-4000-8000-00000000000'];
const ADDRESSES = ['192.0.2.1', '255.255.255.255', '0.0.0.0', '2001:db8::1', '::', 'no address', '192.0.2.01', '1.2.3', '1.2.3.4.5', '999.1.1.1'];
const labelValue = oneof(string({ maxLength: 8 }), constantFrom('', '\n', 'a\nb', '\n\n', '日本', 'x'.repeat(70_000)));

const service = record({
  uid: oneof(uuid(), constantFrom(...UIDS)),
  type: constantFrom('LoadBalancer', 'Other'),
  deleting: boolean(),
  labels: dictionary(string({ maxLength: 5 }).filter((name) => name !== '__proto__'), labelValue, { maxKeys: 3, noNullPrototype: true }),
  externalTrafficPolicy: constantFrom('Local' as const, 'Cluster' as const),
  ingress: subarray(ADDRESSES, { maxLength: 3 }),
  loadBalancerClass: constantFrom(undefined, '', 'example.com/other'),
});

const slice = record({
  service: constantFrom(...keys),
  family: constantFrom('ipv4' as const, 'ipv6' as const),
  endpoints: array(
    record({ nodeName: constantFrom(undefined, '', 'node1', 'a,b "c"', '日本'), ready: boolean(), serving: boolean(), terminating: boolean() }),
    { maxLength: 3 },
  ),
});

function serviceOf(key: string, { ingress, loadBalancerClass, ...rest }: Omit<LoadBalancer, 'key' | 'ingress'> & { ingress: string[] }): LoadBalancer {
  const view = { ...rest, key: key as ServiceKey, ingress: ingress as Ip[] };
  return loadBalancerClass === undefined ? view : { ...view, loadBalancerClass };
}

function sliceOf({ service: owner, family, endpoints }: { service: string; family: 'ipv4' | 'ipv6'; endpoints: object[] }): AnnouncedSlice {
  const list = endpoints.map((each) => JSON.parse(JSON.stringify(each)) as AnnouncedSlice['endpoints'][number]);
  return { service: owner as ServiceKey, family, endpoints: list };
}

const sorted = (all: Iterable<unknown>): string[] => [...all].map((each) => JSON.stringify(each)).toSorted();

describe('rows beside a map', () => {
  it('have the same Services after any changes, however odd, and hold no text that none of them has', () => {
    const steps = array(record({ key: constantFrom(...keys), service, isGone: boolean() }), { maxLength: 30 });
    assert(
      property(steps, (all) => {
        const [names, texts] = [new Texts(), new Texts()];
        const [rows, map] = [new ServiceRows(names, texts), new Map<string, LoadBalancer>()];
        for (const { key, service: given, isGone } of all) {
          const view = serviceOf(key, given as Parameters<typeof serviceOf>[1]);
          if (isGone) expect(rows.delete(key)).toBe(map.delete(key));
          else {
            rows.set(key, view);
            map.set(key, view);
          }
          expect(rows.get(key)).toEqual(map.get(key));
        }
        expect([...rows.keys()].toSorted()).toEqual([...map.keys()].toSorted());
        expect([rows.size, names.size]).toEqual([map.size, map.size]);
        for (const view of rows.values()) expect(view).toEqual(map.get(view.key));
        for (const key of map.keys()) rows.delete(key);
        expect([rows.size, names.size, texts.size]).toEqual([0, 0, 0]);
      }),
      { numRuns: 300 },
    );
  });

  it('have the same slices after any changes, each with its Service', () => {
    const steps = array(record({ key: constantFrom(...keys), slice, isGone: boolean() }), { maxLength: 30 });
    assert(
      property(steps, (all) => {
        const [names, texts] = [new Texts(), new Texts()];
        const [rows, map] = [new SliceRows(names, texts), new Map<string, AnnouncedSlice>()];
        for (const { key, slice: given, isGone } of all) {
          const view = sliceOf(given);
          if (isGone) expect(rows.delete(key)).toBe(map.delete(key));
          else {
            rows.set(key, view);
            map.set(key, view);
          }
          expect(rows.get(key)).toEqual(map.get(key));
        }
        expect(sorted(rows.values())).toEqual(sorted(map.values()));
        for (const owner of keys) {
          const wanted = [...map.values()].filter((each) => each.service === owner);
          expect(rows.of(owner as ServiceKey)).toHaveLength(wanted.length);
          expect(sorted(rows.of(owner as ServiceKey).map(({ endpoints }) => endpoints))).toEqual(sorted(wanted.map(({ endpoints }) => endpoints)));
        }
        for (const key of map.keys()) rows.delete(key);
        expect([rows.size, names.size, texts.size]).toEqual([0, 0, 0]);
      }),
      { numRuns: 300 },
    );
  });

  it('tell what a new list does not have, also where a name has the number of one that is gone', () => {
    const state = array(integer({ min: 0, max: 5 }), { maxLength: 6 });
    assert(
      property(state, state, state, (before, gone, listed) => {
        const store = createStore({}, undefined, new ServiceRows(new Texts(), new Texts()));
        const put = (id: number): void => {
          const view = { uid: '', type: 'LoadBalancer', deleting: false, labels: {}, externalTrafficPolicy: 'Cluster' as const, ingress: [] };
          store.set(`a/s${id}`, serviceOf(`a/s${id}`, view));
        };
        for (const id of before) put(id);
        const sweep = store.sweep();
        for (const id of gone) store.delete(`a/s${id}`);
        for (const id of listed) {
          put(id);
          sweep.seen(`a/s${id}`);
        }
        const wanted = before.filter((id) => !gone.includes(id) && !listed.includes(id)).map((id) => `a/s${id}`);
        expect([...sweep.unseen()].toSorted()).toEqual([...new Set(wanted)].toSorted());
      }),
    );
  });
});
