import { describe, expect, it } from 'vitest';
import type { ConditionView, ServiceView } from '../../src/cluster/service.ts';
import type { Assignment } from '../../src/ipam/assignment.ts';
import { type ServiceChange, serviceChange } from '../../controller/serviceStatus.ts';
import { ALLOCATED } from '../../src/view/judgement.ts';
import { DUAL, ip, service } from '../ipam/support.ts';

const NOW = '2026-06-01T00:00:00.000Z';
const LATER = '2026-07-01T00:00:00.000Z';
const POOL = 'heraldlb.io/ip-allocated-from-pool';
const given = (...addresses: readonly string[]): Assignment => ({ ingress: addresses.map(ip), pool: 'p', released: [] });

/** The Service as the watch shows it after the write. */
function after(view: ServiceView, assignment: Assignment, change: ServiceChange | undefined): ServiceView {
  const conditions = (change?.patch.status?.['conditions'] ?? view.conditions) as readonly ConditionView[];
  return { ...view, ingress: assignment.ingress, conditions, annotations: { ...view.annotations, [POOL]: assignment.pool ?? '' } };
}

const told = (view: ServiceView, assignment: Assignment): string[] =>
  (serviceChange(view, assignment, NOW)?.notices ?? []).map(({ type, reason, message }) => `${type} ${reason}: ${message}`);

describe('serviceChange', () => {
  it('writes address, pool and condition at once, and tells it', () => {
    expect(serviceChange(service('a'), given('10.0.0.1'), NOW)).toEqual({
      patch: {
        metadata: { annotations: { [POOL]: 'p' } },
        status: {
          loadBalancer: { ingress: [{ ip: '10.0.0.1', ipMode: 'VIP' }] },
          conditions: [
            {
              type: ALLOCATED,
              status: 'True',
              reason: 'Allocated',
              message: 'Assigned 10.0.0.1 from IPAddressPool "p".',
              lastTransitionTime: NOW,
              observedGeneration: 1,
            },
          ],
        },
      },
      type: 'merge',
      notices: [{ type: 'Normal', reason: 'IPAllocated', message: 'Assigned IP ["10.0.0.1"]' }],
    });
  });

  it('writes its addresses anew where somebody made them others, without a word', () => {
    const assignment = given('10.0.0.1');
    const view = { ...after(service('a'), assignment, serviceChange(service('a'), assignment, NOW)), foreignIngress: true } as const;
    const ingress = [{ ip: '10.0.0.1', ipMode: 'VIP' }];
    expect(serviceChange(view, assignment, LATER)).toEqual({
      patch: { status: { loadBalancer: { ingress } } },
      type: 'merge',
      notices: [],
    });
    const none: Assignment = { ingress: [], released: [], refusal: { reason: 'NoPools' } };
    const refused = {
      ...after(service('b'), none, serviceChange(service('b'), none, NOW)),
      foreignIngress: true,
      annotations: {},
    } as const;
    expect(serviceChange(refused, none, LATER)).toBeUndefined();
  });

  it('writes nothing and tells nothing when all is as planned', () => {
    for (const assignment of [
      given('10.0.0.1'),
      { ingress: [], released: [], refusal: { reason: 'NoPools' } } satisfies Assignment,
      { ...given('10.0.0.1'), missing: { reason: 'FamilyUnavailable', family: 'ipv6', pools: [] } } satisfies Assignment,
    ]) {
      const view = service('a', DUAL);
      const change = serviceChange(view, assignment, NOW);
      expect(change).toBeDefined();
      const { [POOL]: pool, ...annotations } = after(view, assignment, change).annotations;
      const written = {
        ...after(view, assignment, change),
        annotations: pool === '' ? annotations : { ...annotations, [POOL]: pool ?? '' },
      };
      expect(serviceChange(written, assignment, LATER)).toBeUndefined();
    }
  });

  it.each<readonly [string, ServiceView, Assignment, readonly string[]]>([
    ['an address that another program gave stays untold', service('a', { ingress: ['10.0.0.1'] }), given('10.0.0.1'), []],
    [
      'a second family',
      service('a', { ingress: ['10.0.0.1'] }),
      given('10.0.0.1', 'fd00::1'),
      ['Normal IPAllocated: Assigned additional IP "fd00::1"'],
    ],
    [
      'a move',
      service('a', { ingress: ['10.0.0.1'] }),
      {
        ...given('10.1.0.1'),
        released: [{ address: ip('10.0.0.1'), refusal: { reason: 'AddressOutsidePools', address: ip('10.0.0.1') } }],
      },
      [
        'Normal ClearAssignment: current IP for "default/a" not allowed by config, will attempt for new IP assignment: Address 10.0.0.1 is in no usable IPAddressPool.',
        'Normal IPAllocated: Assigned IP ["10.1.0.1"]',
      ],
    ],
    [
      'a refusal',
      service('a'),
      { ingress: [], released: [], refusal: { reason: 'NoPools' } },
      ['Warning AllocationFailed: Failed to allocate IP for "default/a": There is no usable IPAddressPool.'],
    ],
    [
      'a malformed request',
      service('a'),
      {
        ingress: [],
        released: [],
        refusal: { reason: 'InvalidRequest', field: 'spec.loadBalancerIP', value: 'x', detail: 'it is no IP address' },
      },
      [
        'Warning LoadBalancerFailed: invalid requested loadbalancer IPs: The request in spec.loadBalancerIP, "x", is not valid: it is no IP address.',
      ],
    ],
    [
      'one family of two',
      service('a', DUAL),
      { ...given('10.0.0.1'), missing: { reason: 'FamilyUnavailable', family: 'ipv6', pools: [] } },
      [
        'Normal IPAllocated: Assigned IP ["10.0.0.1"]',
        'Normal AdditionalAssignFailed: cannot assign additional IP in PreferDualStack: There is no IPv6 address for this Service: no pool was eligible.',
      ],
    ],
    [
      'MetalLB’s first prefix',
      service('a', { annotations: { 'metallb.universe.tf/address-pool': 'p' } }),
      given('10.0.0.1'),
      [
        'Warning deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/address-pool',
        'Normal IPAllocated: Assigned IP ["10.0.0.1"]',
      ],
    ],
  ])('tells %s', (_name, view, assignment, expected) => {
    expect(told(view, assignment)).toEqual(expected);
  });

  it('keeps the time of the transition while only the message changes, and moves it when the status does', () => {
    const refused: Assignment = { ingress: [], released: [], refusal: { reason: 'NoPools' } };
    const first = after(service('a'), refused, serviceChange(service('a'), refused, NOW));
    const other: Assignment = { ...refused, refusal: { reason: 'UnknownPool', pool: 'p' } };
    expect(serviceChange(first, other, LATER)?.patch.status).toMatchObject({
      conditions: [{ lastTransitionTime: NOW, reason: 'UnknownPool' }],
    });
    expect(serviceChange(first, given('10.0.0.1'), LATER)?.patch.status).toMatchObject({
      conditions: [{ lastTransitionTime: LATER, status: 'True' }],
    });
  });

  it('cleans up after a Service that is no LoadBalancer any more', () => {
    const view = after(service('a'), given('10.0.0.1'), serviceChange(service('a'), given('10.0.0.1'), NOW));
    expect(serviceChange({ ...view, type: 'ClusterIP' }, { ingress: [], released: [] }, LATER)?.patch).toEqual({
      metadata: { annotations: { [POOL]: null } },
      status: { loadBalancer: { ingress: null }, conditions: null },
    });
  });

  it('names every condition there is, or, where it does not know them all, only what changes', () => {
    const announced = {
      type: 'heraldlb.io/Announced',
      status: 'True',
      reason: 'Announced',
      message: 'x',
      lastTransitionTime: NOW,
    } as const;
    const allocated = expect.objectContaining({ type: ALLOCATED, status: 'True' }) as unknown;
    const view = { ...service('a'), conditions: [announced] };
    const own = serviceChange(view, given('10.0.0.1'), NOW);
    expect([own?.type, own?.patch.status?.['conditions']]).toEqual(['merge', [announced, allocated]]);
    const others = serviceChange({ ...view, moreConditions: true }, given('10.0.0.1'), NOW);
    expect([others?.type, others?.patch.status?.['conditions']]).toEqual(['strategic', [allocated]]);
    const had = after(view, given('10.0.0.1'), own);
    const gone = serviceChange({ ...had, type: 'ClusterIP', moreConditions: true }, { ingress: [], released: [] }, LATER);
    const deleted = [ALLOCATED, announced.type].map((type) => ({ type, $patch: 'delete' }));
    expect([gone?.type, gone?.patch.status?.['conditions']]).toEqual(['strategic', deleted]);
  });

  it('names every pool that the addresses are from', () => {
    const assignment = { ...given('10.0.0.1', '10.1.0.1'), pools: ['p', 'q'] };
    expect(serviceChange(service('a'), assignment, NOW)?.patch.status).toMatchObject({
      conditions: [{ message: 'Assigned 10.0.0.1 and 10.1.0.1 from IPAddressPools "p" and "q".' }],
    });
  });

  it('says what is kept while a request cannot be met', () => {
    const view = service('a', { ingress: ['10.0.0.1'] });
    const change = serviceChange(view, { ...given('10.0.0.1'), refusal: { reason: 'UnknownPool', pool: 'q' } }, NOW);
    expect(change?.patch.status).toMatchObject({
      conditions: [
        { status: 'False', reason: 'UnknownPool', message: expect.stringMatching(/"q".* It keeps 10\.0\.0\.1 from IPAddressPool "p"\.$/) },
      ],
    });
    expect(change?.patch.status).not.toHaveProperty('loadBalancer');
  });
});
