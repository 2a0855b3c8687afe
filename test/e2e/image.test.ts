import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Kubelab, startKubelab } from '../kubelab/kubelab.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const NAMESPACE = 'heraldlb-system';
const ADDON = join(ROOT, 'speaker/native/build/Release/heraldlb.node');
const MANIFESTS = ['crds', 'base/namespace.yaml', 'base/rbac.yaml'].map((path) => join(ROOT, 'manifests', path));
/** No variable of the checkout's test run may help the bundle. */
const ENV = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' };

const POOL = {
  apiVersion: 'heraldlb.io/v1',
  kind: 'IPAddressPool',
  metadata: { name: 'edge', namespace: NAMESPACE },
  spec: { addresses: ['198.51.100.0/28'] },
};
const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }] },
};
const NODE = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node1' } };

/** What the build stage of the Dockerfile has when it makes the bundle, and nothing else: what it copies, the packages, the addon. */
function stage(build: string): string {
  const [, second = ''] = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').split(/^FROM .* AS build$/m);
  const [copies = ''] = second.split(/^FROM /m);
  const ignored = new Set(readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n').filter(Boolean));
  const sources = [...copies.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, words = '']) => words.split(' '));
  for (const source of sources)
    cpSync(join(ROOT, source), join(build, source), {
      recursive: true,
      filter: (path) => !ignored.has(relative(ROOT, path)),
    });
  symlinkSync(join(ROOT, 'node_modules'), join(build, 'node_modules'));
  cpSync(ADDON, join(build, relative(ROOT, ADDON)));
  return build;
}

/** The libraries that a program or an addon is linked with; the base of the image has those of Node.js, and an addon must not ask for more. */
function librariesOf(file: string): string[] {
  return execFileSync('ldd', [file], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => /(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

interface Daemon {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly get: (path: string) => Promise<{ readonly status: number; readonly body: string }>;
}

async function ready(daemon: Daemon): Promise<void> {
  await until('it to be ready', async () => {
    const { status, body } = await daemon.get('/readyz');
    if (status !== 200) throw new Error(`${body}${daemon.output()}`);
    return true;
  });
}

/** What the image holds, in a place from which nothing of the checkout can be found. */
need('root', { reason: 'the addon is not built', met: existsSync(ADDON) }).describe('the bundle of the image', () => {
  let directory: string;
  let image: string;
  let lab: Kubelab;
  const running = new Set<ChildProcess>();

  const run = (...words: string[]): string =>
    execFileSync(process.execPath, [join(image, 'heraldlb.mjs'), ...words], { cwd: '/', env: ENV, encoding: 'utf8' });

  function start(words: readonly string[]): Daemon {
    const child = spawn(process.execPath, [join(image, 'heraldlb.mjs'), ...words], {
      cwd: '/',
      env: ENV,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('exit', () => running.delete(child));
    const port = (): string => {
      const found = /"port":(\d+),[^\n]*"msg":"the (?:controller|speaker) runs"/.exec(output)?.[1];
      if (found === undefined) throw new Error(`it does not run yet: ${output}`);
      return found;
    };
    return {
      process: child,
      output: () => output,
      get: async (path) => {
        const answer = await fetch(`http://127.0.0.1:${port()}${path}`);
        return { status: answer.status, body: await answer.text() };
      },
    };
  }

  function kubeconfig(account: string): string {
    const file = join(directory, account);
    writeFileSync(file, lab.kubeconfig(lab.serviceAccountToken(NAMESPACE, account)));
    return file;
  }

  function common(account: string): readonly string[] {
    return ['--kubeconfig', kubeconfig(account), '--metrics-address', '127.0.0.1', '--metrics-port', '0'];
  }
  const startSpeaker = (): Daemon => start(['speaker', ...common('heraldlb-speaker'), '--node-name', 'node1', '--bgp-listen-port', '0']);

  async function end(daemon: Daemon): Promise<number | null> {
    daemon.process.kill('SIGTERM');
    await until('it to end', () => !running.has(daemon.process));
    return daemon.process.exitCode;
  }

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hlb-image-'));
    image = join(directory, 'image');
    execFileSync(process.execPath, [join(stage(join(directory, 'build')), 'test/setup/bundle.mjs'), image]);
    lab = await startKubelab({ tls: true, rbac: true, crdDir: MANIFESTS, objects: [POOL, SERVICE, NODE] });
  }, 60_000);

  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    await lab?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('has only those packages beside it that are loaded by name', () => {
    expect(readdirSync(join(image, 'node_modules'))).toEqual(['node-gyp-build', 'raw-socket']);
  });

  it('says its version and its commands', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(run('--version')).toBe(`${manifest.version}\n`);
    expect(run('controller', '--help')).toContain('--no-leader-elect');
    expect(run('speaker', '--help')).toContain('--bgp-listen-port');
  });

  it('starts where there is nothing but itself and Node.js, as the user of the image', () => {
    const root = join(directory, 'root');
    const libraries = librariesOf(process.execPath);
    for (const [from, to] of [[process.execPath, '/nodejs/bin/node'], ...libraries.map((path) => [path, path])] as const)
      cpSync(realpathSync(from), join(root, to));
    cpSync(image, join(root, 'heraldlb'), { recursive: true });
    const inRoot = (...words: string[]): string => {
      const entry = ['/nodejs/bin/node', '/heraldlb/heraldlb.mjs', ...words];
      const { stdout, stderr } = spawnSync('chroot', ['--userspec=65532:65532', root, ...entry], { env: ENV, encoding: 'utf8' });
      return `${stdout}${stderr}`;
    };
    expect(inRoot('controller', '--help')).toContain('--no-leader-elect');
    expect(inRoot('speaker', '--help')).toContain('--bgp-listen-port');
    expect(inRoot('check', '-f', '/heraldlb')).not.toContain('Error');
    // Both addons are loaded: what is missing is the right, and not a file.
    expect(inRoot('doctor', '--node-name', 'n1')).not.toContain('AddonMissing');
    expect(inRoot('ping', '127.0.0.1')).toMatch(/EPERM|not permitted/i);
    const addons = readdirSync(image, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.node'));
    expect(addons.filter((path) => /raw\.node$|heraldlb\.node$/.test(path)).length).toBe(2);
    expect(addons.flatMap((path) => librariesOf(join(image, path))).filter((path) => !libraries.includes(path))).toEqual([]);
  });

  it('runs the controller under its own role, until a Service has an address', async () => {
    const controller = start(['controller', ...common('heraldlb-controller'), '--identity', 'image']);
    await ready(controller);
    await until('an address', async () => {
      const service = await lab.get(SERVICE);
      return JSON.stringify(service['status']).includes('198.51.100.');
    });
    expect(await end(controller)).toBe(0);
    expect(controller.output()).not.toContain('"level":"error"');
  });

  it('serves the looking glass from beside the bundle', async () => {
    const controller = start([
      'controller',
      ...common('heraldlb-controller'),
      '--identity',
      'image',
      '--glass-port',
      '0',
      '--glass-auth',
      'none',
    ]);
    const port = await until('the page', () => /"glassPort":(\d+)/.exec(controller.output())?.[1]);
    const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    const [script = ''] = /app\.js\?v=\w+/.exec(page) ?? [];
    const answer = await fetch(`http://127.0.0.1:${port}/${script}`);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, expect.stringContaining('immutable')]);
    expect(await (await fetch(`http://127.0.0.1:${port}/docs/troubleshoot`)).text()).toContain('id="nopools"');
    expect(await end(controller)).toBe(0);
  });

  it('runs the speaker, its worker and the addon, until the NodeState is written', async () => {
    const speaker = startSpeaker();
    await ready(speaker);
    const state = { apiVersion: 'heraldlb.io/v1', kind: 'NodeState', metadata: { name: 'node1', namespace: NAMESPACE } };
    await until('the NodeState', async () => JSON.stringify((await lab.get(state))['status']).includes('"Announcing"'));
    await until("metrics of both threads, the worker's after the wire's", async () => {
      const { body } = await speaker.get('/metrics');
      expect(body).toMatch(/^heraldlb_speaker_worker_restarts\{.*\} 0$/m);
      if (!/^heraldlb_kube_watch_connected\{resource="services".*\} 1$/m.test(body)) throw new Error(speaker.output());
      return true;
    });
    expect(await end(speaker)).toBe(0);
    expect(speaker.output()).not.toContain('"level":"error"');
  });

  it('does not run a speaker whose addon is missing, and says so', async () => {
    renameSync(join(image, 'native'), join(image, 'elsewhere'));
    const speaker = startSpeaker();
    try {
      await until('it to end', () => !running.has(speaker.process));
      expect(speaker.process.exitCode).not.toBe(0);
      expect(speaker.output()).toContain('the native addon is not built');
    } finally {
      renameSync(join(image, 'elsewhere'), join(image, 'native'));
    }
  });
});
