import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { startKubelab, StatusError, type Kubelab, type KubeObject } from './kubelab.ts';

let lab: Kubelab;

beforeEach(async () => {
  lab = await startKubelab();
});

afterEach(async () => lab.close());

async function refused(run: Promise<unknown>): Promise<{ status: number; message: string }> {
  try {
    await run;
  } catch (error) {
    if (error instanceof StatusError) return { status: error.status, message: error.message };
    throw error;
  }
  return { status: 200, message: '' };
}

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'pools.example.io' },
  spec: {
    group: 'example.io',
    scope: 'Namespaced',
    names: { plural: 'pools', kind: 'Pool', shortNames: ['pl'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
          { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['addresses'],
                'x-kubernetes-validations': [
                  { rule: 'self.min <= self.max', message: 'min above max' },
                  { rule: '!has(oldSelf.fixed) || self.fixed == oldSelf.fixed', message: 'fixed may not change' },
                ],
                properties: {
                  addresses: {
                    type: 'array',
                    items: { type: 'string', 'x-kubernetes-validations': [{ rule: 'isCIDR(self)', message: 'no CIDR' }] },
                  },
                  mode: { type: 'string', enum: ['a', 'b'], default: 'a' },
                  min: { type: 'integer', default: 1 },
                  max: { type: 'integer', default: 9 },
                  fixed: { type: 'string', maxLength: 3 },
                  count: {
                    type: 'integer',
                    'x-kubernetes-validations': [
                      { rule: 'self == oldSelf.orValue(0) + 1', message: 'one at a time', optionalOldSelf: true },
                    ],
                  },
                },
              },
              status: {
                type: 'object',
                properties: {
                  conditions: {
                    type: 'array',
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['type'],
                    items: { type: 'object', properties: { type: { type: 'string' }, status: { type: 'string' } } },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};

const pool = (spec: object, name = 'p'): object => ({
  apiVersion: 'example.io/v1',
  kind: 'Pool',
  metadata: { name, namespace: 'default' },
  spec: { addresses: ['192.0.2.0/24'], ...spec },
});
const poolRef = { apiVersion: 'example.io/v1', kind: 'Pool', name: 'p' };

describe('custom resources', () => {
  beforeEach(async () => {
    await lab.create(definition);
  });

  test('are defaulted, pruned and counted', async () => {
    const made = await lab.create({ ...pool({ unknown: 1 }), status: { conditions: [] } });
    expect(made['spec']).toEqual({ addresses: ['192.0.2.0/24'], mode: 'a', min: 1, max: 9 });
    expect([made['status'], made.metadata.generation]).toEqual([undefined, 1]);
    await lab.patch(poolRef, { status: { conditions: [{ type: 'Ready', status: 'True' }] } }, { subresource: 'status' });
    await lab.patch(poolRef, { spec: { mode: 'b' }, status: { conditions: [] } });
    const changed = await lab.get(poolRef);
    expect(changed['status']).toEqual({ conditions: [{ type: 'Ready', status: 'True' }] });
    expect(changed.metadata.generation).toBe(2);
  });

  test.each([
    [{ mode: 'q' }, 'spec.mode: Unsupported value: "q": supported values: "a", "b"'],
    [{ fixed: 'long' }, 'spec.fixed: Too long: may not be more than 3 bytes'],
    [{ min: 'x' }, 'spec.min: Invalid value: "string": spec.min in body must be of type integer: "string"'],
    [{ min: 10 }, 'Pool.example.io "p" is invalid: spec: Invalid value: min above max'],
    [{ addresses: ['x'] }, 'spec.addresses[0]: Invalid value: "x": no CIDR'],
  ])('with %j are refused', async (spec, message) => {
    const answer = await refused(lab.create(pool(spec)));
    expect(answer.status).toBe(422);
    expect(answer.message).toContain(message);
  });

  test('hold transition rules against what was there', async () => {
    await lab.create(pool({ fixed: 'x' }));
    expect((await refused(lab.patch(poolRef, { spec: { fixed: 'y' } }))).message).toContain('fixed may not change');
    expect((await refused(lab.patch(poolRef, { spec: { mode: 'b' } }))).status).toBe(200);
  });

  test('give a rule with optionalOldSelf something to see at creation', async () => {
    expect((await refused(lab.create(pool({ count: 2 })))).message).toContain('spec.count: Invalid value: 2: one at a time');
    await lab.create(pool({ count: 1 }));
    expect((await refused(lab.patch(poolRef, { spec: { count: 2 } }))).status).toBe(200);
    expect((await refused(lab.patch(poolRef, { spec: { count: 4 } }))).status).toBe(422);
  });

  test('are Established a moment after, and gone with their definition', async () => {
    const ref = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', name: 'pools.example.io' };
    await until('Established', async () => JSON.stringify((await lab.get(ref))['status']).includes('Established'), 10_000, 5);
    await lab.create(pool({}));
    await lab.delete(ref);
    const { status } = await lab.request({ method: 'GET', path: '/apis/example.io/v1/pools' });
    expect(status).toBe(404);
  });

  test('come as a table with their own columns', async () => {
    await lab.create(pool({}));
    await lab.patch(poolRef, { status: { conditions: [{ type: 'Ready', status: 'True' }] } }, { subresource: 'status' });
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const { body } = await lab.request({ method: 'GET', path: '/apis/example.io/v1/pools', accept });
    expect((body['columnDefinitions'] as { name: string }[]).map(({ name }) => name)).toEqual(['Name', 'Mode', 'Ready']);
    expect((body['rows'] as { cells: unknown[] }[]).map(({ cells }) => cells)).toEqual([['p', 'a', 'True']]);
  });

  test('refuse unknown fields under fieldValidation=Strict', async () => {
    const path = '/apis/example.io/v1/namespaces/default/pools?fieldValidation=Strict';
    const { status, body } = await lab.request({ method: 'POST', path, body: pool({ unknown: 1 }) });
    expect(status).toBe(400);
    expect(body['message']).toBe('Pool in version "v1" cannot be handled as a Pool: strict decoding error: unknown field "spec.unknown"');
  });
});

const rename = (from: string) => [
  { op: 'test', path: '/spec/ports/0/name', value: from },
  { op: 'replace', path: '/spec/ports/0/name', value: 'z' },
];

describe('patches', () => {
  const ref = { apiVersion: 'v1', kind: 'Service', name: 's' };
  const ports = async () =>
    ((await lab.get(ref))['spec'] as { ports: Record<string, unknown>[] }).ports.map(({ name, port }) => `${String(name)}:${String(port)}`);

  beforeEach(async () => {
    const spec = {
      ports: [
        { name: 'a', port: 1 },
        { name: 'b', port: 2 },
      ],
    };
    await lab.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec });
  });

  test('of strategic merge go by the key of the list', async () => {
    await lab.patch(
      ref,
      {
        spec: {
          ports: [
            { port: 2, name: 'c' },
            { port: 1, $patch: 'delete' },
          ],
        },
      },
      { type: 'strategic' },
    );
    expect(await ports()).toEqual(['c:2']);
  });

  test('of RFC 7386 replace the list', async () => {
    await lab.patch(ref, { spec: { ports: [{ port: 3, name: 'c' }] } });
    expect(await ports()).toEqual(['c:3']);
  });

  test('of RFC 6902 test before they act', async () => {
    expect((await refused(lab.patch(ref, rename('wrong'), { type: 'json' }))).status).toBe(422);
    await lab.patch(ref, rename('a'), { type: 'json' });
    expect(await ports()).toEqual(['z:1', 'b:2']);
  });

  test('of an unknown type are 415', async () => {
    const { status } = await lab.request({ method: 'PATCH', path: '/api/v1/namespaces/default/services/s', body: {} });
    expect(status).toBe(415);
  });
});

const condition = (type: string) => ({ type, status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' });

describe('server-side apply', () => {
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', metadata: { name: 'c' } };
  const apply = async (data: object, fieldManager: string, force = false) =>
    lab.patch(ref, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data }, { type: 'apply', fieldManager, force });
  const data = async () => (await lab.get(ref))['data'];

  test('takes away what a manager no longer applies, and only that', async () => {
    await apply({ a: '1', b: '1' }, 'one');
    await apply({ c: '1' }, 'two');
    await apply({ a: '1' }, 'one');
    expect(await data()).toEqual({ a: '1', c: '1' });
  });

  test('tells about fields of other managers, and takes them by force', async () => {
    await apply({ a: '1' }, 'one');
    const answer = await refused(apply({ a: '2' }, 'two'));
    expect(answer).toEqual({ status: 409, message: 'Apply failed with 1 conflict: conflict with "one": .data.a' });
    await apply({ a: '2' }, 'two', true);
    expect(await data()).toEqual({ a: '2' });
    // The first manager has lost the field, so leaving it out removes nothing.
    await apply({ b: '1' }, 'one');
    expect(await data()).toEqual({ a: '2', b: '1' });
  });

  test('shares a field that both give the same value', async () => {
    await apply({ a: '1' }, 'one');
    await apply({ a: '1' }, 'two');
    await apply({}, 'one');
    expect(await data()).toEqual({ a: '1' });
  });

  test('merges list items by their keys', async () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } };
    await lab.create({ ...service, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } });
    for (const manager of ['one', 'two']) {
      const status = { conditions: [condition(manager)] };
      await lab.patch(service, { ...service, status }, { type: 'apply', fieldManager: manager, subresource: 'status' });
    }
    const types = async () =>
      ((await lab.get(service))['status'] as { conditions?: { type: string }[] }).conditions?.map(({ type }) => type);
    expect(await types()).toEqual(['one', 'two']);
    await lab.patch(service, { ...service, status: {} }, { type: 'apply', fieldManager: 'one', subresource: 'status' });
    expect(await types()).toEqual(['two']);
  });
});

const service = (spec: object, name = 's') => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
});
const specOf = (object: KubeObject) => object['spec'] as Record<string, unknown>;

describe('Services', () => {
  test.each([
    [{}, ['IPv4'], 'SingleStack'],
    [{ ipFamilies: ['IPv6'] }, ['IPv6'], 'SingleStack'],
    [{ ipFamilyPolicy: 'PreferDualStack' }, ['IPv4', 'IPv6'], 'PreferDualStack'],
    [{ ipFamilies: ['IPv6', 'IPv4'] }, ['IPv6', 'IPv4'], 'RequireDualStack'],
    [{ clusterIP: 'None' }, ['IPv4', 'IPv6'], 'RequireDualStack'],
    [{ clusterIP: 'None', selector: { a: 'b' } }, ['IPv4'], 'SingleStack'],
  ])('with %j get families %j', async (spec, families, policy) => {
    const found = specOf(await lab.create(service(spec)));
    expect([found['ipFamilies'], found['ipFamilyPolicy']]).toEqual([families, policy]);
  });

  test('give back their address and node ports when they go', async () => {
    const first = specOf(await lab.create(service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_100 }] }, 'a')));
    const taken = service({ type: 'NodePort', clusterIP: first['clusterIP'], ports: [{ port: 80, nodePort: 30_100 }] }, 'b');
    const answer = await refused(lab.create(taken));
    expect(answer.message).toContain('provided IP is already allocated');
    expect(answer.message).toContain('spec.ports[0].nodePort: Invalid value: 30100: provided port is already allocated');
    await lab.delete({ apiVersion: 'v1', kind: 'Service', name: 'a' });
    expect(specOf(await lab.create(taken))['clusterIP']).toBe(first['clusterIP']);
  });

  test('of externalTrafficPolicy Local get a health check port, and lose it', async () => {
    const made = await lab.create(service({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' }));
    expect(specOf(made)['healthCheckNodePort']).toBeGreaterThanOrEqual(30_000);
    const changed = await lab.patch(made, { spec: { externalTrafficPolicy: 'Cluster' } });
    expect(specOf(changed)['healthCheckNodePort']).toBeUndefined();
  });

  test('that stop being load balancers lose their ingress', async () => {
    const made = await lab.create(service({ type: 'LoadBalancer' }));
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } };
    const shown = await lab.patch(made, { status }, { subresource: 'status' });
    expect(shown['status']).toEqual({ loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } });
    const changed = await lab.patch(made, { spec: { type: 'ClusterIP' } });
    expect(changed['status']).toEqual({ loadBalancer: {} });
    expect(specOf(changed)['allocateLoadBalancerNodePorts']).toBeUndefined();
  });

  test('that are refused take nothing', async () => {
    const bad = service({ ports: [{ port: 0 }] }, 'bad');
    const first = specOf(await lab.create(service({}, 'a')))['clusterIP'] as string;
    expect((await refused(lab.create(bad))).status).toBe(422);
    const second = specOf(await lab.create(service({}, 'b')))['clusterIP'] as string;
    expect(Number(second.split('.')[3])).toBe(Number(first.split('.')[3]) + 1);
  });
});

const lease = (renewTime: string) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'l' },
  spec: { renewTime },
});

describe('Leases', () => {
  test.each([
    ['2026-01-01T00:00:00.123456Z', 200],
    ['2026-01-01T00:00:00.123Z', 400],
    ['2026-01-01T00:00:00Z', 400],
    ['2026-01-01T00:00:00.1234567Z', 400],
  ])('renewed at %s: %i', async (time, status) => {
    expect((await refused(lab.create(lease(time)))).status).toBe(status);
  });
});

const secret = (name: string, metadata: object = {}) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name, ...metadata } });

async function isGone(name: string, more: object = {}): Promise<boolean> {
  return (await refused(lab.get(secret(name, more)))).status === 404;
}

async function gone(name: string): Promise<void> {
  await until(`${name} gone`, async () => isGone(name), 10_000, 5);
}

describe('the end of objects', () => {
  test('waits for finalizers', async () => {
    await lab.create(secret('a', { finalizers: ['example.io/hold'] }));
    await lab.delete(secret('a'));
    expect((await lab.get(secret('a'))).metadata.deletionTimestamp).toBeDefined();
    expect((await refused(lab.patch(secret('a'), { metadata: { finalizers: ['example.io/hold', 'example.io/more'] } }))).status).toBe(422);
    await lab.patch(secret('a'), { metadata: { finalizers: null } });
    expect((await refused(lab.get(secret('a')))).status).toBe(404);
  });

  test.each(['Background', 'Foreground'])('takes dependents along (%s)', async (propagationPolicy) => {
    const owner = await lab.create(secret('owner'));
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Secret', name: 'owner', uid: owner.metadata.uid, blockOwnerDeletion: true }];
    await lab.create(secret('child', { ownerReferences }));
    await lab.delete(secret('owner'), { propagationPolicy });
    await gone('child');
    await gone('owner');
    expect(lab.store.count('secrets')).toBe(0);
  });

  test('leaves orphans alone', async () => {
    const owner = await lab.create(secret('owner'));
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Secret', name: 'owner', uid: owner.metadata.uid }];
    await lab.create(secret('child', { ownerReferences }));
    await lab.delete(secret('owner'), { propagationPolicy: 'Orphan' });
    await gone('owner');
    expect((await lab.get(secret('child'))).metadata.ownerReferences).toBeUndefined();
  });

  test('of a namespace empties it first', async () => {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } };
    await lab.create(namespace);
    await lab.create(secret('a', { namespace: 'n', finalizers: ['example.io/hold'] }));
    await lab.create(secret('b', { namespace: 'n' }));
    await lab.delete(namespace);
    await until('b gone', async () => isGone('b', { namespace: 'n' }), 10_000, 5);
    const answer = await refused(lab.create(secret('c', { namespace: 'n' })));
    expect(answer.message).toContain('unable to create new content in namespace n because it is being terminated');
    await lab.patch(secret('a', { namespace: 'n' }), { metadata: { finalizers: null } });
    await until('the namespace gone', async () => (await refused(lab.get(namespace))).status === 404, 10_000, 5);
  });
});

describe('rights', () => {
  test('are those of Roles and bindings, and refusals say what is missing', async () => {
    const strict = await startKubelab({ rbac: true });
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'r' } };
    const path = '/api/v1/namespaces/default/secrets';
    const token = strict.serviceAccountToken('default', 'speaker');
    const ask = async (method: string, where: string) => strict.request({ method, path: where, token });
    const { status, body } = await ask('GET', path);
    expect([status, body['message']]).toEqual([
      403,
      'secrets is forbidden: User "system:serviceaccount:default:speaker" cannot list resource "secrets" in API group "" in the namespace "default"',
    ]);
    await strict.create({ ...role, rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['list'] }] });
    await strict.create({
      ...role,
      kind: 'RoleBinding',
      roleRef: { kind: 'Role', name: 'r', apiGroup: 'rbac.authorization.k8s.io' },
      subjects: [{ kind: 'ServiceAccount', name: 'speaker', namespace: 'default' }],
    });
    const codes = [await ask('GET', path), await ask('GET', '/api/v1/secrets'), await ask('DELETE', `${path}/x`)];
    expect(codes.map((answer) => answer.status)).toEqual([200, 403, 403]);
    await strict.close();
  });
});

describe('admission webhooks', () => {
  let hook: Server;
  let asked: { request: { operation: string; oldObject: unknown } }[];
  let reply: object;

  beforeEach(async () => {
    asked = [];
    hook = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        asked.push(JSON.parse(Buffer.concat(chunks).toString()) as (typeof asked)[number]);
        response.end(JSON.stringify({ response: reply }));
      });
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/validate`;
    await lab.create({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'w' },
      webhooks: [
        {
          name: 'check.example.io',
          clientConfig: { url },
          rules: [{ operations: ['CREATE', 'DELETE'], apiGroups: [''], apiVersions: ['v1'], resources: ['secrets'] }],
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    });
  });

  afterEach(() => hook.close());

  test('are asked about what their rules name, and can refuse', async () => {
    const one = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } };
    reply = { allowed: false, status: { message: 'not today' } };
    const answer = await refused(lab.create(one));
    expect(answer).toEqual({ status: 403, message: 'admission webhook "check.example.io" denied the request: not today' });
    reply = { allowed: true };
    await lab.create(one);
    await lab.patch(one, { metadata: { labels: { a: 'b' } } });
    await lab.delete(one);
    expect(asked.map(({ request }) => [request.operation, request.oldObject !== null])).toEqual([
      ['CREATE', false],
      ['CREATE', false],
      ['DELETE', true],
    ]);
  });

  test('that cannot be reached refuse by themselves', async () => {
    await new Promise((resolve) => hook.close(resolve));
    const answer = await refused(lab.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } }));
    expect(answer.status).toBe(500);
    expect(answer.message).toContain('failed calling webhook "check.example.io"');
  });
});

describe('controllers', () => {
  test('make EndpointSlices of the Pods a Service selects', async () => {
    const own = await startKubelab({ controllers: { endpointSlices: true } });
    await own.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's' },
      spec: { selector: { a: 'b' }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', labels: { a: 'b' } } };
    await own.create({ ...pod, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } });
    const conditions = [{ type: 'Ready', status: 'True' }];
    await own.patch(pod, { status: { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }], conditions } }, { subresource: 'status' });
    const slices = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', labelSelector: 'kubernetes.io/service-name=s' };
    const endpoints = await until(
      'an endpoint',
      async () => ((await own.list(slices))[0]?.['endpoints'] as unknown[] | undefined)?.[0],
      2000,
      5,
    );
    expect(endpoints).toMatchObject({ addresses: ['10.0.0.1'], nodeName: 'n1', conditions: { ready: true } });
    await own.close();
  });

  test('find a node whose Lease is stale', async () => {
    const own = await startKubelab({ controllers: { nodeLifecycle: { graceMs: 100, checkMs: 20 } } });
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, status: { conditions: [{ type: 'Ready', status: 'True' }] } };
    const held = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'n1', namespace: 'kube-node-lease' } };
    await own.create(node);
    await own.create({ ...held, spec: { renewTime: '2026-01-01T00:00:00.000000Z' } });
    const status = async () => ((await own.get(node))['status'] as { conditions: { status: string }[] }).conditions[0]?.status;
    expect(await status()).toBe('True');
    await until('Unknown', async () => (await status()) === 'Unknown', 5000, 10);
    await own.close();
  });
});
