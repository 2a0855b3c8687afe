import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startElector, type Term } from '../../src/host/kube/lease.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import { createObject, deleteObject, getObject, listObjects, patchObject, type KubeObject } from '../../src/host/kube/objects.ts';
import { startReflector } from '../../src/host/kube/reflector.ts';
import { EVENTS, LEASES, SERVICES } from '../../src/host/kube/resource.ts';
import { createStatusWriter } from '../../src/host/kube/status.ts';
import { createEventRecorder } from '../../src/host/kube/events.ts';
import { clientOf, memoryLog } from '../host/support.ts';
import { needKube } from '../kube/binaries.ts';
import { startKube, type Kube } from '../kube/kube.ts';
import { sleep, until } from '../support/until.ts';

const service = (name: string): { metadata: { name: string; namespace: string }; spec: object } => ({
  metadata: { name, namespace: 'default' },
  spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
});

const project = (raw: KubeObject): string => raw.metadata.labels?.['v'] ?? 'none';

describe.skipIf(needKube('our Kubernetes runtime on the real server') === undefined)('our Kubernetes runtime on the real server', () => {
  let kube: Kube;
  let client: KubeClient;
  const { log } = memoryLog();
  beforeAll(async () => {
    kube = await startKube({ controllers: false });
    client = clientOf(kube.kubeconfig());
  });
  afterAll(async () => {
    await client.close();
    await kube.close();
  });

  it('speaks HTTP/2', async () => {
    await getObject(client, SERVICES, { namespace: 'default', name: 'kubernetes' }).catch(() => {});
    expect(client.protocol()).toBe('h2');
  });

  it('reflects a field-selected list through changes and a restart of the server', async () => {
    let changes = 0;
    const options = { fieldSelector: 'spec.type=LoadBalancer', pageSize: 2, onChange: () => (changes += 1) };
    for (const name of ['a', 'b', 'c', 'd', 'e']) await createObject(client, SERVICES, service(name));
    const reflector = startReflector({ client, resource: SERVICES, project, log, ...options });
    await reflector.synced;
    expect([...reflector.store.keys()].sort()).toEqual(['default/a', 'default/b', 'default/c', 'default/d', 'default/e']);
    await until('the watch', () => reflector.health().connected);
    await patchObject(client, SERVICES, { namespace: 'default', name: 'a' }, { metadata: { labels: { v: '1' } } });
    await until('a change', () => reflector.store.get('default/a') === '1');

    await kube.stopApiServer();
    await until('the loss is seen', () => !reflector.health().connected);
    expect(reflector.store.size).toBe(5);
    await kube.startApiServer();
    const retry = async (): Promise<boolean> => {
      await deleteObject(client, SERVICES, { namespace: 'default', name: 'b' });
      return true;
    };
    await until('the API is back for us', retry, 20_000);
    await until('the deletion arrives', () => reflector.store.get('default/b') === undefined, 40_000);
    expect(changes).toBeGreaterThan(1);
    await reflector.stop();
  });

  it('elects one leader, and the next one at once after a release', async () => {
    const terms: Record<string, Term | undefined> = {};
    const candidate = (identity: string): ReturnType<typeof startElector> =>
      startElector({
        client,
        namespace: 'default',
        name: 'lease',
        identity,
        log,
        retryPeriodMs: 200,
        renewDeadlineMs: 2000,
        leaseDurationMs: 3000,
        onElected: (term) => (terms[identity] = term),
        onLost: () => (terms[identity] = undefined),
      });
    const first = candidate('one');
    await until('one leads', () => first.isLeader());
    const second = candidate('two');
    await sleep(1500);
    expect(second.isLeader()).toBe(false);
    expect(first.isLeader()).toBe(true);
    const term = terms['one'];
    await first.stop();
    expect(term?.valid()).toBe(false);
    await until('two leads', () => second.isLeader(), 2500);
    expect(terms['two']?.epoch).toBeGreaterThan(term?.epoch ?? 99);
    await second.stop();
    const lease = await getObject<{ spec: { holderIdentity: string } }>(client, LEASES, { namespace: 'default', name: 'lease' });
    expect(lease.spec.holderIdentity).toBe('');
  });

  it('writes a status once, and not to a namesake', async () => {
    const made = await createObject(client, SERVICES, service('st'));
    const ref = { namespace: 'default', name: 'st' };
    const writer = createStatusWriter({ client, fieldManager: 'test', log });
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } };
    writer.set(SERVICES, ref, status, { uid: made.metadata.uid ?? '' });
    expect(await writer.flush(5000)).toBe(true);
    const written = await getObject(client, SERVICES, ref);
    expect(written['status']).toMatchObject(status);
    writer.set(SERVICES, ref, { ...status }, { uid: made.metadata.uid ?? '' });
    await writer.flush(5000);
    expect((await getObject(client, SERVICES, ref)).metadata.resourceVersion).toBe(written.metadata.resourceVersion);

    await deleteObject(client, SERVICES, ref);
    await createObject(client, SERVICES, service('st'));
    writer.set(SERVICES, ref, { loadBalancer: { ingress: [{ ip: '192.0.2.2' }] } }, { uid: made.metadata.uid ?? '' });
    expect(await writer.flush(5000)).toBe(true);
    expect((await getObject(client, SERVICES, ref))['status']).toEqual({ loadBalancer: {} });
    await writer.stop();
  });

  it('records events and counts their repeats', async () => {
    const recorder = createEventRecorder({ client, component: 'heraldlb-test', host: 'n1', log });
    const object = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'a', uid: 'u-1' };
    for (const _ of [1, 2, 3]) {
      recorder.event(object, 'Warning', 'NoAddress', 'nothing free');
      await sleep(100);
    }
    await recorder.stop({ drainMs: 3000 });
    const events = await listObjects(client, EVENTS, { namespace: 'default', fieldSelector: 'involvedObject.uid=u-1' });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ reason: 'NoAddress', count: 3, type: 'Warning' });
  });
});
