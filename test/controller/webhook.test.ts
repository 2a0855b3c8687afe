import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueCertificate, renewalReason } from '../../controller/webhook/certificate.ts';
import { answerReview } from '../../controller/webhook/review.ts';
import { startController } from '../../controller/main.ts';
import { createLogger } from '../../src/host/log.ts';
import { LEASE, NAMESPACE } from './fixtures.ts';
import { type Cluster, allIps, poolObject, serviceObject, startCluster, until } from './support.ts';

const HOUR = 3_600_000;
const NAMES = ['heraldlb-webhook.heraldlb-system.svc', 'localhost'];

describe('the certificate', () => {
  const now = Date.now();
  const made = issueCertificate(NAMES, now, 90 * 24 * HOUR);

  it('is signed by its authority, for these names and no authority itself', () => {
    const leaf = new X509Certificate(made.certificate);
    const authority = new X509Certificate(made.authorities);
    expect(leaf.verify(authority.publicKey)).toBe(true);
    expect(leaf.checkIssued(authority)).toBe(true);
    expect([leaf.ca, authority.ca]).toEqual([false, true]);
    expect(NAMES.map((name) => leaf.checkHost(name))).toEqual(NAMES);
    expect(leaf.checkHost('other.svc')).toBeUndefined();
    expect(Date.parse(leaf.validTo) - now).toBeGreaterThan(89 * 24 * HOUR);
  });

  it.each([
    ['Missing', undefined, now],
    ['Unreadable', { ...made, certificate: 'nonsense' }, now],
    ['Untrusted', { ...made, authorities: issueCertificate(NAMES, now, HOUR).authorities }, now],
    ['Untrusted', { ...made, authorities: '' }, now],
    ['WrongNames', issueCertificate(['other.svc'], now, 90 * 24 * HOUR), now],
    ['Expiring', made, now + 61 * 24 * HOUR],
    ['Untrusted', made, now + 91 * 24 * HOUR],
    [undefined, made, now + 59 * 24 * HOUR],
  ] as const)('is renewed when %s', (reason, found, at) => {
    expect(renewalReason(found, NAMES, at, 90 * 24 * HOUR)).toBe(reason);
  });

  it('keeps one earlier authority trusted while that is valid', () => {
    const second = issueCertificate(NAMES, now, 90 * 24 * HOUR, made.authorities);
    const third = issueCertificate(NAMES, now, 90 * 24 * HOUR, second.authorities);
    const count = (pem: string): number => pem.split('BEGIN CERTIFICATE').length - 1;
    expect([made, second, third].map(({ authorities }) => count(authorities))).toEqual([1, 2, 2]);
    expect(second.authorities).toContain(made.authorities.trim());
    expect(third.authorities).not.toContain(made.authorities.trim());
    const late = issueCertificate(NAMES, now + 91 * 24 * HOUR, 90 * 24 * HOUR, made.authorities);
    expect(count(late.authorities)).toBe(1);
    expect(renewalReason(third, NAMES, now, 90 * 24 * HOUR)).toBeUndefined();
  });
});

describe('a review', () => {
  const review = (request: object): object => ({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
  const pool = { group: 'heraldlb.io', version: 'v1', kind: 'IPAddressPool' };

  it.each([undefined, null, 'text', {}, { request: 1 }, { request: {} }, { request: { uid: 7 } }])('refuses to read %j', (body) => {
    expect(() => answerReview(body, 'heraldlb.io', undefined)).toThrow(/no AdmissionReview/);
  });

  it('lets through what is not its affair, and what it cannot judge yet', () => {
    expect(answerReview(review({ uid: '1', kind: { ...pool, group: 'other.io' }, operation: 'CREATE' }), 'heraldlb.io', undefined)).toEqual(
      {
        uid: '1',
        allowed: true,
      },
    );
    expect(answerReview(review({ uid: '2', kind: pool, operation: 'CREATE', object: {} }), 'heraldlb.io', undefined)).toEqual({
      uid: '2',
      allowed: true,
      warnings: ['HeraldLB has not read the cluster yet: this write was not checked'],
    });
  });
});

describe('the webhook behind an API server', () => {
  let cluster: Cluster;
  let controller: Awaited<ReturnType<typeof startController>>;

  beforeAll(async () => {
    cluster = await startCluster();
    controller = await startController(
      {
        kubeconfig: cluster.kubeconfig,
        namespace: NAMESPACE,
        apiGroup: 'heraldlb.io',
        logLevel: 'info',
        metricsPort: 0,
        metricsAddress: '127.0.0.1',
        leaderElect: true,
        identity: 'one',
        webhookPort: 0,
      },
      { lease: LEASE, log: createLogger({ level: 'silent', name: 'test' }), webhookTiming: { lifetimeMs: 90 * 24 * HOUR, lookMs: 200 } },
    );
    await until('the webhook to serve', () => controller.webhookPort() > 0);
    await cluster.lab.create({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'heraldlb' },
      webhooks: [
        {
          name: 'config.heraldlb.io',
          clientConfig: { url: `https://localhost:${controller.webhookPort()}/validate` },
          rules: [{ apiGroups: ['heraldlb.io'], apiVersions: ['*'], resources: ['*'], operations: ['CREATE', 'UPDATE', 'DELETE'] }],
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Fail',
        },
      ],
    });
    await until('the trust', async () => JSON.stringify(await configuration()).includes('caBundle'));
  }, 60_000);
  afterAll(async () => {
    await controller?.close();
    await cluster?.close();
  });

  const configuration = (): Promise<unknown> =>
    cluster.lab.get({ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', name: 'heraldlb' });
  const poolRef = (name: string) => ({ apiVersion: 'heraldlb.io/v1', kind: 'IPAddressPool', namespace: NAMESPACE, name });
  const settled = async (): Promise<void> => {
    await until('the controller', () => controller.idle());
  };

  it('lets a good pool in, and Services get their addresses', async () => {
    await cluster.lab.create(poolObject('a', ['192.0.2.0/28']));
    await cluster.lab.create(serviceObject('web'));
    await until('an address', async () => (await allIps(cluster.lab)).get('web')?.length === 1);
    expect((await allIps(cluster.lab)).get('web')?.[0]).toMatch(/^192\.0\.2\./);
  });

  it('refuses a pool that overlaps another, and says which', async () => {
    await expect(cluster.lab.create(poolObject('b', ['192.0.2.8/29']))).rejects.toThrow(
      /denied the request: InvalidObject: IPAddressPool\/b OverlappingPools.*192\.0\.2\.8\/29/,
    );
    await cluster.lab.create(poolObject('b', ['198.51.100.0/29']));
  });

  it('refuses a reference to what is not there', async () => {
    const advertisement = {
      apiVersion: 'heraldlb.io/v1',
      kind: 'BGPPeer',
      metadata: { name: 'router', namespace: NAMESPACE },
      spec: { myASN: 64512, peerASN: 64513, peerAddress: '192.0.2.250', bfdProfile: 'none' },
    };
    await expect(cluster.lab.create(advertisement)).rejects.toThrow(/InvalidObject: BGPPeer\/router UnknownReference spec\.bfdProfile/);
  });

  it('looks at a BGPPeer with disableMP like at any other (W18)', async () => {
    const metadata = { name: 'plain', namespace: NAMESPACE };
    const peer = (spec: object): object => ({ apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer', metadata, spec: { myASN: 64512, ...spec } });
    const wrong = { peerASN: 64513, peerAddress: '192.0.2.250', disableMP: true, bfdProfile: 'none' };
    await expect(cluster.lab.create(peer(wrong))).rejects.toThrow(/InvalidObject: BGPPeer\/plain UnknownReference spec\.bfdProfile/);
    const { bfdProfile: _bfdProfile, ...right } = wrong;
    await cluster.lab.create(peer(right));
    // And on every write, not only the first one.
    const ref = { apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer', ...metadata };
    await expect(cluster.lab.patch(ref, { spec: { bfdProfile: 'none' } })).rejects.toThrow(/InvalidObject: BGPPeer\/plain/);
    await cluster.lab.delete(ref);
  });

  it('refuses an edit that takes an address from a running Service, unless that is meant', async () => {
    await settled();
    const edit = { spec: { addresses: ['203.0.113.0/28'] } };
    await expect(cluster.lab.patch(poolRef('a'), edit)).rejects.toThrow(
      /TakesAddresses: running Services would lose 192\.0\.2\.\d+ \(default\/web\)/,
    );
    await expect(cluster.lab.delete(poolRef('a'))).rejects.toThrow(/TakesAddresses/);
    await cluster.lab.patch(poolRef('a'), { spec: { addresses: ['192.0.2.0/28', '203.0.113.0/28'] } });
    await cluster.lab.patch(poolRef('a'), { metadata: { annotations: { 'heraldlb.io/allow-renumbering': 'true' } }, ...edit });
    await until('the new address', async () => (await allIps(cluster.lab)).get('web')?.[0]?.startsWith('203.0.113.') === true);
  });

  it('lets the namespace controller take everything away', async () => {
    const world = { objects: { IPAddressPool: [poolObject('a', ['203.0.113.0/28'])] }, services: [], namespaces: [] };
    const request = {
      uid: '3',
      kind: { group: 'heraldlb.io', version: 'v1', kind: 'IPAddressPool' },
      operation: 'DELETE',
      oldObject: poolObject('a', ['203.0.113.0/28']),
      userInfo: { username: 'system:serviceaccount:kube-system:namespace-controller' },
    };
    expect(answerReview({ request }, 'heraldlb.io', world as never)).toEqual({ uid: '3', allowed: true });
    await Promise.resolve();
  });

  it('serves a renewed certificate without a moment in which writes fail', async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', namespace: NAMESPACE, name: 'heraldlb-webhook' };
    const before = ((await cluster.lab.get(secret)) as { data?: Record<string, string> }).data?.['tls.crt'];
    const expired = issueCertificate(NAMES, Date.now() - 2 * HOUR, HOUR);
    const encoded = (pem: string): string => Buffer.from(pem).toString('base64');
    await cluster.lab.patch(secret, {
      data: { 'tls.crt': encoded(expired.certificate), 'tls.key': encoded(expired.key), 'ca.crt': encoded(expired.authorities) },
    });
    let writes = 0;
    await until('the renewal', async () => {
      await cluster.lab.patch(poolRef('b'), { spec: { addresses: [`198.51.100.${8 * (writes++ % 8)}/29`] } });
      const now = ((await cluster.lab.get(secret)) as { data?: Record<string, string> }).data?.['tls.crt'];
      return now !== before && now !== encoded(expired.certificate);
    });
    for (let i = 0; i < 10; i++) await cluster.lab.patch(poolRef('b'), { spec: { addresses: [`198.51.100.${8 * (writes++ % 8)}/29`] } });
    expect(writes).toBeGreaterThan(10);
  });
});
