import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FOR_NODE } from '../support/forNode.mjs';
import { NAMESPACE } from './fixtures.ts';
import { type Cluster, Ledger, allIps, poolObject, serviceObject, startCluster, until } from './support.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Inside node_modules, so that the bundle finds the packages it imports.
const directory = join(root, 'node_modules', '.cache', `heraldlb-kill-${process.pid}`);
const program = join(directory, 'controller.mjs');
const command = join(directory, 'command.mjs');
const SERVICES = 60;

/** A controller in a process of its own, to be killed. */
const PROGRAM = `
  import { startController } from './controller/main.ts';
  import { LEASE, NAMESPACE } from './test/controller/fixtures.ts';
  const [, , kubeconfig = '', identity = ''] = process.argv;
  const flags = { kubeconfig, identity, namespace: NAMESPACE, apiGroup: 'heraldlb.io', logLevel: 'warn', metricsPort: 0, metricsAddress: '127.0.0.1', leaderElect: true };
  await startController(flags, { lease: LEASE });
`;

const COMMAND = `
  import { controllerCommand } from './controller/command.ts';
  await controllerCommand().parseAsync();
`;

let cluster: Cluster;
const children = new Map<string, ChildProcess>();

beforeAll(async () => {
  mkdirSync(directory, { recursive: true });
  await bundle(PROGRAM, program);
  await bundle(COMMAND, command);
  cluster = await startCluster();
});

afterAll(async () => {
  for (const child of children.values()) child.kill('SIGKILL');
  await cluster?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function bundle(contents: string, outfile: string): Promise<void> {
  const stdin = { contents, resolveDir: root, loader: 'ts' } as const;
  await build({ stdin, outfile, ...FOR_NODE });
}

function launch(identity: string): void {
  children.set(identity, spawn(process.execPath, [program, cluster.kubeconfig, identity], { stdio: ['ignore', 'ignore', 'inherit'] }));
}

async function kill(identity: string): Promise<void> {
  const child = children.get(identity);
  if (child === undefined || child.exitCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('two replicas that are killed in turn', () => {
  it('never give an address twice and never change one', async () => {
    const { lab } = cluster;
    await lab.create(poolObject('p', ['192.0.2.0/25']));
    const ledger = new Ledger(lab);
    const look = (): Promise<number> => ledger.look();
    launch('one-0');
    launch('two-0');
    let made = 0;
    const make = async (): Promise<void> => {
      await lab.create(serviceObject(`s${made}`));
      made++;
      await look();
    };
    await make();
    await until('the first address', async () => (await look()) === 1, 20_000);
    for (let round = 0; round < 4; round++) {
      const replica = round % 2 === 0 ? 'one' : 'two';
      const identity = [...children.keys()].findLast((name) => name.startsWith(replica)) ?? '';
      for (let i = 0; i < 8; i++) await make();
      await kill(identity);
      children.delete(identity);
      launch(`${replica}-${round + 1}`);
      for (let i = 0; i < 5; i++) await make();
      await until('the next leader', async () => (await look()) > made - 5, 20_000);
    }
    for (let i = made; i < SERVICES; i++) await make();
    await until('all addresses', async () => (await look()) === SERVICES, 20_000);
    expect(ledger.first.size).toBe(SERVICES);
    expect(ledger.wrong).toEqual([]);
  }, 120_000);
});

describe('the command', () => {
  it('ends by itself on SIGTERM and leaves the lease to the next', async () => {
    const { lab } = cluster;
    for (const child of children.values()) child.kill('SIGKILL');
    const flags = ['--kubeconfig', cluster.kubeconfig, '--metrics-port', '0', '--log-level', 'silent', '--identity', 'command'];
    const child = spawn(process.execPath, [command, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] });
    children.set('command', child);
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: NAMESPACE, name: 'heraldlb-controller' };
    const holder = async (): Promise<unknown> => ((await lab.get(lease)) as { spec?: { holderIdentity?: string } }).spec?.holderIdentity;
    await until('the lease', async () => (await holder()) === 'command', 20_000);
    // It leads once it serves.
    await lab.create(poolObject('q', ['10.9.0.0/24']));
    await lab.create(serviceObject('last'));
    await until('an address', async () => ((await allIps(lab)).get('last') ?? []).length > 0, 20_000);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(await holder()).toBe('');
  }, 60_000);
});
