import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Space } from '../../lab/space.ts';
import { until } from '../../support/until.ts';
import { programs } from './programs.ts';

/** A router with BGP, BFD and its routes in the kernel. */
export interface BfdRouterOptions {
  readonly space: Space;
  /** Namespace (short name) in which it runs. */
  readonly host: string;
  readonly directory: string;
  readonly local: string;
  readonly localAsn: number;
  readonly remote: string;
  readonly remoteAsn: number;
  /** Both directions. */
  readonly intervalMs: number;
  readonly multiplier: number;
  readonly passive?: boolean;
  readonly echo?: boolean;
  readonly multihop?: boolean;
  /** BIRD: the kind of authentication, in its words. The key is number 1. */
  readonly authentication?: string;
  readonly password?: string;
  /** Not the system's daemons but those that `newer/build.sh` has brought. */
  readonly newer?: boolean;
  /** The routes are kept as stale when BFD says down (BIRD: `bfd graceful`). */
  readonly graceful?: boolean;
}

export interface BfdView {
  readonly up: boolean;
  /** What it sees of our side and what came of it, in milliseconds, where the router shows it. */
  readonly detectMs?: number;
  readonly transmitMs?: number;
  readonly echoReceived?: number;
}

export interface BfdRouter {
  bfd(): BfdView;
  established(): boolean;
  /** Prefixes from us in its kernel's table. */
  kernelRoutes(): string[];
  /** Ends the BFD session and says so (AdminDown). */
  shutBfd(): void;
  /** BGP without BFD from now on, where the router can be told so. */
  forgetBfd?(): void;
  describe(): string;
  stop(): Promise<void>;
}

function kernelRoutes({ space, host }: BfdRouterOptions): string[] {
  return [...space.run(host, 'ip -o route show proto all').matchAll(/^(\S+) .*proto (?:bgp|bird)\b/gm)]
    .map((match) => match[1] ?? '')
    .toSorted();
}

export async function startFrrBfd(options: BfdRouterOptions): Promise<BfdRouter> {
  const { space, host, directory, remote } = options;
  const paths = programs(options.newer);
  const home = join(directory, `frr-${host}`);
  // The sockets of one that ran here before would be taken for those of this one.
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'frr'], { encoding: 'utf8' }))) as [number, number];
  const files = { 'zebra.conf': 'log stdout\nzebra work-queue 0\n', 'bgpd.conf': frrBgp(options), 'bfdd.conf': frrBfd(options) };
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(home, file), text);
    chownSync(join(home, file), uid, gid);
  }
  chownSync(home, uid, gid);
  chmodSync(directory, 0o755);
  const daemon = (name: 'zebra' | 'bfdd' | 'bgpd', ...more: string[]) => {
    const common = ['-f', join(home, `${name}.conf`), '--vty_socket', home, '-i', join(home, `${name}.pid`), '-z', join(home, 'zserv.api')];
    return space.start(host, [paths[name], ...common, ...more], join(directory, `${name}-${host}.log`));
  };
  // In this order: one that finds no zebra tries again only after ten seconds.
  const children = [daemon('zebra')];
  await until("zebra's socket", () => existsSync(join(home, 'zserv.api')));
  // 10 has no such option any more.
  children.push(daemon('bfdd', ...(options.newer === true ? [] : ['--bfdctl', join(home, 'bfdd.sock')])));
  await until('bfdd to run', () => existsSync(join(home, 'bfdd.vty')));
  children.push(daemon('bgpd', '-A', '127.0.0.1'));
  await until('bgpd to run', () => existsSync(join(home, 'bgpd.vty')));
  const vtysh = (...commands: string[]): string =>
    space.run(host, [paths.vtysh, '--vty_socket', home, ...commands.flatMap((command) => ['-c', command])]);
  return {
    bfd() {
      const sessions = JSON.parse(vtysh('show bfd peers json')) as FrrSession[];
      const session = sessions.find(({ peer }) => peer === remote);
      if (session === undefined) return { up: false };
      const counters = JSON.parse(vtysh('show bfd peers counters json')) as FrrCounters[];
      const echoReceived = counters.find(({ peer }) => peer === remote)?.['echo-packet-input'];
      return {
        up: session.status === 'up',
        // What FRR shows under its own names is the configured value; the detection time follows from ours.
        detectMs: session['remote-detect-multiplier'] * Math.max(session['receive-interval'], session['remote-transmit-interval']),
        transmitMs: Math.max(session['transmit-interval'], session['remote-receive-interval']),
        ...(echoReceived === undefined ? {} : { echoReceived }),
      };
    },
    established: () => /"bgpState":"Established"/.test(vtysh(`show bgp neighbors ${remote} json`)),
    kernelRoutes: () => kernelRoutes(options),
    shutBfd: () => void vtysh('configure', 'bfd', 'profile p', 'shutdown'),
    forgetBfd: () => void vtysh('configure', `router bgp ${options.localAsn}`, `no neighbor ${remote} bfd`),
    describe: () => `${vtysh('show bfd peers')}\n${vtysh('show bgp summary')}`,
    stop: async () => void (await Promise.all(children.map((child) => space.stop(child)))),
  };
}

interface FrrSession {
  readonly peer: string;
  readonly status: string;
  readonly 'receive-interval': number;
  readonly 'transmit-interval': number;
  readonly 'remote-receive-interval': number;
  readonly 'remote-transmit-interval': number;
  readonly 'remote-detect-multiplier': number;
}

interface FrrCounters {
  readonly peer: string;
  readonly 'echo-packet-input': number;
}

/** What BFD says is no end of kept routes to FRR 10 only where it looks at the C bit, which a speaker that fails with its BFD has not set (RFC 5882 §4.3.2.2). */
function frrBgp({ local, localAsn, remote, remoteAsn, multihop, newer, graceful }: BfdRouterOptions): string {
  const looksAtC = graceful === true && newer === true;
  return `log stdout
router bgp ${localAsn}
 bgp router-id ${local}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor ${remote} remote-as ${remoteAsn}
 neighbor ${remote} timers 30 90
 neighbor ${remote} timers connect 1
${multihop === true ? ` neighbor ${remote} ebgp-multihop 8\n neighbor ${remote} update-source ${local}\n` : ''} neighbor ${remote} bfd
${looksAtC ? ` neighbor ${remote} bfd check-control-plane-failure\n` : ''} neighbor ${remote} bfd profile p
`;
}

function frrBfd({ intervalMs, multiplier, passive, echo, multihop }: BfdRouterOptions): string {
  return `log stdout
bfd
 profile p
  transmit-interval ${intervalMs}
  receive-interval ${intervalMs}
  detect-multiplier ${multiplier}
${passive === true ? '  passive-mode\n' : ''}${echo === true ? `  echo-mode\n  echo transmit-interval ${intervalMs}\n` : ''}${multihop === true ? '  minimum-ttl 250\n' : ''} exit
exit
`;
}

export async function startBirdBfd(options: BfdRouterOptions): Promise<BfdRouter> {
  const { space, host, directory, remote } = options;
  const paths = programs(options.newer);
  const home = join(directory, `bird-${host}`);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const [file, control] = [join(home, 'bird.conf'), join(home, 'ctl')];
  writeFileSync(file, birdConfig(options));
  const child = space.start(
    host,
    [paths.bird, '-f', '-c', file, '-s', control, '-P', join(home, 'pid')],
    join(directory, `bird-${host}.log`),
  );
  const birdc = (command: string): string => space.run(host, [paths.birdc, '-s', control, ...command.split(' ')]);
  await until('BIRD to run', () => existsSync(control));
  return {
    bfd() {
      const row = birdc('show bfd sessions')
        .split('\n')
        .find((line) => line.startsWith(`${remote} `));
      const [, , state, , interval, timeout] = row?.trim().split(/\s+/) ?? [];
      return { up: state === 'Up', transmitMs: Number(interval) * 1000, detectMs: Number(timeout) * 1000 };
    },
    established: () => /\bEstablished\b/.test(birdc('show protocols')),
    kernelRoutes: () => kernelRoutes(options),
    shutBfd: () => void birdc('disable bfd1'),
    describe: () => `${birdc('show bfd sessions')}\n${birdc('show protocols all')}`,
    stop: () => space.stop(child),
  };
}

function birdConfig(options: BfdRouterOptions): string {
  const { local, localAsn, remote, remoteAsn, intervalMs, multiplier, passive, multihop, authentication, password, graceful } = options;
  const timers = [
    `min rx interval ${intervalMs} ms;`,
    `min tx interval ${intervalMs} ms;`,
    `idle tx interval 300 ms;`,
    `multiplier ${multiplier};`,
  ];
  if (passive === true) timers.push('passive yes;');
  if (authentication !== undefined) timers.push(`authentication ${authentication};`, `password "${password}" { id 1; };`);
  return `log stderr all;
router id ${local};
protocol device { scan time 2; }
protocol direct { ipv4; }
protocol kernel { ipv4 { export where source = RTS_BGP; import none; }; }
protocol bfd bfd1 {
  ${multihop === true ? 'multihop' : 'interface "*"'} { ${timers.join(' ')} };
}
protocol bgp s1 {
  local ${local} as ${localAsn};
  neighbor ${remote} as ${remoteAsn};
  hold time 90;
  connect retry time 1;
  error wait time 1, 2;
  ${multihop === true ? 'multihop 8;' : 'direct;'}
  bfd ${graceful === true ? 'graceful' : 'on'};
  ipv4 { import all; export none; };
}
`;
}
