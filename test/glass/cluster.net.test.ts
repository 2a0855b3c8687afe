import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, Page as Tab } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { realApi } from '../e2e/realApi.ts';
import { findKubeBinaries } from '../kube/binaries.ts';
import { HERALDLB } from '../lab/daemons.ts';
import type { LabApi } from '../lab/lab.ts';
import { NAMESPACE } from '../lab/manifests.ts';
import { ApiClient } from '../support/apiClient.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { CHROMIUM, PAGE_NEED, openTab, startBrowser } from './stand.ts';

const ROOT = process.env['HERALDLB_ROOT'] ?? process.cwd();
const NODES = ['n1', 'n2'] as const;
const SECRETS = ['hunter-in-a-secret', 'hunter-in-the-spec'] as const;
const NOW = new Date().toISOString();

const KUBE_NEED = { reason: 'there is no kube-apiserver', met: findKubeBinaries() !== undefined };

/** The product's own controller with its own rights, a real kube-apiserver, and a browser; the test plays the speakers. */
need(PAGE_NEED, KUBE_NEED, `file:${CHROMIUM}`).describe('the looking glass of a real controller on a real kube-apiserver', () => {
  let directory: string;
  let api: LabApi;
  let client: ApiClient;
  let controller: ChildProcess;
  let browser: Browser;
  let url = '';
  let log = '';
  const tokens = { viewer: '', nobody: '' };
  /** Everything that any page or program was sent. */
  const sent: string[] = [];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hlb-glass-'));
    // No kubelet speaks for the nodes here.
    api = await realApi(ROOT, { nodeGraceMs: 600_000 });
    client = new ApiClient(api.url, api.adminToken, api.ca);
    await client.apply(readFileSync(join(ROOT, 'manifests/glass/rbac.yaml'), 'utf8'));
    await client.apply(configuration());
    for (const name of NODES) {
      await client.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
      const ready = { conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }] };
      await client.patch({ apiVersion: 'v1', kind: 'Node', name }, { status: ready }, '/status');
    }
    for (const account of ['viewer', 'nobody'] as const) {
      await client.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account, namespace: NAMESPACE } });
      const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${account}/token`;
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
      tokens[account] = String((await client.call('POST', path, body)).status?.['token']);
    }
    const kubeconfig = join(directory, 'kubeconfig');
    writeFileSync(kubeconfig, api.kubeconfig('heraldlb-controller'));
    const flags = ['--kubeconfig', kubeconfig, '--namespace', NAMESPACE, '--identity', 'one', '--metrics-port', '0', '--glass-port', '0'];
    controller = spawn(process.execPath, [HERALDLB, 'controller', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
    if (controller.stdout !== null)
      createInterface({ input: controller.stdout }).on('line', (line) => {
        log += `${line}\n`;
        const port = /"glassPort":(\d+)/.exec(line)?.[1];
        if (port !== undefined) url = `http://127.0.0.1:${port}/`;
      });
    browser = await startBrowser();
    await until('the page to be served', () => url !== '', 30_000);
    for (const name of NODES) await report(name, {});
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    const ended = controller === undefined ? undefined : new Promise((resolve) => controller.once('exit', resolve));
    controller?.kill('SIGTERM');
    await ended;
    await client?.close();
    await api?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What the speaker of a node would say. */
  async function report(
    node: string,
    { claims = [], state = 'Established' }: { claims?: readonly string[]; state?: string },
  ): Promise<void> {
    const ref = { apiVersion: 'heraldlb.io/v1', kind: 'NodeState', namespace: NAMESPACE, name: node };
    await client.apply({ apiVersion: ref.apiVersion, kind: ref.kind, metadata: { name: node, namespace: NAMESPACE } });
    const session = { peer: 'tor', address: '10.9.9.1', asn: '64600', state, since: NOW, routes: 0, families: ['ipv4'] };
    const error = state === 'Established' ? {} : { lastError: 'Hold Timer Expired', lastErrorAt: NOW };
    const status = {
      version: 'test',
      startedAt: NOW,
      summary: { peers: state === 'Established' ? '1/1' : '0/1', vips: claims.length, routes: 0, problems: 0 },
      bgp: [{ ...session, ...error }],
      claims: claims.map((ip) => ({ ip, services: ['default/web'], since: NOW })),
    };
    await client.patch(ref, { status }, '/status');
  }

  async function open(path = ''): Promise<Tab> {
    const { tab } = await openTab(browser, `${url}${path}`);
    tab.on(
      'response',
      (response) =>
        void response.text().then(
          (text) => sent.push(text),
          () => {},
        ),
    );
    return tab;
  }

  async function enter(tab: Tab, token: string): Promise<void> {
    await tab.fill('#token', token);
    await tab.click('button[type=submit]');
  }

  async function entered(path = ''): Promise<Tab> {
    const tab = await open();
    await enter(tab, tokens.viewer);
    await tab.waitForSelector('.overview .thing');
    if (path !== '') await tab.goto(`${url}${path}`);
    return tab;
  }

  const shows = (tab: Tab, text: RegExp): Promise<unknown> =>
    until(`the page to show ${text.source}`, async () => text.test(await tab.locator('main').innerText()), 30_000, 100);

  const status = (path: string, headers: Record<string, string> = {}): Promise<number> =>
    fetch(`${url}${path}`, { headers, redirect: 'manual' }).then(async (answer) => {
      sent.push(await answer.text());
      return answer.status;
    });

  it('lets nobody look without a token, with a wrong one, or with one that may not', async () => {
    for (const path of ['api/snapshot', 'api/live', 'api/history?address=192.0.2.1']) {
      expect([path, await status(path)]).toEqual([path, 401]);
      expect([path, await status(path, { authorization: 'Bearer wrong' })]).toEqual([path, 401]);
    }
    const tab = await open();
    expect(new URL(tab.url()).pathname).toBe('/login');
    await enter(tab, 'wrong');
    await until(
      'the refusal',
      async () => /API server does not know this token/.test(await tab.locator('[role=alert]').innerText()),
      20_000,
    );
    await enter(tab, tokens.nobody);
    await until(
      'the refusal',
      async () => /serviceaccount:\S+:nobody may not list NodeStates/.test(await tab.locator('[role=alert]').innerText()),
      20_000,
    );
    expect(await status('api/snapshot', { authorization: `Bearer ${tokens.nobody}` })).toBe(403);
    await client.apply(VIEWER);
    await until(
      'the right to count',
      async () => (await status('api/snapshot', { authorization: `Bearer ${tokens.viewer}` })) === 200,
      20_000,
      500,
    );
    await enter(tab, tokens.viewer);
    await tab.waitForSelector('.overview .thing');
    await tab.context().close();
  }, 90_000);

  it('follows without a reload: a Service comes, its address moves, a session goes down and comes back, it goes', async () => {
    const tab = await entered('#vips');
    await tab.evaluate('globalThis.isTheSame = true');
    await client.apply(SERVICE);
    await client.apply(SLICE);
    await shows(tab, /192\.0\.2\.\d+[\s\S]*default\/web/);
    const vip = /192\.0\.2\.\d+/.exec(await tab.locator('main').innerText())?.[0] ?? '';
    const row = (): Promise<string> => tab.locator(`.grid [data-id="${vip}"]`).innerText();
    await report('n1', { claims: [vip] });
    await until('its owner', async () => /n1/.test(await row()), 30_000, 100);
    await report('n1', {});
    await report('n2', { claims: [vip] });
    await until('its new owner', async () => /n2/.test(await row()) && !/n1/.test(await row()), 30_000, 100);
    await tab.click(`.grid [data-id="${vip}"] a`);
    await until(
      'the move in its history',
      async () => /n1[\s\S]*n2|n2[\s\S]*n1/.test(await tab.locator('dialog .history').innerText()),
      20_000,
      100,
    );
    await tab.keyboard.press('Escape');

    await tab.click('[data-tabs] a[href="#overview"]');
    await report('n2', { claims: [vip], state: 'Idle' });
    await shows(tab, /HoldTimerExpired[\s\S]*Hold Timer Expired/);
    await report('n2', { claims: [vip] });
    await until('the problem to be over', async () => !/Hold Timer Expired/.test(await tab.locator('main').innerText()), 30_000, 100);
    await client.delete({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'web' });
    await report('n2', {});
    await until('the VIP to be gone', async () => (await tab.locator(`main [data-id="${vip}"]`).count()) === 0, 30_000, 100);
    expect(await tab.evaluate('globalThis.isTheSame')).toBe(true);
    await tab.context().close();
  }, 90_000);

  it('sends no secret to anybody, in any answer', async () => {
    const tab = await entered();
    for (const hash of ['#vips', '#nodes', '#sessions', '#pools', '#sessions/tor']) {
      await tab.goto(`${url}${hash}`);
      sent.push(await tab.content());
    }
    const headers = { authorization: `Bearer ${tokens.viewer}` };
    expect(await status('api/snapshot', headers)).toBe(200);
    expect(sent.at(-1)).toContain('TCP MD5');
    sent.push(await firstEvent(headers));
    expect(sent.join('').length).toBeGreaterThan(10_000);
    for (const secret of [...SECRETS, ...SECRETS.map((text) => Buffer.from(text).toString('base64')), tokens.viewer, tokens.nobody])
      for (const text of [...sent, log]) expect(text).not.toContain(secret);
    await tab.context().close();
  }, 60_000);

  function firstEvent(headers: Record<string, string>): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = request(`${url}api/live`, { headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (!text.includes('\n\n')) return;
          asked.destroy();
          resolve(text);
        });
      });
      asked.on('error', reject);
      asked.end();
    });
  }
});

function configuration(): string {
  return `apiVersion: heraldlb.io/v1
kind: IPAddressPool
metadata: { name: edge, namespace: ${NAMESPACE} }
spec: { addresses: [192.0.2.0/28] }
---
apiVersion: heraldlb.io/v1
kind: L2Advertisement
metadata: { name: edge, namespace: ${NAMESPACE} }
spec: {}
---
apiVersion: v1
kind: Secret
metadata: { name: key, namespace: ${NAMESPACE} }
type: kubernetes.io/basic-auth
stringData: { username: '', password: ${SECRETS[0]} }
---
apiVersion: heraldlb.io/v1
kind: BGPPeer
metadata: { name: tor, namespace: ${NAMESPACE} }
spec: { myASN: 64512, peerASN: 64600, peerAddress: 10.9.9.1, passwordSecret: { name: key } }
---
apiVersion: heraldlb.io/v1
kind: BGPPeer
metadata: { name: plain, namespace: ${NAMESPACE} }
spec: { myASN: 64512, peerASN: 64600, peerAddress: 10.9.9.2, password: ${SECRETS[1]}, nodeSelectors: [{ matchLabels: { no: where } }] }
`;
}

const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec: { type: LoadBalancer, ports: [{ port: 80 }], selector: { app: web } }
`;

const SLICE = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: default, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
endpoints: [{ addresses: [10.244.0.1], nodeName: n1, conditions: { ready: true } }]
ports: []
`;

const VIEWER = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: viewer }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: heraldlb-glass-viewer }
subjects: [{ kind: ServiceAccount, name: viewer, namespace: ${NAMESPACE} }]
`;
