import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { KINDS, crdOf } from '../../../src/api/crd.ts';
import { examine } from '../../../src/cli/doctor/examine.ts';
import { missingFields } from '../../../src/view/definitions.ts';
import { systemOf } from '../../../src/cli/doctor/gatherOthers.ts';
import { REMEDIES } from '../../../src/cli/doctor/remedy.ts';
import { reportLines } from '../../../src/cli/doctor/report.ts';
import { rightsOf } from '../../../src/cli/doctor/rights.ts';
import { BROKEN, CLUSTER, HEALTHY, KNOWN, NODE, WIRE, atCluster, atNode, atWire, reaches } from './facts.ts';

describe('heraldlb doctor', () => {
  it('finds nothing wrong with what is right', () => {
    expect(KNOWN?.name).toBe('n1');
    expect(examine(HEALTHY).filter(({ level }) => level !== 'PASS')).toEqual([]);
  });

  it.each(BROKEN.map(([name, facts, reason, sentence, level = 'FAIL']) => ({ name, facts, reason, sentence, level })))(
    'names the cause first: $name',
    ({ facts, reason, sentence, level }) => {
      const [first] = examine(facts);
      expect(first).toMatchObject({ level, reason });
      expect(first?.message).toMatch(sentence);
    },
  );

  it('shows every code in one of these set-ups', () => {
    const found = new Set<string>(BROKEN.map(([, , reason]) => reason));
    expect(Object.keys(REMEDIES).filter((reason) => !found.has(reason))).toEqual([]);
  });

  it('names the cause before what follows from it', () => {
    const all = { ...HEALTHY, node: { ...NODE, capabilities: 0n }, wire: { ...WIRE, peers: reaches('timeout') } };
    expect(examine(all).find(({ reason }) => reason !== undefined)?.reason).toBe('CapabilityMissing');
    const down = { ...atCluster({ answer: { error: 'x' } }), wire: { ...WIRE, peers: reaches('timeout') } };
    expect(examine(down)[0]?.reason).toBe('ApiUnreachable');
  });

  it("does not take the speaker's own ports for another's", () => {
    const listeners = [
      { protocol: 'tcp', port: 179, isOurs: false },
      { protocol: 'tcp', port: 7482, pid: 9, program: 'node', isOurs: true },
    ] as const;
    expect(examine(atNode({ listeners, speakerRuns: true })).every(({ level }) => level === 'PASS')).toBe(true);
    expect(examine(atNode({ listeners }))[0]).toMatchObject({ reason: 'CannotListen' });
  });

  it('leaves other systems alone that serve another class', () => {
    const others = [{ system: 'kube-vip', evidence: 'x', loadBalancerClass: 'kube-vip.io/kube-vip-class' }] as const;
    expect(examine(atCluster({ others })).every(({ level }) => level === 'PASS')).toBe(true);
    expect(examine({ ...atCluster({ others }), loadBalancerClass: 'kube-vip.io/kube-vip-class' })[0]).toMatchObject({
      reason: 'OtherLoadBalancer',
    });
  });

  it('believes an established session more than a probe', () => {
    const bgp = [{ peer: 'tor', state: 'Established', since: '' }] as const;
    const facts = { ...atWire({ peers: reaches('timeout') }), cluster: { ...CLUSTER, nodeState: { bgp: [...bgp] } } };
    expect(examine(facts).every(({ level }) => level === 'PASS')).toBe(true);
  });

  it('says what to do, once for each reason', () => {
    const text = reportLines(examine(atNode({ capabilities: 0n }))).join('\n');
    expect(text).toMatch(/^RESULT +CHECK +REASON +WHAT WAS FOUND\nFAIL +capability NET_RAW +CapabilityMissing/);
    expect(text.match(/^ {2}CapabilityMissing: /gm)).toHaveLength(1);
    expect(text).toMatch(/3 fail, 1 warn, \d+ pass$/);
  });
});

describe('what is gathered', () => {
  it('asks for exactly the rights that the roles give', () => {
    const documents = parseAllDocuments(readFileSync(new URL('../../../manifests/base/rbac.yaml', import.meta.url), 'utf8'));
    interface Role {
      readonly kind: string;
      readonly metadata: { readonly name: string };
      readonly rules?: readonly { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[];
    }
    for (const program of ['controller', 'speaker'] as const) {
      const given = documents
        .map((document) => document.toJS() as Role)
        .filter(({ kind, metadata }) => /^(Cluster)?Role$/.test(kind) && metadata.name === `heraldlb-${program}`)
        .flatMap(({ kind, rules = [] }) =>
          rules.flatMap(({ apiGroups, resources, verbs, resourceNames = [''] }) =>
            apiGroups.flatMap((group) =>
              resources.flatMap((resource) =>
                verbs.flatMap((verb) => resourceNames.map((name) => [verb, group, resource, name, kind === 'Role' ? 'h' : ''].join(' '))),
              ),
            ),
          ),
        );
      const asked = rightsOf(program, 'h').map(({ verb, group, resource, subresource, name = '', namespace = '' }) =>
        [verb, group, subresource === undefined ? resource : `${resource}/${subresource}`, name, namespace].join(' '),
      );
      expect(asked.toSorted()).toEqual(given.toSorted());
    }
  });

  const workload = (name: string, image: string, more: object = {}): object => ({
    metadata: { name, namespace: 'x' },
    spec: { template: { spec: { containers: [{ image, ...more }] } } },
  });

  it.each([
    ['MetalLB', workload('controller', 'quay.io/metallb/controller:v0.16.1'), { system: 'MetalLB', evidence: 'x/controller' }],
    [
      'MetalLB of a class',
      workload('controller', 'quay.io/metallb/controller:v0.16.1', { args: ['--lb-class=a/b'] }),
      { loadBalancerClass: 'a/b' },
    ],
    ['kube-vip', workload('kv', 'ghcr.io/kube-vip/kube-vip:v1', { env: [{ name: 'svc_enable', value: 'true' }] }), { system: 'kube-vip' }],
    ['ServiceLB of k3s', workload('svclb-web', 'rancher/klipper-lb:v0.4.9'), { system: 'ServiceLB' }],
    ['PureLB', workload('allocator', 'registry.example/purelb/allocator:v0.16'), { system: 'PureLB' }],
  ])('knows %s by its workload', (_, object, expected) => {
    expect(systemOf(object)).toMatchObject(expected);
  });

  it('knows kube-vip for the API server alone to be none', () => {
    expect(systemOf(workload('kv', 'ghcr.io/kube-vip/kube-vip:v1', { env: [{ name: 'cp_enable', value: 'true' }] }))).toBeUndefined();
    expect(systemOf(workload('web', 'nginx'))).toBeUndefined();
  });

  it('finds fields that a definition of an earlier version has not', () => {
    const schema = (properties: object): Parameters<typeof missingFields>[0] => ({ properties });
    const wanted = schema({ spec: schema({ a: {}, list: { items: schema({ x: {}, y: {} }) } }) });
    expect(missingFields(wanted, wanted, '')).toEqual([]);
    expect(missingFields(wanted, schema({ spec: schema({ list: { items: schema({ x: {} }) } }) }), '').toSorted()).toEqual([
      'spec.a',
      'spec.list.y',
    ]);
    for (const kind of KINDS) expect(crdOf(kind)).toBeDefined();
  });
});
