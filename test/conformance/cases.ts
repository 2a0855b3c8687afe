import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KubeError } from '../../src/host/kube/kubeError.ts';
import type { Answer, KubeObject } from '../support/apiClient.ts';
import { until } from '../support/until.ts';
import { customResourceCases } from './customResources.ts';
import { caller, openWatch, type Caller, type Target } from './target.ts';
import { webhookCases } from './webhook.ts';

interface List {
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string; readonly remainingItemCount?: number };
  readonly items: readonly KubeObject[];
}

const NS = 'conformance';
const CONFIGMAPS = `/api/v1/namespaces/${NS}/configmaps`;
const SERVICES = `/api/v1/namespaces/${NS}/services`;
const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${NS}/leases`;
const MERGE = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const APPLY = 'application/apply-patch+yaml';

const CONDITION = { status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-02T03:04:05Z' };

const withStatus = (name: string, status: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: NS },
  status,
});

const deleteOptions = (uid: string | undefined): object => ({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } });

const lease = (name: string, renewTime: string): object => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, namespace: NS },
  spec: { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime },
});

function applier(call: Caller): (path: string, manager: string, object: object, force?: boolean) => Promise<Answer> {
  return (path, manager, object, force = false) => call('PATCH', `${path}?fieldManager=${manager}&force=${force}`, object, APPLY);
}

function portsOf(object: KubeObject): { readonly port: number; readonly nodePort?: number }[] {
  return (object.spec?.['ports'] ?? []) as { port: number; nodePort?: number }[];
}

function conditionTypes(object: KubeObject): string[] {
  return ((object.status?.['conditions'] ?? []) as { type: string }[]).map(({ type }) => type).sort();
}

/** How a watch fails: as an answer, or as an ERROR event within. */
async function firstError(target: Target, query: Record<string, string>): Promise<{ code?: number | undefined } | undefined> {
  try {
    const watch = await openWatch(target.client, CONFIGMAPS, query);
    const line = await until('an event', () => watch.lines[0], 3000);
    await watch.close();
    return line.type === 'ERROR' ? line.object : { code: 0 };
  } catch (error) {
    if (error instanceof KubeError && error.status > 0)
      return Object.assign({ code: error.status }, { reason: error.reason, message: error.message });
    throw error;
  }
}

async function kubectl(target: Target, ...flags: string[]): Promise<string> {
  const run = await promisify(execFile)(target.kubectl ?? 'kubectl', ['--kubeconfig', target.kubeconfigFile, '-n', NS, ...flags]);
  return run.stdout;
}

const messageOf = (answer: Answer): string => String((answer.body as { message?: string }).message);
const objectOf = (answer: Answer): KubeObject => answer.body as KubeObject;
const versionOf = (answer: Answer): string => String(objectOf(answer).metadata.resourceVersion);

function configMap(name: string, data: Record<string, string> = {}, labels?: Record<string, string>): object {
  const metadata = { name, namespace: NS };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: labels === undefined ? metadata : { ...metadata, labels }, data };
}

function service(name: string, spec: object = {}): object {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: NS }, spec: { type: 'LoadBalancer', ports, ...spec } };
}

/** Everything that HeraldLB relies on in an API server, said once and held against every server we run on. */
export function conformance(name: string, start: () => Promise<Target>): void {
  describe(`the API server as HeraldLB knows it: ${name}`, () => {
    const box: { target?: Target } = {};
    const target = (): Target => {
      if (box.target === undefined) throw new Error('the server did not start');
      return box.target;
    };
    const call = caller(target);

    beforeAll(async () => {
      box.target = await start();
      await call('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NS } });
    });
    afterAll(() => box.target?.close());

    describe('lists and watches', () => {
      it('answers in pages of one consistent version', async () => {
        for (let i = 0; i < 5; i += 1) await call('POST', CONFIGMAPS, configMap(`page-${i}`, {}, { set: 'page' }));
        const first = (await call('GET', `${CONFIGMAPS}?labelSelector=set%3Dpage&limit=2`)).body as List;
        expect(first.kind).toBe('ConfigMapList');
        expect(first.items).toHaveLength(2);
        await call('POST', CONFIGMAPS, configMap('page-9', {}, { set: 'page' }));
        const token = encodeURIComponent(first.metadata.continue ?? '');
        const second = (await call('GET', `${CONFIGMAPS}?labelSelector=set%3Dpage&limit=10&continue=${token}`)).body as List;
        expect(second.items.map((item) => item.metadata.name)).toEqual(['page-2', 'page-3', 'page-4']);
        expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
        expect(second.metadata.continue ?? '').toBe('');
      });

      it('watches on from a list without gap, in order', async () => {
        const list = (await call('GET', `${CONFIGMAPS}?labelSelector=set%3Dwatch`)).body as List;
        await call('POST', CONFIGMAPS, configMap('w', { a: '1' }, { set: 'watch' }));
        const query = { labelSelector: 'set=watch', resourceVersion: list.metadata.resourceVersion };
        const watch = await openWatch(target().client, CONFIGMAPS, query);
        await call('PATCH', `${CONFIGMAPS}/w`, { data: { a: '2' } }, MERGE);
        await call('DELETE', `${CONFIGMAPS}/w`);
        await until('three events', () => watch.lines.length >= 3);
        await watch.close();
        expect(watch.lines.map((line) => line.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
        const versions = watch.lines.map((line) => Number(line.object.metadata?.resourceVersion));
        expect(versions).toEqual([...versions].sort((a, b) => a - b));
        expect(new Set(versions).size).toBe(3);
      });

      it('says DELETED when an object leaves the selector, ADDED when it comes', async () => {
        await call('POST', CONFIGMAPS, configMap('sel', {}, { set: 'in' }));
        const list = (await call('GET', `${CONFIGMAPS}?labelSelector=set%3Din`)).body as List;
        const watch = await openWatch(target().client, CONFIGMAPS, {
          labelSelector: 'set=in',
          resourceVersion: list.metadata.resourceVersion,
        });
        await call('PATCH', `${CONFIGMAPS}/sel`, { metadata: { labels: { set: 'out' } } }, MERGE);
        await call('PATCH', `${CONFIGMAPS}/sel`, { metadata: { labels: { set: 'in' } } }, MERGE);
        await until('two events', () => watch.lines.length >= 2);
        await watch.close();
        expect(watch.lines.map((line) => line.type)).toEqual(['DELETED', 'ADDED']);
      });

      it('moves an idle watch on by bookmarks, and ends it at its timeout', async () => {
        const list = (await call('GET', CONFIGMAPS)).body as List;
        const resourceVersion = list.metadata.resourceVersion;
        const query = { allowWatchBookmarks: 'true', timeoutSeconds: '6', labelSelector: 'set=never', resourceVersion };
        const watch = await openWatch(target().client, CONFIGMAPS, query);
        const other = await call('POST', CONFIGMAPS, configMap('unselected'));
        await until('the end of the stream', () => watch.ended(), 15_000);
        expect(watch.lines.length).toBeGreaterThan(0);
        expect(watch.lines.every((line) => line.type === 'BOOKMARK')).toBe(true);
        expect(watch.lines[0]?.object.kind).toBe('ConfigMap');
        expect(Number(watch.lines.at(-1)?.object.metadata?.resourceVersion)).toBeGreaterThanOrEqual(Number(versionOf(other)));
      });

      it('says 410 Expired to a watch from beyond its history', async () => {
        const list = (await call('GET', CONFIGMAPS)).body as List;
        await call('POST', CONFIGMAPS, configMap('history-1'));
        await target().forgetHistory();
        await call('POST', CONFIGMAPS, configMap('history-2'));
        const query = { resourceVersion: list.metadata.resourceVersion };
        const expired = await until('an answer to the watch', () => firstError(target(), query), 20_000);
        expect(expired).toMatchObject({
          code: 410,
          reason: 'Expired',
          message: expect.stringContaining('too old resource version') as string,
        });
      });

      it.each([
        ['app in (a,b)', ['s-a', 's-b']],
        ['app notin (a),set=sel', ['s-b', 's-none']],
        ['!app,set=sel', ['s-none']],
        ['app,set=sel', ['s-a', 's-b']],
        ['app!=a,set=sel', ['s-b', 's-none']],
      ])('selects by label: %s', async (selector, expected) => {
        await call('POST', CONFIGMAPS, configMap('s-a', {}, { set: 'sel', app: 'a' }));
        await call('POST', CONFIGMAPS, configMap('s-b', {}, { set: 'sel', app: 'b' }));
        await call('POST', CONFIGMAPS, configMap('s-none', {}, { set: 'sel' }));
        const list = (await call('GET', `${CONFIGMAPS}?labelSelector=${encodeURIComponent(selector)}`)).body as List;
        expect(list.items.map((item) => item.metadata.name)).toEqual(expected);
      });

      it('selects by field, and refuses a field it does not know', async () => {
        await call('POST', SERVICES, service('f-lb'));
        await call('POST', SERVICES, service('f-ip', { type: 'ClusterIP' }));
        const byType = (await call('GET', `${SERVICES}?fieldSelector=spec.type%3DLoadBalancer`)).body as List;
        expect(byType.items.map((item) => item.metadata.name)).toEqual(['f-lb']);
        const byName = (await call('GET', `${SERVICES}?fieldSelector=metadata.name%3Df-ip`)).body as List;
        expect(byName.items.map((item) => item.metadata.name)).toEqual(['f-ip']);
        const refused = await call('GET', `${SERVICES}?fieldSelector=spec.nonsense%3D1`);
        expect(refused.status).toBe(400);
        expect(messageOf(refused)).toContain('field label not supported: spec.nonsense');
      });
    });

    describe('writes', () => {
      it('answers 409 AlreadyExists to a second create', async () => {
        await call('POST', CONFIGMAPS, configMap('twice'));
        const answer = await call('POST', CONFIGMAPS, configMap('twice'));
        expect(answer).toMatchObject({ status: 409, body: { kind: 'Status', status: 'Failure', reason: 'AlreadyExists', code: 409 } });
        expect(messageOf(answer)).toBe('configmaps "twice" already exists');
      });

      it('answers 404 NotFound, for objects and namespaces', async () => {
        const answer = await call('GET', `${CONFIGMAPS}/nothing`);
        expect(answer).toMatchObject({ status: 404, body: { reason: 'NotFound', details: { name: 'nothing', kind: 'configmaps' } } });
        expect(messageOf(answer)).toBe('configmaps "nothing" not found');
        const other = { ...configMap('x'), metadata: { name: 'x', namespace: 'not-there' } };
        const created = await call('POST', '/api/v1/namespaces/not-there/configmaps', other);
        expect(created.status).toBe(404);
        expect(messageOf(created)).toBe('namespaces "not-there" not found');
      });

      it('answers 409 Conflict to a replace with an old resourceVersion', async () => {
        const made = objectOf(await call('POST', CONFIGMAPS, configMap('stale', { a: '1' })));
        await call('PATCH', `${CONFIGMAPS}/stale`, { data: { a: '2' } }, MERGE);
        const answer = await call('PUT', `${CONFIGMAPS}/stale`, { ...made, data: { a: '3' } });
        expect(answer).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
        expect(messageOf(answer)).toContain('the object has been modified; please apply your changes to the latest version and try again');
      });

      it('keeps the resourceVersion when a write changes nothing', async () => {
        const made = await call('POST', CONFIGMAPS, configMap('same', { a: '1' }));
        const patched = await call('PATCH', `${CONFIGMAPS}/same`, { data: { a: '1' } }, MERGE);
        expect(versionOf(patched)).toBe(versionOf(made));
      });

      it('merge-patches: null removes, objects merge', async () => {
        await call('POST', CONFIGMAPS, configMap('merge', { a: '1', b: '2' }));
        const answer = await call('PATCH', `${CONFIGMAPS}/merge`, { data: { a: null, c: '3' } }, MERGE);
        expect(answer.body).toMatchObject({ data: { b: '2', c: '3' } });
        expect((answer.body as { data: object }).data).not.toHaveProperty('a');
      });

      it('JSON-patches, and refuses as a whole when a test fails', async () => {
        await call('POST', CONFIGMAPS, configMap('json', { a: '1' }));
        const good = [
          { op: 'test', path: '/data/a', value: '1' },
          { op: 'add', path: '/data/b', value: '2' },
          { op: 'remove', path: '/data/a' },
        ];
        const answer = await call('PATCH', `${CONFIGMAPS}/json`, good, JSON_PATCH);
        expect((answer.body as { data: object }).data).toEqual({ b: '2' });
        const bad = [
          { op: 'replace', path: '/data/b', value: '9' },
          { op: 'test', path: '/data/b', value: '1' },
        ];
        const refused = await call('PATCH', `${CONFIGMAPS}/json`, bad, JSON_PATCH);
        expect(refused).toMatchObject({ status: 422, body: { reason: 'Invalid' } });
        expect((await call('GET', `${CONFIGMAPS}/json`)).body).toMatchObject({ data: { b: '2' } });
      });

      it('patches strategically: lists of ports merge by port', async () => {
        await call('POST', SERVICES, service('strategic'));
        const patch = { spec: { ports: [{ port: 443, name: 'https', protocol: 'TCP' }] } };
        const answer = await call('PATCH', `${SERVICES}/strategic`, patch, STRATEGIC);
        const ports = portsOf(objectOf(answer));
        expect(ports.map(({ port }) => port).sort((a, b) => a - b)).toEqual([80, 443]);
      });

      it('answers 415 to a patch of unknown type', async () => {
        const answer = await call('PATCH', `${CONFIGMAPS}/merge`, {}, 'application/nonsense');
        expect(answer).toMatchObject({ status: 415, body: { reason: 'UnsupportedMediaType' } });
      });

      it('holds a patch and a delete to the uid they name', async () => {
        const made = objectOf(await call('POST', CONFIGMAPS, configMap('uid')));
        const other = '11111111-1111-4111-8111-111111111111';
        const patch = await call('PATCH', `${CONFIGMAPS}/uid`, { metadata: { uid: other }, data: { a: '1' } }, MERGE);
        expect(patch.status).toBe(422);
        expect(messageOf(patch)).toContain('metadata.uid: Invalid value: "11111111-1111-4111-8111-111111111111": field is immutable');
        expect(await call('DELETE', `${CONFIGMAPS}/uid`, deleteOptions(other))).toMatchObject({
          status: 409,
          body: { reason: 'Conflict' },
        });
        expect((await call('DELETE', `${CONFIGMAPS}/uid`, deleteOptions(made.metadata.uid))).status).toBe(200);
      });

      it('keeps an object with a finalizer until that is gone', async () => {
        const object = configMap('fin') as { metadata: object };
        await call('POST', CONFIGMAPS, { ...object, metadata: { ...object.metadata, finalizers: ['heraldlb.io/test'] } });
        await call('DELETE', `${CONFIGMAPS}/fin`);
        const waiting = await call('GET', `${CONFIGMAPS}/fin`);
        expect(waiting.body).toMatchObject({
          metadata: { deletionTimestamp: expect.any(String) as string, deletionGracePeriodSeconds: 0 },
        });
        await call('PATCH', `${CONFIGMAPS}/fin`, { metadata: { finalizers: null } }, MERGE);
        expect((await call('GET', `${CONFIGMAPS}/fin`)).status).toBe(404);
      });

      it('collects what a deleted owner leaves', async () => {
        const owner = objectOf(await call('POST', CONFIGMAPS, configMap('owner')));
        const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid };
        const object = configMap('owned') as { metadata: object };
        await call('POST', CONFIGMAPS, { ...object, metadata: { ...object.metadata, ownerReferences: [reference] } });
        await call('DELETE', `${CONFIGMAPS}/owner`);
        const gone = async (): Promise<boolean> => (await call('GET', `${CONFIGMAPS}/owned`)).status === 404;
        expect(await until('the dependent is gone', gone, 40_000)).toBe(true);
      });

      it('empties a namespace before it goes', async () => {
        await call('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'going' } });
        const inside = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'going' } };
        await call('POST', '/api/v1/namespaces/going/configmaps', inside);
        await call('DELETE', '/api/v1/namespaces/going');
        await until('the namespace is gone', async () => (await call('GET', '/api/v1/namespaces/going')).status === 404, 40_000);
        expect((await call('GET', '/api/v1/namespaces/going/configmaps/x')).status).toBe(404);
      });
    });

    describe('server-side apply', () => {
      const apply = applier(call);

      it('creates, changes nothing the second time, and removes what is applied no more', async () => {
        const path = `${CONFIGMAPS}/ssa`;
        const first = await apply(path, 'one', configMap('ssa', { a: '1', b: '2' }));
        expect(first.status).toBe(201);
        const again = await apply(path, 'one', configMap('ssa', { a: '1', b: '2' }));
        expect(again.status).toBe(200);
        expect(versionOf(again)).toBe(versionOf(first));
        const less = await apply(path, 'one', configMap('ssa', { a: '1' }));
        expect((less.body as { data: object }).data).toEqual({ a: '1' });
      });

      it('answers 409 with the other manager and the field, and yields to force', async () => {
        const path = `${CONFIGMAPS}/ssa-conflict`;
        await apply(path, 'one', configMap('ssa-conflict', { a: '1' }));
        const answer = await apply(path, 'two', configMap('ssa-conflict', { a: '2' }));
        expect(answer).toMatchObject({
          status: 409,
          body: { reason: 'Conflict', details: { causes: [{ reason: 'FieldManagerConflict', field: '.data.a' }] } },
        });
        expect(messageOf(answer)).toContain('conflict with "one"');
        const forced = await apply(path, 'two', configMap('ssa-conflict', { a: '2' }), true);
        expect(forced.body).toMatchObject({ data: { a: '2' } });
        const back = await apply(path, 'one', configMap('ssa-conflict', { a: '1' }));
        expect(back.status).toBe(409);
        expect(messageOf(back)).toContain('conflict with "two"');
      });

      it('needs a field manager', async () => {
        const answer = await call('PATCH', `${CONFIGMAPS}/ssa-none`, configMap('ssa-none'), APPLY);
        expect(answer.status).toBe(422);
        expect(messageOf(answer)).toContain('fieldManager: Required value');
      });

      it('lets two managers share a status', async () => {
        await call('POST', SERVICES, service('ssa-status'));
        const path = `${SERVICES}/ssa-status/status`;
        await apply(path, 'one', withStatus('ssa-status', { conditions: [{ ...CONDITION, type: 'heraldlb.io/Allocated' }] }));
        const both = await apply(path, 'two', withStatus('ssa-status', { conditions: [{ ...CONDITION, type: 'heraldlb.io/Announced' }] }));
        expect(conditionTypes(objectOf(both))).toEqual(['heraldlb.io/Allocated', 'heraldlb.io/Announced']);
        const without = await apply(path, 'one', withStatus('ssa-status', {}));
        expect(objectOf(without).status?.['conditions']).toMatchObject([{ type: 'heraldlb.io/Announced' }]);
      });
    });

    describe('Services', () => {
      it('get a cluster address and node ports', async () => {
        const answer = await call('POST', SERVICES, service('alloc'));
        expect(answer.body).toMatchObject({
          spec: {
            clusterIP: expect.stringMatching(/^10\.96\./) as string,
            clusterIPs: [expect.stringMatching(/^10\.96\./)],
            ipFamilies: ['IPv4'],
            ipFamilyPolicy: 'SingleStack',
            externalTrafficPolicy: 'Cluster',
            internalTrafficPolicy: 'Cluster',
            allocateLoadBalancerNodePorts: true,
            sessionAffinity: 'None',
            ports: [{ port: 80, targetPort: 80, protocol: 'TCP', nodePort: expect.any(Number) as number }],
          },
          status: { loadBalancer: {} },
        });
        const port = portsOf(objectOf(answer))[0]?.nodePort ?? 0;
        expect(port).toBeGreaterThanOrEqual(30_000);
        expect(port).toBeLessThanOrEqual(32_767);
      });

      it('may do without node ports, and have two families', async () => {
        const spec = { allocateLoadBalancerNodePorts: false, ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6', 'IPv4'] };
        const answer = await call('POST', SERVICES, service('dual', spec));
        const made = objectOf(answer).spec as { clusterIPs: string[]; ports: object[] };
        expect(made.clusterIPs).toEqual([expect.stringMatching(/^fd00:10:96:/), expect.stringMatching(/^10\.96\./)]);
        expect(made.ports[0]).not.toHaveProperty('nodePort');
      });

      it('get a health check port with externalTrafficPolicy Local', async () => {
        const answer = await call('POST', SERVICES, service('local', { externalTrafficPolicy: 'Local' }));
        expect(objectOf(answer).spec?.['healthCheckNodePort']).toBeGreaterThanOrEqual(30_000);
      });

      it('keep clusterIP and loadBalancerClass', async () => {
        await call('POST', SERVICES, service('keep', { loadBalancerClass: 'heraldlb.io/lb' }));
        const ip = await call('PATCH', `${SERVICES}/keep`, { spec: { clusterIP: '10.96.200.200' } }, MERGE);
        expect(ip.status).toBe(422);
        expect(messageOf(ip)).toContain('spec.clusterIPs[0]: Invalid value');
        const lbClass = await call('PATCH', `${SERVICES}/keep`, { spec: { loadBalancerClass: 'other.io/lb' } }, MERGE);
        expect(lbClass.status).toBe(422);
        expect(messageOf(lbClass)).toContain('spec.loadBalancerClass: Invalid value: "other.io/lb": may not change once set');
      });

      it('carry the address in status only, each part written through its own path', async () => {
        await call('POST', SERVICES, service('status'));
        const ingress = [{ ip: '192.0.2.7' }];
        const wrong = await call('PATCH', `${SERVICES}/status`, { status: { loadBalancer: { ingress } } }, MERGE);
        expect(objectOf(wrong).status).toEqual({ loadBalancer: {} });
        const both = { metadata: { labels: { a: 'b' } }, spec: { sessionAffinity: 'ClientIP' }, status: { loadBalancer: { ingress } } };
        const right = await call('PATCH', `${SERVICES}/status/status`, both, MERGE);
        expect(objectOf(right).status).toEqual({ loadBalancer: { ingress: [{ ip: '192.0.2.7', ipMode: 'VIP' }] } });
        expect(objectOf(right).spec).toMatchObject({ sessionAffinity: 'None' });
        const refused = await call(
          'PATCH',
          `${SERVICES}/status/status`,
          { status: { loadBalancer: { ingress: [{ ip: 'nonsense' }] } } },
          MERGE,
        );
        expect(refused.status).toBe(422);
        expect(messageOf(refused)).toContain('status.loadBalancer.ingress[0].ip: Invalid value: "nonsense"');
      });

      it('lose the address with their type', async () => {
        await call('POST', SERVICES, service('change'));
        await call('PATCH', `${SERVICES}/change/status`, { status: { loadBalancer: { ingress: [{ ip: '192.0.2.8' }] } } }, MERGE);
        const answer = await call('PATCH', `${SERVICES}/change`, { spec: { type: 'ClusterIP' } }, MERGE);
        expect(objectOf(answer).status).toEqual({ loadBalancer: {} });
      });

      it('refuse a taken node port and a nonsense policy', async () => {
        const made = objectOf(await call('POST', SERVICES, service('port-1')));
        const nodePort = portsOf(made)[0]?.nodePort;
        const taken = await call('POST', SERVICES, service('port-2', { ports: [{ port: 80, nodePort }] }));
        expect(taken.status).toBe(422);
        expect(messageOf(taken)).toContain('provided port is already allocated');
        const policy = await call('POST', SERVICES, service('policy', { externalTrafficPolicy: 'Nonsense' }));
        expect(policy.status).toBe(422);
        expect(messageOf(policy)).toContain('spec.externalTrafficPolicy: ');
      });
    });

    describe('access', () => {
      it('answers 401 to an unknown token', async () => {
        const { ApiClient } = await import('../support/apiClient.ts');
        const stranger = new ApiClient(target().admin.url, 'no-such-token');
        const answer = await stranger.raw('GET', SERVICES);
        await stranger.close();
        expect(answer).toMatchObject({ status: 401, body: { kind: 'Status', reason: 'Unauthorized', code: 401 } });
      });

      it('answers 403 with user, verb, resource and scope', async () => {
        const cluster = await target().limited.raw('GET', '/api/v1/services');
        expect(cluster).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
        expect(messageOf(cluster)).toBe(
          'services is forbidden: User "limited" cannot list resource "services" in API group "" at the cluster scope',
        );
        const named = await target().limited.raw('PATCH', `${SERVICES}/alloc/status`, {}, MERGE);
        expect(messageOf(named)).toBe(
          `services "alloc" is forbidden: User "limited" cannot patch resource "services/status" in API group "" in the namespace "${NS}"`,
        );
      });

      it('grants by role, subresource and resource name', async () => {
        const rbac = 'rbac.authorization.k8s.io';
        await target().admin.apply({
          apiVersion: `${rbac}/v1`,
          kind: 'ClusterRole',
          metadata: { name: 'conformance' },
          rules: [
            { apiGroups: [''], resources: ['services'], verbs: ['get', 'list', 'watch'] },
            { apiGroups: [''], resources: ['services/status'], verbs: ['patch'] },
            { apiGroups: [''], resources: ['configmaps'], resourceNames: ['merge'], verbs: ['get'] },
          ],
        });
        await target().admin.apply({
          apiVersion: `${rbac}/v1`,
          kind: 'ClusterRoleBinding',
          metadata: { name: 'conformance' },
          roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'conformance' },
          subjects: [{ kind: 'Group', apiGroup: rbac, name: 'conformance' }],
        });
        const { limited } = target();
        await until('the grant works', async () => (await limited.raw('GET', '/api/v1/services')).status === 200);
        expect((await limited.raw('PATCH', `${SERVICES}/alloc/status`, { status: {} }, MERGE)).status).toBe(200);
        expect((await limited.raw('PATCH', `${SERVICES}/alloc`, {}, MERGE)).status).toBe(403);
        expect((await limited.raw('GET', `${CONFIGMAPS}/merge`)).status).toBe(200);
        expect((await limited.raw('GET', `${CONFIGMAPS}/json`)).status).toBe(403);
      });
    });

    describe('Leases and Events', () => {
      it('takes a MicroTime of six digits only', async () => {
        const good = await call('POST', LEASES, lease('good', '2026-01-02T03:04:05.123000Z'));
        expect(good).toMatchObject({ status: 201, body: { spec: { renewTime: '2026-01-02T03:04:05.123000Z' } } });
        expect((await call('POST', LEASES, lease('bad', '2026-01-02T03:04:05.123Z'))).status).toBe(400);
        expect((await call('POST', LEASES, lease('bad', '2026-01-02T03:04:05Z'))).status).toBe(400);
      });

      it('lets one of two writers of a Lease win', async () => {
        const found = objectOf(await call('GET', `${LEASES}/good`));
        const write = (holderIdentity: string): Promise<Answer> =>
          call('PUT', `${LEASES}/good`, { ...found, spec: { ...found.spec, holderIdentity } });
        const statuses = (await Promise.all([write('a'), write('b')])).map(({ status }) => status);
        expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 409]);
      });

      it('keeps Events, selects them by their object, and wants them in its namespace', async () => {
        const events = `/api/v1/namespaces/${NS}/events`;
        const event = (name: string, namespace: string): object => ({
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { name, namespace: NS },
          involvedObject: { apiVersion: 'v1', kind: 'Service', namespace, name: 'alloc', uid: 'u-9' },
          reason: 'Assigned',
          message: 'm',
          type: 'Normal',
          count: 1,
          firstTimestamp: '2026-01-02T03:04:05Z',
          lastTimestamp: '2026-01-02T03:04:05Z',
          source: { component: 'test' },
        });
        expect((await call('POST', events, event('e1', NS))).status).toBe(201);
        const patched = await call('PATCH', `${events}/e1`, { count: 2, lastTimestamp: '2026-01-02T03:05:05Z' }, MERGE);
        expect(patched.body).toMatchObject({ count: 2 });
        const list = (await call('GET', `${events}?fieldSelector=involvedObject.uid%3Du-9`)).body as List;
        expect(list.items).toHaveLength(1);
        const elsewhere = await call('POST', events, event('e2', 'default'));
        expect(elsewhere.status).toBe(422);
        expect(messageOf(elsewhere)).toContain('involvedObject.namespace: Invalid value: "default": does not match event.namespace');
      });
    });

    customResourceCases(target, NS);
    webhookCases(target, NS);

    describe('kubectl', () => {
      it('gets, describes, waits and deletes', async (context) => {
        if (target().kubectl === undefined) context.skip('no kubectl here');
        await call('POST', SERVICES, service('for-kubectl'));
        expect(await kubectl(target(), 'get', 'svc', 'for-kubectl')).toMatch(
          /^NAME\s+TYPE\s+CLUSTER-IP\s+EXTERNAL-IP\s+PORT\(S\)\s+AGE\nfor-kubectl\s+LoadBalancer/,
        );
        expect(await kubectl(target(), 'describe', 'svc', 'for-kubectl')).toMatch(/Name:\s+for-kubectl/);
        await call('PATCH', `${SERVICES}/for-kubectl/status`, { status: { loadBalancer: { ingress: [{ ip: '192.0.2.9' }] } } }, MERGE);
        await kubectl(target(), 'wait', 'svc/for-kubectl', '--for=jsonpath={.status.loadBalancer.ingress[0].ip}=192.0.2.9', '--timeout=5s');
        await kubectl(target(), 'annotate', 'svc', 'for-kubectl', 'heraldlb.io/x=y');
        expect(await kubectl(target(), 'get', 'svc', 'for-kubectl', '-o', 'jsonpath={.metadata.annotations}')).toContain('heraldlb.io/x');
        expect(await kubectl(target(), 'delete', 'svc', 'for-kubectl')).toContain('deleted');
      });
    });
  });
}
