import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { HERALDLB } from './daemons.ts';
import { Space } from './space.ts';

const CONFIG = `apiVersion: heraldlb.io/v1
kind: IPAddressPool
metadata: {name: lan}
spec: {addresses: [10.7.0.200/32]}
---
apiVersion: heraldlb.io/v1
kind: L2Advertisement
metadata: {name: lan}
---
apiVersion: heraldlb.io/v1
kind: BGPPeer
metadata: {name: tor}
spec: {myASN: 64512, peerASN: 64513, peerAddress: 10.7.0.2}
`;

interface Row {
  readonly level: string;
  readonly check: string;
  readonly reason?: string;
  readonly message: string;
}

need('netns', `file:${HERALDLB}`, 'command:setpriv').describe('heraldlb doctor in a broken namespace', () => {
  let space: Space;
  let directory = '';

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'hlb-doctor-'));
    space = new Space('doctor');
    for (const name of ['node', 'router', 'thief']) space.add(name);
    space.add('switch');
    space.run('switch', 'ip link add br0 type bridge');
    space.run('switch', 'ip link set br0 up');
    for (const [name, host] of [
      ['node', 1],
      ['router', 2],
      ['thief', 3],
    ] as const) {
      space.link(name, 'eth0', 'switch', name);
      space.run('switch', `ip link set ${name} master br0`);
      space.run(name, `ip addr add 10.7.0.${host}/24 dev eth0`);
    }
    space.run('node', 'ip route add default via 10.7.0.2');
  });

  afterAll(async () => {
    await space.dispose();
    rmSync(directory, { recursive: true });
  });

  /** @param by what runs it, without some of its rights for instance */
  function doctor(
    config: string,
    by: readonly string[] = [],
    flags: readonly string[] = [],
  ): { readonly status: number | null; readonly rows: Row[] } {
    const file = join(directory, 'config.yaml');
    writeFileSync(file, config);
    const words = [...by, process.execPath, HERALDLB, 'doctor', '--no-cluster', '-f', file, '-o', 'json', ...flags];
    const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', space.ns('node'), ...words], {
      encoding: 'utf8',
      timeout: 50_000,
    });
    if (stdout === '') throw new Error(stderr);
    return { status, rows: JSON.parse(stdout) as Row[] };
  }

  /** A program that listens until it is ended. */
  async function listening(name: string, port: number): Promise<() => Promise<void>> {
    const code = `require('node:net').createServer((s) => s.destroy()).listen(${port}, () => console.log('ready'))`;
    const child = spawn('ip', ['netns', 'exec', space.ns(name), process.execPath, '-e', code], { stdio: ['ignore', 'pipe', 'ignore'] });
    let ready = false;
    child.stdout.on('data', () => (ready = true));
    await until(`a listener in ${name}`, () => ready, 20_000);
    return () => space.stop(child);
  }

  it('finds a router that refuses connections, and one that does not', async () => {
    const { status, rows } = doctor(CONFIG);
    expect(rows[0]).toMatchObject({ level: 'FAIL', check: 'peer tor', reason: 'ConnectionRefused' });
    expect(rows).toContainEqual(expect.objectContaining({ level: 'PASS', check: 'gateway 10.7.0.2' }));
    expect(status).toBe(1);
    const stop = await listening('router', 179);
    try {
      const healthy = doctor(CONFIG);
      expect(healthy.rows.filter(({ level }) => level !== 'PASS')).toEqual([]);
      expect(healthy.status).toBe(0);
    } finally {
      await stop();
    }
  }, 60_000);

  it('names the program that has port 179', async () => {
    const stop = await listening('node', 179);
    try {
      const { rows } = doctor(CONFIG, [], ['--no-probes']);
      expect(rows[0]).toMatchObject({ reason: 'CannotListen', message: expect.stringMatching(/^\S+ \(process \d+\) has it/) as string });
    } finally {
      await stop();
    }
  }, 60_000);

  it('misses the capabilities that it does not have', () => {
    const { rows, status } = doctor(
      CONFIG,
      ['setpriv', '--bounding-set=-net_raw,-sys_nice', '--inh-caps=-net_raw,-sys_nice'],
      ['--no-probes'],
    );
    expect(rows[0]).toMatchObject({ level: 'FAIL', check: 'capability NET_RAW', reason: 'CapabilityMissing' });
    expect(rows).toContainEqual(expect.objectContaining({ level: 'WARN', check: 'capability SYS_NICE' }));
    expect(status).toBe(1);
  });

  it('sees two hosts that answer for a VIP', async () => {
    const stop = await listening('router', 179);
    try {
      for (const name of ['router', 'thief']) space.run(name, 'ip addr add 10.7.0.200/32 dev eth0');
      const { rows } = doctor(CONFIG);
      expect(rows[0]).toMatchObject({ level: 'FAIL', check: 'VIP 10.7.0.200', reason: 'AddressInUse' });
    } finally {
      for (const name of ['router', 'thief']) space.attempt(name, 'ip addr del 10.7.0.200/32 dev eth0');
      await stop();
    }
  }, 60_000);

  it('sees IPVS without strictARP', () => {
    space.run('node', 'ip link add kube-ipvs0 type bridge');
    try {
      expect(doctor(CONFIG, [], ['--no-probes']).rows[0]).toMatchObject({ level: 'FAIL', reason: 'StrictArpOff' });
      space.run('node', 'sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2');
      expect(doctor(CONFIG, [], ['--no-probes']).rows.filter(({ level }) => level !== 'PASS')).toEqual([]);
    } finally {
      space.run('node', 'ip link del kube-ipvs0');
    }
  });

  it('sees an interface that is down, and an address of its own in a pool', () => {
    const named = CONFIG.replace(
      'metadata: {name: lan}\n---\napiVersion: heraldlb.io/v1\nkind: BGPPeer',
      'metadata: {name: lan}\nspec: {interfaces: [eth9]}\n---\napiVersion: heraldlb.io/v1\nkind: BGPPeer',
    );
    expect(doctor(named, [], ['--no-probes']).rows[0]).toMatchObject({ level: 'FAIL', reason: 'NoUsableInterface' });
    space.run('node', 'ip link add eth9 type veth peer name eth9b');
    expect(doctor(named, [], ['--no-probes']).rows[0]).toMatchObject({ level: 'FAIL', reason: 'NoUsableInterface' });
    space.run('node', 'ip link del eth9');
    const wide = CONFIG.replace('10.7.0.200/32', '10.7.0.0/28');
    expect(doctor(wide, [], ['--no-probes']).rows[0]).toMatchObject({ level: 'FAIL', reason: 'PoolHasNodeAddress' });
  });
});
