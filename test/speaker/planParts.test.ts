import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, assert, integer, property } from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { RouteSet } from '../../src/announce/plan.ts';
import { packedRoutes, runsOf } from '../../src/bgp/packedRoutes.ts';
import { inClusterCredentials } from '../../src/host/kube/inCluster.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import { RoutePacker } from '../../speaker/channel.ts';
import { projectLoadBalancer, projectServingSlice, sameLoadBalancer, sameSlice } from '../../speaker/views.ts';

const attributes = (med: number): RouteSet['attributes'] => ({ med, communities: [], largeCommunities: [] });
const prefixOf = (number: number): Prefix =>
  (number < 300 ? `10.0.${number >> 4}.${(number & 15) * 16}/${number % 3 === 0 ? 28 : 32}` : `2001:db8::${number}/128`) as Prefix;
const table = array(integer({ min: 0, max: 400 }), { maxLength: 40 });

function setsOf(numbers: readonly number[], med: number): RouteSet[] {
  const all = [...new Set(numbers.map(prefixOf))].sort();
  const sets = [all.filter((prefix) => !prefix.includes(':')), all.filter((prefix) => prefix.includes(':'))];
  return sets.filter(({ length }) => length > 0).map((prefixes) => ({ attributes: attributes(med), prefixes }));
}

describe('the packer of routes', () => {
  it('gives the bytes of a table that is packed anew, whatever came before', () => {
    assert(
      property(array(table, { minLength: 2, maxLength: 8 }), (tables) => {
        const packer = new RoutePacker();
        for (const numbers of tables) {
          const routes = [...setsOf(numbers, 1), ...setsOf(numbers.slice(1), 2)];
          const fresh = routes.map((set) => ({ ...set, prefixes: [...set.prefixes] }));
          const wanted = fresh.flatMap((set) => runsOf(set.prefixes).map((nlri) => ({ attributes: set.attributes, nlri })));
          expect(packer.pack([routes])).toEqual([wanted]);
          expect(packer.pack([routes])[0]).toEqual(packedRoutes(fresh));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('packs what two peers share once, and again gives the value of the plan before', () => {
    const routes = setsOf([1, 2, 301], 1);
    const packer = new RoutePacker();
    const [first, second] = packer.pack([routes, routes]);
    expect(first).toBe(second);
    expect(packer.pack([routes])[0]).toBe(first);
    const [other] = packer.pack([[...routes, ...setsOf([9], 2)]]);
    expect(other?.[0]).toBe(first?.[0]);
  });
});

const service = (changes: object = {}, spec: object = {}): object => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '7', labels: { app: 'web' }, ...changes },
  spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 80 }], ...spec },
  status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
});

const slice = (node: string, ready = true): object => ({
  metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.0.0.1'], nodeName: node, conditions: { ready } }],
});

describe('what a speaker keeps', () => {
  it('of a Service: what announcing it needs', () => {
    const wanted = { key: 'shop/web', uid: 'u1', type: 'LoadBalancer', deleting: false, labels: { app: 'web' } };
    expect(projectLoadBalancer(service())).toEqual({ ...wanted, externalTrafficPolicy: 'Local', ingress: ['192.0.2.1'] });
    expect(projectLoadBalancer(service({}, { type: 'ClusterIP' }))).toBeUndefined();
  });

  it.each([
    ['a version', { resourceVersion: '8' }, {}, true],
    ['a port', {}, { ports: [] }, true],
    ['a label', { labels: { app: 'web', more: '' } }, {}, false],
    ['a deletion', { deletionTimestamp: '2026-01-01T00:00:00Z' }, {}, false],
    ['a namesake', { uid: 'u2' }, {}, false],
    ['a class', {}, { loadBalancerClass: 'example.com/x' }, false],
    ['a policy', {}, { externalTrafficPolicy: 'Cluster' }, false],
  ])('sees whether %s is a change', (_, meta, spec, same) => {
    const [before, now] = [projectLoadBalancer(service()), projectLoadBalancer(service(meta, spec))];
    expect(before !== undefined && now !== undefined && sameLoadBalancer(before, now)).toBe(same);
  });

  it('of slices: the same endpoints once', () => {
    const [one, two, other, unready] = [slice('n1'), slice('n1'), slice('n2'), slice('n1', false)].map((each) => projectServingSlice(each));
    expect(one).toMatchObject({ service: 'shop/web', family: 'ipv4', endpoints: [{ nodeName: 'n1', ready: true }] });
    expect(two?.endpoints).toBe(one?.endpoints);
    if (one === undefined || two === undefined || other === undefined || unready === undefined) throw new Error('no slice');
    expect([sameSlice(one, two), sameSlice(one, other), sameSlice(one, unready)]).toEqual([true, false, false]);
  });
});

describe("a pod's service account", () => {
  const account = mkdtempSync(join(tmpdir(), 'hlb-account-'));
  afterEach(() => rmSync(account, { recursive: true, force: true }));

  it('is read without the client library, and anew when the server says 401', async () => {
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    const found = (changes: object = {}) => inClusterCredentials({ env: { ...env, ...changes }, home: account, account });
    expect(found()).toBeUndefined();
    for (const [name, text] of [
      ['token', 'one\n'],
      ['ca.crt', 'CA'],
      ['namespace', 'heraldlb-system'],
    ] as const)
      writeFileSync(join(account, name), text);
    const credentials = found();
    expect(credentials).toMatchObject({ server: 'https://[fd00::1]:443', namespace: 'heraldlb-system' });
    expect(await credentials?.tls()).toEqual({ ca: Buffer.from('CA') });
    expect(await credentials?.headers()).toEqual({ authorization: 'Bearer one' });
    writeFileSync(join(account, 'token'), 'two');
    expect(await credentials?.headers()).toEqual({ authorization: 'Bearer one' });
    credentials?.reload();
    expect(await credentials?.headers()).toEqual({ authorization: 'Bearer two' });
    expect(found({ KUBECONFIG: '/etc/kube' })).toBeUndefined();
    expect(found({ KUBERNETES_SERVICE_HOST: '' })).toBeUndefined();
  });
});
