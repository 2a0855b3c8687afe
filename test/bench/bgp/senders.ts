import type { ChildProcess } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { programs } from '../../interop/peers/programs.ts';
import type { Space } from '../../lab/space.ts';
import { sleep, until } from '../../support/until.ts';
import { mrtDump } from './mrt.ts';
import { Program } from './program.ts';
import { BirdControl } from './receiver.ts';
import { RECEIVER, SENDER, hostRoute, hostRoutes } from './routes.ts';

/** Somebody who announces, waiting for the receiver to dial. */
export interface Running {
  /** Gets ready to announce so many: what a file or a request takes to write is not what is measured. */
  readonly prepare?: (count: number) => Promise<void>;
  /** Announces so many routes on the session that is up. Resolves when the command is done, which may be before the routes are out. */
  readonly inject?: (count: number) => Promise<void>;
  /** Announces one more route; answers when it was told to (wall clock, ms). */
  readonly one?: (id: number) => Promise<number>;
  /** From now on so many changes per second in the cluster. */
  readonly churn?: (perSecond: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface Sender {
  readonly name: string;
  /** What has to be there, a path or a command. */
  readonly program?: string;
  /** More than this takes it minutes to read or to be told. */
  readonly most?: { readonly loaded?: number; readonly injected?: number };
  /** @returns with so many routes loaded, before any session */
  readonly start: (place: Place, count: number) => Promise<Running>;
}

export interface Place {
  readonly space: Space;
  readonly host: string;
  /** Its own, new. */
  readonly directory: string;
}

export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

const floor: Sender = {
  name: 'floor (ready-made bytes)',
  start: async (place, count) => {
    const program = await Program.start(place, 'floor.ts', [String(count)]);
    return {
      prepare: async (routes) => {
        await program.tell(`prepare ${routes}`);
        await program.line('prepared');
        await program.greet();
      },
      inject: () => program.tell('send'),
      stop: () => program.stop(),
    };
  },
};

const herald: Sender = {
  name: 'HeraldLB',
  start: async (place, count) => {
    const program = await Program.start(place, 'herald.ts', [String(count)]);
    return {
      prepare: async (routes) => {
        await program.tell(`prepare ${routes}`);
        await program.line('prepared', 120_000);
        await program.greet();
      },
      inject: () => program.tell('send'),
      one: async (id) => {
        await program.tell(`one ${id}`);
        return Number((await program.line(`one ${id} `)).split(' ')[2]);
      },
      churn: (perSecond) => (perSecond > 0 ? program.tell(`churn ${perSecond}`) : Promise.resolve()),
      stop: () => program.stop(),
    };
  },
};

const gobgp = (newer: boolean): Sender => ({
  name: newer ? 'GoBGP 4' : 'GoBGP 3',
  program: programs(newer).gobgpd,
  start: async ({ space, host, directory }, count) => {
    const file = join(directory, 'gobgp.toml');
    writeFileSync(
      file,
      `[global.config]\n  as = ${SENDER.asn}\n  router-id = "${SENDER.ip}"\n[[neighbors]]\n  [neighbors.config]\n    neighbor-address = "${RECEIVER.ip}"
    peer-as = ${RECEIVER.asn}\n  [neighbors.transport.config]\n    passive-mode = true\n  [neighbors.timers.config]\n    hold-time = 240\n`,
    );
    const child = space.start(host, [programs(newer).gobgpd, '-f', file, '--api-hosts', '127.0.0.1:50051'], join(directory, 'gobgpd.log'));
    const gobgp = (...words: string[]): string => space.run(host, [programs(newer).gobgp, ...words]);
    await until('gobgpd to answer', () => space.attempt(host, [programs(newer).gobgp, 'global']) !== undefined, 15_000);
    const known = (): number => Number(/Path: (\d+)/.exec(gobgp('global', 'rib', 'summary'))?.[1] ?? 0);
    // Its `mrt inject` ends before all is taken and loses the rest: asked again, in another order, until nothing is missing.
    const dumps = [0, 1, 2].map((third) => join(directory, `routes-${third}.mrt`));
    const prepare = (routes: number): Promise<void> => {
      const list = hostRoutes(routes);
      for (const [third, dump] of dumps.entries()) {
        const cutAt = Math.floor((routes * third) / 3);
        writeFileSync(dump, mrtDump([...list.slice(cutAt), ...list.slice(0, cutAt)]));
      }
      return Promise.resolve();
    };
    const load = async (routes: number): Promise<void> => {
      for (let round = 0; round < 40 && known() < routes; round++) {
        gobgp('mrt', 'inject', 'global', '--no-ipv6', '--nexthop', SENDER.ip, dumps[round % 3] ?? '');
        await sleep(20);
      }
      if (known() < routes) throw new Error(`GoBGP took ${known()} of ${routes} routes`);
    };
    await prepare(count);
    if (count > 0) await load(count);
    return {
      prepare,
      inject: load,
      one: async (id) => {
        const atMs = wallMs();
        gobgp('global', 'rib', 'add', hostRoute(id), 'nexthop', SENDER.ip);
        return atMs;
      },
      stop: () => space.stop(child),
    };
  },
});

const bird = (newer: boolean): Sender => ({
  name: newer ? 'BIRD 3' : 'BIRD 2',
  program: programs(newer).bird,
  start: async ({ space, host, directory }, count) => {
    const [file, path] = [join(directory, 'bird.conf'), join(directory, 'ctl')];
    let routes: string[] = [];
    const write = (): void =>
      writeFileSync(
        file,
        `router id ${SENDER.ip};
protocol device { scan time 60; }
protocol static vips {
  ipv4;
${routes.map((route) => `  route ${route} blackhole;`).join('\n')}
}
protocol bgp s1 {
  local ${SENDER.ip} as ${SENDER.asn};
  neighbor ${RECEIVER.ip} as ${RECEIVER.asn};
  hold time 240;
  passive on;
  ipv4 { import none; export where source = RTS_STATIC; next hop self; };
}
`,
      );
    routes = hostRoutes(count);
    write();
    const child = space.start(
      host,
      [programs(newer).bird, '-f', '-c', file, '-s', path, '-P', join(directory, 'pid')],
      join(directory, 'bird.log'),
    );
    const control = await BirdControl.open(path);
    await until('BIRD to load', async () => (await control.ask('show route count')).includes(`${count} of ${count} routes`), 60_000);
    return {
      prepare: (wanted) => {
        routes = hostRoutes(wanted);
        return Promise.resolve(write());
      },
      inject: async () => void (await control.ask('configure')),
      one: async (id) => {
        routes = [...routes, hostRoute(id)];
        write();
        const atMs = wallMs();
        await control.ask('configure');
        return atMs;
      },
      stop: async () => {
        control.close();
        await space.stop(child);
      },
    };
  },
});

/** bgpd's own socket: a command ends with a zero byte, an answer with three and a code. */
class Vty {
  readonly #ask: (command: string) => Promise<void>;
  readonly close: () => void;

  constructor(path: string) {
    const socket = createConnection(path);
    let answered = (): void => undefined;
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      if (data.length >= 4 && data.readUIntBE(data.length - 4, 3) === 0) answered();
    });
    this.#ask = (command) =>
      new Promise((resolve) => {
        answered = resolve;
        socket.write(`${command}\0`);
      });
    this.close = () => socket.destroy();
  }

  async run(commands: readonly string[]): Promise<void> {
    for (const command of commands) await this.#ask(command);
  }
}

const frr = (newer: boolean): Sender => ({
  name: newer ? 'FRR 10' : 'FRR 8',
  program: programs(newer).bgpd,
  start: async ({ space, host, directory }, count) => {
    const file = join(directory, 'bgpd.conf');
    writeFileSync(
      file,
      `router bgp ${SENDER.asn}
 bgp router-id ${SENDER.ip}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor ${RECEIVER.ip} remote-as ${RECEIVER.asn}
 neighbor ${RECEIVER.ip} timers 80 240
 neighbor ${RECEIVER.ip} passive
 address-family ipv4 unicast
${hostRoutes(count)
  .map((route) => `  network ${route}`)
  .join('\n')}
 exit-address-family
`,
    );
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'frr'], { encoding: 'utf8' }));
    chmodSync(directory, 0o755);
    for (const path of [directory, file]) chownSync(path, id('-u'), id('-g'));
    const flags = ['-S', '-Z', '-f', file, '--vty_socket', directory, '-i', join(directory, 'pid'), '-z', join(directory, 'zserv.api')];
    const child = space.start(host, [programs(newer).bgpd, ...flags, '-A', '127.0.0.1'], join(directory, 'frr.log'));
    const show = (what: string): string => space.attempt(host, [programs(newer).vtysh, '--vty_socket', directory, '-c', what]) ?? '';
    const loaded = (): boolean => count === 0 || show(`show bgp ipv4 unicast ${hostRoute(count - 1)}`).includes('sourced');
    await until('FRR to load', () => show('show version').includes('FRRouting') && loaded(), 120_000, 200);
    const vty = new Vty(join(directory, 'bgpd.vty'));
    await vty.run(['enable', 'configure terminal', `router bgp ${SENDER.asn}`, 'address-family ipv4 unicast']);
    return {
      inject: (routes) => vty.run(hostRoutes(routes).map((route) => `network ${route}`)),
      one: async (route) => {
        const atMs = wallMs();
        await vty.run([`network ${hostRoute(route)}`]);
        return atMs;
      },
      stop: async () => {
        vty.close();
        await space.stop(child);
      },
    };
  },
});

const exabgp = (newer: boolean): Sender => ({
  name: newer ? 'ExaBGP 5' : 'ExaBGP 4',
  program: programs(newer).exabgp,
  start: async ({ space, host, directory }, count) => {
    const [file, pipe] = [join(directory, 'exabgp.conf'), join(directory, 'pipe')];
    execFileSync('sh', ['-c', `mkfifo ${pipe}`]);
    writeFileSync(
      file,
      `process inject { run /bin/sh -c "exec cat <> ${pipe}"; encoder text; }
neighbor ${RECEIVER.ip} {
  router-id ${SENDER.ip};
  local-address ${SENDER.ip};
  local-as ${SENDER.asn};
  peer-as ${RECEIVER.asn};
  hold-time 240;
  passive true;
  family { ipv4 unicast; }
  api { processes [ inject ]; }
  static {
${hostRoutes(count)
  .map((route) => `    route ${route} next-hop self;`)
  .join('\n')}
  }
}
`,
    );
    const settings = ['daemon_user=root', 'daemon_drop=false', 'api_cli=false', 'api_ack=false', `tcp_bind=${SENDER.ip}`, 'tcp_port=179'];
    const env = settings.map((setting) => `exabgp_${setting}`);
    const child = space.start(
      host,
      ['env', ...env, programs(newer).exabgp, ...(newer ? ['server'] : []), file],
      join(directory, 'exabgp.log'),
    );
    await until('ExaBGP to listen', () => space.run(host, 'ss -ltnH').includes(':179'), 120_000, 100);
    const tell = (lines: readonly string[]): void => {
      execFileSync('sh', ['-c', `cat > ${pipe}`], { input: lines.map((line) => `${line}\n`).join('') });
    };
    return {
      inject: (routes) => Promise.resolve(tell(hostRoutes(routes).map((route) => `announce route ${route} next-hop self`))),
      one: (id) => {
        const atMs = wallMs();
        tell([`announce route ${hostRoute(id)} next-hop self`]);
        return Promise.resolve(atMs);
      },
      stop: () => space.stop(child),
    };
  },
});

const openbgpd = (newer: boolean): Sender => ({
  name: newer ? 'OpenBGPD 8' : 'OpenBGPD 7',
  program: programs(newer).openbgpd,
  start: async ({ space, host, directory }, count) => {
    const [file, socket] = [join(directory, 'bgpd.conf'), join(directory, 'sock')];
    writeFileSync(
      file,
      `AS ${SENDER.asn}
router-id ${SENDER.ip}
socket "${socket}"
fib-update no
holdtime 240
listen on ${SENDER.ip}
neighbor ${RECEIVER.ip} {
  remote-as ${RECEIVER.asn}
  local-address ${SENDER.ip}
  passive
  announce IPv4 unicast
}
allow from any
allow to any
`,
    );
    chmodSync(file, 0o600);
    const home = execFileSync('getent', ['passwd', '_openbgpd'], { encoding: 'utf8' }).split(':')[5] ?? '/run/openbgpd';
    mkdirSync(home, { recursive: true });
    const child: ChildProcess = space.start(host, [programs(newer).openbgpd, '-d', '-f', file], join(directory, 'openbgpd.log'));
    const bgpctl = (...words: string[]): string => space.run(host, [programs(newer).bgpctl, '-s', socket, ...words]);
    const ready = (): boolean => space.run(host, 'ss -ltnH').includes(':179') && bgpctl('show', 'summary').includes(RECEIVER.ip);
    await until('OpenBGPD to load', ready, 180_000, 100);
    // Of a file with as many networks it takes minutes to read the configuration.
    const add = (routes: number): void => {
      const words = [programs(newer).bgpctl, '-s', socket, 'network', 'bulk', 'add'];
      space.run(
        host,
        words,
        hostRoutes(routes)
          .map((route) => `${route}\n`)
          .join(''),
      );
    };
    if (count > 0) add(count);
    await sleep(count > 0 ? 3000 : 1000);
    return {
      inject: (routes) => Promise.resolve(add(routes)),
      one: (id) => {
        const atMs = wallMs();
        bgpctl('network', 'add', hostRoute(id));
        return Promise.resolve(atMs);
      },
      stop: () => space.stop(child),
    };
  },
});

/** Those of the system, and those that `test/interop/newer/build.sh` has brought. */
const daemons = [bird, openbgpd, gobgp, frr, exabgp].flatMap((make) => [make(false), make(true)]);
export const SENDERS: readonly Sender[] = [floor, herald, ...daemons.filter(isThere)];

function isThere({ name, program }: Sender): boolean {
  const is = program === undefined || !program.startsWith('/') || existsSync(program);
  if (!is) console.error(`${name}: there is no ${program}`);
  return is;
}
