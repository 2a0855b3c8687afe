import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServiceKey, ServiceView } from '../../src/cluster/service.ts';
import type { Pool } from '../../src/config/config.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import { FreeMap } from '../../src/ipam/freeMap.ts';
import { reasonText } from '../../src/ipam/reasonText.ts';
import { type Refusal } from '../../src/ipam/refusal.ts';
import { type Ip } from '../../src/net/ip.ts';
import { ip, pool, service, snapshot } from './support.ts';

const key = (name: string): ServiceKey => `default/${name}` as ServiceKey;

describe('FreeMap', () => {
  it('agrees with a plain set', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2100 }),
        fc.array(fc.tuple(fc.nat(2100), fc.boolean(), fc.nat(2100)), { maxLength: 300 }),
        fc.boolean(),
        (size, operations, everyOther) => {
          const leaf = (): number => (everyOther ? 0x5555_5555 | 0 : 0);
          const map = new FreeMap(size, leaf);
          const taken = new Set(everyOther ? Array.from({ length: size }, (_, i) => i).filter((i) => i % 2 === 0) : []);
          for (const [number, take, from] of operations) {
            if (number < size) {
              if (take) map.take(number);
              else map.free(number);
              if (take) taken.add(number);
              else taken.delete(number);
            }
            let expected: number | undefined;
            for (let i = from; i < size && expected === undefined; i++) if (!taken.has(i)) expected = i;
            expect(map.next(from)).toBe(expected);
          }
        },
      ),
    );
  });

  it('finds the last free number behind 40,000 taken ones, and none when that is taken too', () => {
    const map = new FreeMap(40_000);
    for (let i = 0; i < 39_999; i++) map.take(i);
    expect(map.next(0)).toBe(39_999);
    map.take(39_999);
    expect(map.next(0)).toBeUndefined();
    map.free(17);
    expect([map.next(0), map.next(17), map.next(18)]).toEqual([17, 17, undefined]);
  });
});

const start = (pools: readonly Pool[], services: readonly ServiceView[] = []): Allocator => {
  const allocator = new Allocator();
  allocator.reset(snapshot(pools, services));
  return allocator;
};
const ingress = (allocator: Allocator, name: string): readonly Ip[] | undefined => allocator.assignment(key(name))?.ingress;

describe('Allocator', () => {
  it('gives an address that was just freed last', () => {
    const allocator = start([pool('p', '10.0.0.0/30')]);
    for (const name of ['a', 'b']) allocator.upsert(service(name));
    allocator.remove(key('a'));
    for (const name of ['c', 'd', 'e']) allocator.upsert(service(name));
    expect(['c', 'd', 'e'].map((name) => ingress(allocator, name))).toEqual([['10.0.0.2'], ['10.0.0.3'], ['10.0.0.0']]);
  });

  it('keeps its turn over an edit of another pool', () => {
    const allocator = start([pool('p', '10.0.0.0/24')]);
    allocator.upsert(service('a'));
    allocator.remove(key('a'));
    allocator.reset(snapshot([pool('p', '10.0.0.0/24'), pool('q', '10.0.1.0/24')], []));
    allocator.upsert(service('b'));
    expect(ingress(allocator, 'b')).toEqual(['10.0.0.1']);
  });

  it('says the same when an event comes twice, late, or before its own write was seen', () => {
    const allocator = start([pool('p', '10.0.0.0/24')]);
    const view = service('a');
    allocator.upsert(view);
    allocator.upsert(service('b'));
    for (let i = 0; i < 3; i++) allocator.upsert({ ...view, labels: { i: String(i) } });
    expect(ingress(allocator, 'a')).toEqual(['10.0.0.0']);
  });

  it('lets a Service of the same name that was made anew inherit nothing', () => {
    const allocator = start([pool('p', '10.0.0.0/24')], [service('a')]);
    allocator.upsert(service('a', { uid: 'another' }));
    expect(ingress(allocator, 'a')).toEqual(['10.0.0.1']);
  });

  it('serves who waits when an address is freed, oldest first', () => {
    const allocator = start([pool('p', '10.0.0.0/32')], [service('a')]);
    allocator.upsert(service('young', { creationTimestamp: '2026-02-02T00:00:00Z' }));
    allocator.upsert(service('old', { creationTimestamp: '2026-01-02T00:00:00Z' }));
    expect(allocator.remove(key('a'))).toContain(key('old'));
    expect([ingress(allocator, 'old'), ingress(allocator, 'young')]).toEqual([['10.0.0.0'], []]);
  });

  it('serves who waits for a share when the holder starts sharing', () => {
    const allocator = start([pool('p', '10.0.0.0/32')], [service('a')]);
    const shared = { annotations: { 'metallb.io/allow-shared-ip': 'k' } };
    allocator.upsert(service('b', { ...shared, ports: [{ protocol: 'TCP', port: 81 }] }));
    expect(ingress(allocator, 'b')).toEqual([]);
    expect(allocator.upsert(service('a', { ...shared, ingress: ['10.0.0.0'] }))).toContain(key('b'));
    expect(ingress(allocator, 'b')).toEqual(['10.0.0.0']);
  });

  it('does not give on a reserved address that its holder leaves', () => {
    const allocator = new Allocator();
    const inUse = new Map([[ip('10.0.0.0'), 'node n1']]);
    allocator.reset(snapshot([pool('p', '10.0.0.0/31')], [service('a', { ingress: ['10.0.0.0'] })], { inUse }));
    allocator.remove(key('a'));
    for (const name of ['b', 'c']) allocator.upsert(service(name));
    expect([ingress(allocator, 'b'), ingress(allocator, 'c')]).toEqual([['10.0.0.1'], []]);
  });

  it('gives up the address of a Service of another class when that goes', () => {
    const allocator = start([pool('p', '10.0.0.0/32')], [service('x', { loadBalancerClass: 'other', ingress: ['10.0.0.0'] })]);
    allocator.upsert(service('a'));
    expect(ingress(allocator, 'a')).toEqual([]);
    expect(allocator.remove(key('x'))).toEqual([key('a')]);
    expect(ingress(allocator, 'a')).toEqual(['10.0.0.0']);
  });
});

describe('reasonText', () => {
  const a = ip('10.0.0.1');
  const by = key('b');
  const ROWS: readonly (readonly [Refusal, RegExp])[] = [
    [{ reason: 'NoPools' }, /no usable IPAddressPool/],
    [{ reason: 'NoPoolMatches', pools: [{ pool: 'p', why: 'NamespaceNotSelected' }] }, /p \(it does not take the Service's namespace\)/],
    [
      {
        reason: 'PoolExhausted',
        family: 'ipv6',
        pools: Array.from({ length: 11 }, (_, i) => ({ pool: `p${i}`, why: 'Exhausted' as const })),
      },
      /IPv6 .*p7 .* and 3 more/,
    ],
    [{ reason: 'UnknownPool', pool: 'p' }, /"p"/],
    [{ reason: 'PoolNotForService', pool: 'p', why: 'ServiceNotSelected' }, /"p".*serviceSelectors/],
    [
      { reason: 'InvalidRequest', field: 'spec.loadBalancerIP', value: 'x', detail: 'it is no IP address' },
      /spec\.loadBalancerIP, "x".*no IP/,
    ],
    [{ reason: 'AddressOutsidePools', address: a }, /10\.0\.0\.1/],
    [{ reason: 'AddressNotInRequestedPool', address: a, pool: 'p' }, /10\.0\.0\.1.*"p"/],
    [{ reason: 'AddressAvoided', address: a, pool: 'p' }, /"p".*10\.0\.0\.1/],
    [{ reason: 'AddressInUse', address: a, by: [by] }, /10\.0\.0\.1.*default\/b/],
    [{ reason: 'AddressReserved', address: a, by: 'node n1' }, /10\.0\.0\.1.*node n1/],
    [{ reason: 'PortInUse', address: a, port: 'TCP/80', by }, /TCP\/80.*10\.0\.0\.1.*default\/b/],
    [{ reason: 'SharingKeyConflict', address: a, by, detail: 'different-key' }, /default\/b.*keys differ/],
    [{ reason: 'FamilyMismatch', requested: ['ipv4'], service: ['ipv4', 'ipv6'] }, /IPv4, but .* IPv4 and IPv6/],
    [{ reason: 'FamilyUnavailable', family: 'ipv6', pools: [] }, /IPv6/],
    [{ reason: 'NoClusterIP' }, /no cluster IP/],
    [{ reason: 'DualStackNeedsTwoClusterIPs' }, /dual stack/],
    [{ reason: 'OtherAddressRequested', address: a }, /10\.0\.0\.1/],
    [{ reason: 'FamilyNotWanted', address: a }, /10\.0\.0\.1/],
    [{ reason: 'NotLoadBalancer' }, /LoadBalancer/],
  ];

  it.each(ROWS)('%j', (refusal, pattern) => {
    const text = reasonText(refusal);
    expect(text).toMatch(pattern);
    expect(text).toMatch(/^[A-Z].*\.$/);
  });
});
