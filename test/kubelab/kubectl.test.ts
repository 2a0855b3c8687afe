import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { startKubelab, type Kubelab } from './kubelab.ts';

function hasKubectl(): boolean {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    if (process.env['CI'] !== undefined) throw new Error('these tests need kubectl');
    console.warn('skipped: kubectl is not installed');
    return false;
  }
}

const manifest = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: dns, port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Node
metadata: {name: n1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cm}
data: {a: "1", b: "2"}
`;

describe.skipIf(!hasKubectl()).each([
  ['plain HTTP', false],
  ['TLS', true],
] as const)('kubectl over %s', (_name, tls) => {
  let lab: Kubelab;
  let directory: string;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    lab = await startKubelab({ tls });
    directory = mkdtempSync(join(tmpdir(), 'kubelab-kubectl-'));
    const config = join(directory, 'config');
    writeFileSync(config, lab.kubeconfig());
    env = { ...process.env, KUBECONFIG: config, HOME: directory };
  });

  afterAll(async () => {
    await lab.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What it prints on both streams, and how it ends. */
  async function kubectl(line: string, input = ''): Promise<{ out: string; code: number }> {
    return new Promise((resolve) => {
      const child = execFile('kubectl', line.split(' '), { env, timeout: 20_000 }, (error, stdout, stderr) => {
        resolve({ out: `${stdout}${stderr}`, code: error === null ? 0 : Number(error.code ?? 1) });
      });
      child.stdin?.end(input);
    });
  }

  async function good(line: string, input = ''): Promise<string> {
    const { out, code } = await kubectl(line, input);
    if (code !== 0) throw new Error(`kubectl ${line}: ${out}`);
    return out;
  }

  test('applies, changes and removes by the client', async () => {
    expect(await good('apply -f -', manifest)).toBe('service/web created\nnode/n1 created\nconfigmap/cm created\n');
    expect(await good('apply -f -', manifest)).toBe('service/web unchanged\nnode/n1 unchanged\nconfigmap/cm unchanged\n');
    expect(await good('apply -f -', manifest.replace('a: "1", ', ''))).toContain('configmap/cm configured');
    expect(await good('get cm cm -o jsonpath={.data}')).toBe('{"b":"2"}');
  });

  test('applies on the server, with conflicts', async () => {
    expect(await good('apply --server-side -f -', manifest.replaceAll('name: cm', 'name: cs'))).toContain(
      'configmap/cs serverside-applied',
    );
    const other = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cs}\ndata: {a: "9"}\n';
    const refused = await kubectl('apply --server-side --field-manager=other -f -', other);
    expect(refused.code).not.toBe(0);
    expect(refused.out).toContain('conflict with "kubectl": .data.a');
    expect(await good('apply --server-side --field-manager=other --force-conflicts -f -', other)).toContain('serverside-applied');
  });

  test('shows columns, wide ones, YAML and names', async () => {
    expect(await good('get svc web')).toMatch(
      /NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nweb +LoadBalancer +10\.96\.\d+\.\d+ +<pending> +80:3\d{4}\/TCP,53:3\d{4}\/UDP/,
    );
    expect(await good('get svc web -o wide')).toContain('app=web');
    expect(await good('get svc web -o yaml')).toContain('ipFamilyPolicy: SingleStack');
    expect(await good('get svc,cm -A -o name')).toContain('service/kubernetes');
  });

  test('describes with events', async () => {
    const service = await lab.get({ apiVersion: 'v1', kind: 'Service', name: 'web' });
    const at = '2026-01-01T00:00:00Z';
    await lab.create({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'web.1' },
      involvedObject: { kind: 'Service', name: 'web', namespace: 'default', uid: service.metadata.uid },
      reason: 'Allocated',
      message: 'got 192.0.2.1',
      type: 'Normal',
      source: { component: 'lb' },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    });
    expect(await good('describe svc web')).toMatch(/Normal +Allocated +\S+ +lb +got 192\.0\.2\.1/);
    expect(await good('get events.events.k8s.io -o jsonpath={.items[*].note}')).toBe('got 192.0.2.1');
  });

  test('labels, annotates, patches, cordons', async () => {
    await good('label svc web a=b');
    await good('annotate svc web x=y');
    await good('patch svc web -p {"spec":{"externalTrafficPolicy":"Local"}}');
    await good('patch svc web --type=json -p [{"op":"remove","path":"/metadata/labels/a"}]');
    expect(await good('get svc web -o jsonpath={.metadata.labels}{.spec.externalTrafficPolicy}')).toBe('Local');
    await good('cordon n1');
    expect(await good('get nodes')).toContain('SchedulingDisabled');
  });

  test('waits for a status', async () => {
    const waiting = good('wait --for=jsonpath={.status.loadBalancer.ingress[0].ip}=192.0.2.1 svc/web --timeout=15s');
    await until('the watch', () => lab.watchers('services') > 0);
    await lab.patch(
      { apiVersion: 'v1', kind: 'Service', name: 'web' },
      { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } },
      { subresource: 'status' },
    );
    expect(await waiting).toContain('condition met');
  });

  test('watches', async () => {
    const child = spawn('kubectl', ['get', 'cm', '-w', '--no-headers'], { env });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await until('the watch', () => lab.watchers('configmaps') > 0);
    await lab.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'seen' } });
    await until('the line', () => out.includes('seen'));
    expect(out).toMatch(/seen +0 +\d+s/);
    child.kill();
  });

  test('asks what it may do, and creates by command', async () => {
    expect(await good('auth can-i create pods')).toBe('yes\n');
    expect(await good('auth whoami')).toContain('kubernetes-admin');
    await good('create deployment d --image=nginx --replicas=2');
    expect(await good('get deploy d')).toMatch(/d +0\/2/);
    await good('scale deploy d --replicas=0');
    expect(await good('get deploy d -o jsonpath={.spec.replicas}')).toBe('0');
  });

  test('explains, and refuses unknown fields', async () => {
    expect(await good('explain service.spec.ports.port')).toContain('port <integer>');
    const refused = await kubectl('apply -f -', manifest.replace('selector:', 'selektor:'));
    expect(refused.out).toContain('unknown field "spec.selektor"');
  });

  test('deletes and waits until it is gone', async () => {
    expect(await good('delete svc web --timeout=10s')).toContain('deleted');
    expect((await kubectl('get svc web')).out).toContain('services "web" not found');
  });
});
