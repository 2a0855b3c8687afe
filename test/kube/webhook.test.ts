import { X509Certificate } from 'node:crypto';
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Controller, startController } from '../../controller/main.ts';
import { issueCertificate } from '../../controller/webhook/certificate.ts';
import { createLogger } from '../../src/host/log.ts';
import { until } from '../support/until.ts';
import { needKube } from './binaries.ts';
import { type Kube, startKube } from './kube.ts';

const NAMESPACE = 'heraldlb-system';
const HOUR = 3_600_000;
const poolRef = (name: string) => ({ apiVersion: 'heraldlb.io/v1', kind: 'IPAddressPool', namespace: NAMESPACE, name });
const secretRef = { apiVersion: 'v1', kind: 'Secret', namespace: NAMESPACE, name: 'heraldlb-webhook' };
const serviceRef = (name: string) => ({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name });

describe.skipIf(needKube('the webhook behind the real server') === undefined)('the webhook behind the real kube-apiserver', () => {
  let kube: Kube;
  let controller: Controller;
  let kubeconfig: string;

  beforeAll(async () => {
    kube = await startKube({ controllers: false });
    for (const file of readdirSync('manifests/crds').filter((name) => name !== 'kustomization.yaml'))
      await kube.admin.apply(readFileSync(join('manifests/crds', file), 'utf8'));
    for (const file of ['base/namespace.yaml', 'base/rbac.yaml', 'webhook/rbac.yaml'])
      await kube.admin.apply(readFileSync(join('manifests', file), 'utf8'));
    await until(
      'the CRDs to be served',
      async () => (await kube.admin.raw('GET', `/apis/heraldlb.io/v1/namespaces/${NAMESPACE}/nodestates`)).status === 200,
      15_000,
    );
    // As the account of the manifests: what it may not do fails here.
    kubeconfig = kube.kubeconfigFile(await kube.serviceAccountToken(NAMESPACE, 'heraldlb-controller'));
    controller = await start(0);
    await until('the webhook to serve', () => controller.webhookPort() > 0, 30_000);
    const configuration = parse(readFileSync('manifests/webhook/webhook.yaml', 'utf8')) as { webhooks: { clientConfig: object }[] };
    // There is no Service network here: the server reaches the controller by URL.
    for (const webhook of configuration.webhooks) webhook.clientConfig = { url: `https://localhost:${controller.webhookPort()}/validate` };
    await kube.admin.apply(configuration);
    await kube.admin.apply(pool('a', ['192.0.2.0/28']));
    await refused(pool('overlap', ['192.0.2.8/29']), /OverlappingPools/, 'create');
  }, 180_000);
  afterAll(async () => {
    await controller?.close();
    await kube?.close();
  });

  const start = (webhookPort: number, lifetimeMs = 90 * 24 * HOUR): Promise<Controller> =>
    startController(
      {
        kubeconfig,
        namespace: NAMESPACE,
        apiGroup: 'heraldlb.io',
        logLevel: 'info',
        metricsPort: 0,
        metricsAddress: '127.0.0.1',
        leaderElect: true,
        identity: `c${webhookPort}`,
        webhookPort,
      },
      {
        log: createLogger({ level: 'silent', name: 'test' }),
        lease: { leaseDurationMs: 3000, renewDeadlineMs: 2000, retryPeriodMs: 300 },
        webhookTiming: { lifetimeMs, lookMs: 300 },
      },
    );

  function pool(name: string, addresses: readonly string[]): object {
    return { apiVersion: 'heraldlb.io/v1', kind: 'IPAddressPool', metadata: { name, namespace: NAMESPACE }, spec: { addresses } };
  }

  const poolsPath = `/apis/heraldlb.io/v1/namespaces/${NAMESPACE}/ipaddresspools`;

  /** The server takes up a new configuration or trust in its own time. */
  async function refused(object: object, why: RegExp, how: 'create' | 'update'): Promise<void> {
    const name = (object as { metadata: { name: string } }).metadata.name;
    await until(
      `a refusal with ${String(why)}`,
      async () => {
        const { status, body } =
          how === 'create'
            ? await kube.admin.raw('POST', `${poolsPath}?dryRun=All`, object)
            : await kube.admin.raw('PUT', `${poolsPath}/${name}?dryRun=All`, {
                ...object,
                metadata: { ...(await kube.admin.get(poolRef(name))).metadata },
              });
        return status === 422 && why.test(JSON.stringify(body));
      },
      30_000,
    );
  }

  const servedBy = (port: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
      socket.on('error', reject);
    });

  const kubectl = async (...words: string[]): Promise<string> => {
    const { stdout, stderr } = await promisify(execFile)(kube.kubectl ?? 'kubectl', [...words, '--kubeconfig', kube.kubeconfigFile()], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    return stdout + stderr;
  };

  it('refuses what takes an address from a running Service, and a dry run says what would move', async () => {
    const spec = { type: 'LoadBalancer', ports: [{ port: 80 }] };
    await kube.admin.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec });
    await until('an address', async () => JSON.stringify(await kube.admin.get(serviceRef('web'))).includes('"ip":"192.0.2.'), 20_000);
    await until('the controller', () => controller.idle());
    await refused(pool('a', ['203.0.113.0/28']), /TakesAddresses: running Services would lose 192\.0\.2\.\d+ \(default\/web\)/, 'update');
    const add = '{"spec":{"addresses":["192.0.2.0/28","203.0.113.0/28"]}}';
    const harmless = await kubectl('patch', 'ipaddresspool', 'a', '-n', NAMESPACE, '--type=merge', '-p', add, '--dry-run=server');
    expect(harmless).toContain('Warning: renumbers no Service');
    const move = '{"metadata":{"annotations":{"heraldlb.io/allow-renumbering":"true"}},"spec":{"addresses":["203.0.113.0/28"]}}';
    const meant = await kubectl('patch', 'ipaddresspool', 'a', '-n', NAMESPACE, '--type=merge', '-p', move, '--dry-run=server');
    expect(meant).toMatch(/Warning: takes from running Services: 192\.0\.2\.\d+ \(default\/web\)/);
    await expect(kubectl('delete', 'ipaddresspool', 'a', '-n', NAMESPACE)).rejects.toThrow(/TakesAddresses/);
  });

  it('warns of an AddressClaim that has no effect or moves a Service, but not of those that the controller makes', async () => {
    const apply = async (name: string, service: string, address: string, labels = {}): Promise<string> => {
      const file = join(kube.directory, `${name}.json`);
      const spec = { serviceRef: { namespace: 'default', name: service }, addresses: [address] };
      const metadata = { name, namespace: NAMESPACE, labels };
      writeFileSync(file, JSON.stringify({ apiVersion: 'heraldlb.io/v1', kind: 'AddressClaim', metadata, spec }));
      return kubectl('apply', '-f', file, '--dry-run=server');
    };
    expect(await apply('outside', 'absent', '198.51.100.7')).toContain('Warning: Address 198.51.100.7 is in no usable IPAddressPool.');
    const [had = ''] = /192\.0\.2\.\d+/.exec(JSON.stringify(await kube.admin.get(serviceRef('web')))) ?? [];
    expect(await apply('held', 'absent', had)).toContain(`Warning: Address ${had} is in use by default/web.`);
    expect(await apply('moves', 'web', '192.0.2.14')).toContain(`Warning: takes from running Services: ${had} (default/web)`);
    expect(await apply('fits', 'absent', '192.0.2.14')).toContain('Warning: renumbers no Service');
    expect(await apply('own', 'absent', '198.51.100.7', { 'app.kubernetes.io/managed-by': 'heraldlb' })).not.toContain('Warning');
  });

  it('renews an expired certificate, and is believed again', async () => {
    const expired = issueCertificate([`heraldlb-webhook.${NAMESPACE}.svc`, 'localhost'], Date.now() - 2 * HOUR, HOUR);
    const encoded = (pem: string): string => Buffer.from(pem).toString('base64');
    const data = { 'tls.crt': encoded(expired.certificate), 'tls.key': encoded(expired.key), 'ca.crt': encoded(expired.authorities) };
    await kube.admin.patch(secretRef, { data });
    const certificate = async (): Promise<string> =>
      ((await kube.admin.get(secretRef)) as unknown as { data: Record<string, string> }).data['tls.crt'] ?? '';
    await until('another certificate', async () => (await certificate()) !== data['tls.crt'], 20_000);
    expect(Date.parse(new X509Certificate(Buffer.from(await certificate(), 'base64')).validTo)).toBeGreaterThan(Date.now());
    await refused(pool('overlap', ['192.0.2.8/29']), /OverlappingPools/, 'create');
  });

  it('shows in kubectl what is used and free, and who has what is claimed', async () => {
    const list = async (kind: string): Promise<string[]> => {
      const lines = (await kubectl('get', kind, '-n', NAMESPACE)).trim().split('\n');
      return lines.map((line) =>
        line
          .trim()
          .split(/\s{2,}/)
          .join(' | '),
      );
    };
    const claimed = { 'heraldlb.io/address-claim': '24h' };
    await kube.admin.patch(serviceRef('web'), { metadata: { annotations: claimed } });
    await until('the claim', async () => (await list('addressclaims')).some((line) => line.includes('| True | Bound |')), 20_000);
    const [had = ''] = /192\.0\.2\.\d+/.exec(JSON.stringify(await kube.admin.get(serviceRef('web')))) ?? [];
    expect(await list('addressclaims')).toEqual([
      'NAME | NAMESPACE | SERVICE | ADDRESSES | BOUND | REASON | TTL | AGE',
      expect.stringMatching(
        new RegExp(`^default\\.web \\| default \\| web \\| \\["${had}"\\] \\| True \\| Bound \\| 24h \\| \\d+m?\\d*s$`),
      ),
    ]);
    // Counts follow within some seconds.
    const pools = await until(
      'the count',
      async () => ((await list('ippool'))[1]?.includes('| 1 | 15 |') === true ? list('ippool') : undefined),
      20_000,
    );
    expect(pools).toEqual([
      'NAME | ACCEPTED | AUTO ASSIGN | USED IPV4 | FREE IPV4 | USED IPV6 | ADDRESSES | AGE',
      expect.stringMatching(/^a \| True \| true \| 1 \| 15 \| 0 \| \["192\.0\.2\.0\/28"\] \| /),
    ]);
  });

  it('blocks nothing while the controller is down, and comes back with a certificate that is rotated every few seconds', async () => {
    await controller.close();
    await kube.admin.apply(pool('unchecked', ['192.0.2.8/29']));
    expect(await kubectl('create', 'service', 'clusterip', 'other', '--tcp=80')).toContain('created');
    expect(await kubectl('create', 'namespace', 'other')).toContain('created');
    await kubectl('delete', 'ipaddresspool', 'unchecked', '-n', NAMESPACE);
    await kube.admin.patch(secretRef, { data: { 'tls.crt': '', 'tls.key': '', 'ca.crt': '' } });
    controller = await start(0, 9000);
    await until('the webhook to serve', () => controller.webhookPort() > 0, 30_000);
    const url = `https://localhost:${controller.webhookPort()}/validate`;
    const patch = [{ op: 'replace', path: '/webhooks/0/clientConfig/url', value: url }];
    await kubectl('patch', 'validatingwebhookconfiguration', 'heraldlb', '--type=json', '-p', JSON.stringify(patch));
    await refused(pool('overlap', ['192.0.2.8/29']), /OverlappingPools/, 'create');
    // A call that fails lets the write pass: there must be none.
    const seen = new Set<string>();
    const passed: unknown[] = [];
    for (const endMs = performance.now() + 16_000; performance.now() < endMs;) {
      const { status, body } = await kube.admin.raw('POST', `${poolsPath}?dryRun=All`, pool('overlap', ['192.0.2.8/29']));
      if (status !== 422) passed.push(body);
      seen.add(await servedBy(controller.webhookPort()));
    }
    expect(passed).toEqual([]);
    // 9 s long, each renewed when a third of that is left.
    expect(seen.size).toBeGreaterThanOrEqual(2);
  }, 120_000);
});
