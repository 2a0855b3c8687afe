import { type ChildProcess, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerDaemon, type PeerOptions, type RouteView, overAddresses, signalAll, sortedNumbers } from './peer.ts';
import { programs } from './programs.ts';

/** FRR's bgpd alone keeps its table and installs nothing. A newer one asks zebra what addresses there are, and refuses IPv6 over IPv4 without. */
export function startFrrPeer(options: PeerOptions): PeerDaemon {
  const { space, host, directory } = options;
  const { bgpd, zebra, vtysh: shell } = programs(options.newer);
  const home = join(directory, `frr-${host}`);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'bgpd.conf'), options.text ?? config(options, join(home, 'bgpd.log')));
  for (const path of [home, join(home, 'bgpd.conf')]) chownSync(path, frrId('-u'), frrId('-g'));
  chmodSync(directory, 0o755);
  const [log, server] = [join(directory, `frr-${host}.log`), join(home, 'zserv.api')];
  const flags = ['--vty_socket', home, '-z', server, '-A', '127.0.0.1'];
  const own = [...flags, '-S', ...(options.newer === true ? [] : ['-Z']), '-f', join(home, 'bgpd.conf'), '-i', join(home, 'pid')];
  const helpers: ChildProcess[] = [];
  if (options.newer === true) {
    rmSync(server, { force: true });
    helpers.push(space.start(host, [zebra, ...flags, '-i', join(home, 'zebra.pid')], log));
  }
  // One that finds no zebra asks again after ten seconds only.
  const wait = options.newer === true ? `while [ ! -S ${server} ]; do sleep 0.05; done; ` : '';
  const child = space.start(host, ['sh', '-c', `${wait}exec "$@"`, 'sh', bgpd, ...own], log);
  const vtysh = (command: string): string => space.run(host, [shell, '--vty_socket', home, '-c', command]);
  const { remote } = overAddresses(options);
  return {
    name: 'FRR',
    established: () => neighbor(vtysh, remote)?.bgpState === 'Established',
    flaps: () => neighbor(vtysh, remote)?.connectionsEstablished ?? 0,
    routes: () => new Map(options.families.flatMap((family) => tableOf(vtysh, family))),
    stale: () => new Map(options.families.flatMap((family) => staleOf(vtysh, family))),
    count: () => options.families.reduce((sum, family) => sum + received(vtysh, remote, family), 0),
    agreed() {
      const said = neighbor(vtysh, remote)?.neighborCapabilities;
      return {
        addPath: said?.addPath?.ipv4Unicast?.rxAdvertised === true && said.addPath.ipv4Unicast.txReceived === true,
        extendedMessages: said?.extendedMessage === 'advertisedAndReceived',
        enhancedRefresh: said?.enhancedRouteRefresh === 'advertisedAndReceived',
      };
    },
    describe: () => vtysh(`show bgp neighbors ${remote}`),
    refresh: () => void options.families.map((family) => vtysh(`clear bgp ${family} unicast ${remote} soft in`)),
    signal: (signal) => signalAll(child, signal),
    stop: async () => void (await Promise.all([child, ...helpers].map((each) => space.stop(each)))),
  };
}

function frrId(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'frr'], { encoding: 'utf8' }));
}

/** @param log a file: FRR waits for whoever reads its standard output, and that is a test which waits for FRR */
function config(options: PeerOptions, log: string): string {
  const { local, remote, families, holdTimeSeconds = 9 } = options;
  const peer = overAddresses(options).remote;
  const lines = [
    `neighbor ${peer} remote-as ${remote.asn}`,
    `neighbor ${peer} timers ${Math.ceil(holdTimeSeconds / 3)} ${holdTimeSeconds}`,
  ];
  // Two minutes by default, for whoever was a little late.
  lines.push(`neighbor ${peer} timers connect 1`);
  if (options.passive !== false) lines.push(`neighbor ${peer} passive`);
  if (options.password !== undefined) lines.push(`neighbor ${peer} password ${options.password}`);
  if (options.ttlSecurity === true) lines.push(`neighbor ${peer} ttl-security hops 1`);
  if (options.multihop === true) lines.push(`neighbor ${peer} ebgp-multihop 8`);
  if (options.capabilities !== undefined) lines.push(`neighbor ${peer} dont-capability-negotiate`);
  // AS_TRANS is not the AS that a newer one knows its neighbour by, from the capability that it does not agree on.
  if (options.capabilities !== undefined && options.newer === true) lines.push(`no neighbor ${peer} enforce-first-as`);
  if (options.gracefulRestart === true) lines.push('bgp graceful-restart notification', 'bgp long-lived-graceful-restart stale-time 3600');
  const af = (family: 'ipv4' | 'ipv6'): string => {
    const verb = families.includes(family) ? 'neighbor' : 'no neighbor';
    return ` address-family ${family} unicast\n  ${verb} ${peer} activate\n exit-address-family`;
  };
  return `log file ${log}
router bgp ${local.asn}
 bgp router-id ${local.ipv4}
 no bgp ebgp-requires-policy
 no bgp network import-check
${lines.map((line) => ` ${line}`).join('\n')}
${af('ipv4')}
${af('ipv6')}
`;
}

type Vtysh = (command: string) => string;

interface FrrNeighbor {
  readonly bgpState?: string;
  readonly connectionsEstablished?: number;
  readonly neighborCapabilities?: {
    readonly extendedMessage?: string;
    readonly enhancedRouteRefresh?: string;
    readonly addPath?: { readonly ipv4Unicast?: { readonly rxAdvertised?: boolean; readonly txReceived?: boolean } };
  };
}

function neighbor(vtysh: Vtysh, address: string): FrrNeighbor | undefined {
  return (JSON.parse(vtysh(`show bgp neighbors ${address} json`)) as Record<string, FrrNeighbor>)[address];
}

function received(vtysh: Vtysh, address: string, family: string): number {
  const { peers } = JSON.parse(vtysh(`show bgp ${family} unicast summary json`)) as { peers?: Record<string, { pfxRcd?: number }> };
  return peers?.[address]?.pfxRcd ?? 0;
}

interface FrrPath {
  readonly addpathRxId?: number;
  readonly aspath?: { readonly string?: string };
  readonly origin?: string;
  readonly locPrf?: number;
  readonly metric?: number;
  readonly community?: { readonly list?: readonly string[] };
  readonly largeCommunity?: { readonly list?: readonly string[] };
  readonly nexthops?: readonly { readonly ip: string; readonly scope?: string }[];
}

function tableOf(vtysh: Vtysh, family: string): [string, RouteView][] {
  const table = JSON.parse(vtysh(`show bgp ${family} unicast json`)) as { routes?: Record<string, unknown> };
  return Object.keys(table.routes ?? {}).map((prefix) => {
    const detail = JSON.parse(vtysh(`show bgp ${family} unicast ${prefix} json`)) as { paths: FrrPath[] };
    return [prefix, view(detail.paths[0] ?? {})];
  });
}

function staleOf(vtysh: Vtysh, family: string): [string, boolean][] {
  const table = JSON.parse(vtysh(`show bgp ${family} unicast json`)) as { routes?: Record<string, { stale?: boolean }[]> };
  return Object.entries(table.routes ?? {}).map(([prefix, paths]) => [prefix, paths[0]?.stale === true]);
}

function view(path: FrrPath): RouteView {
  const global = path.nexthops?.find((hop) => hop.scope !== 'link-local');
  return {
    nextHop: global?.ip ?? '',
    ...(path.addpathRxId === undefined ? {} : { pathId: path.addpathRxId }),
    asPath: (path.aspath?.string ?? '')
      .split(' ')
      .filter((word) => /^\d+$/.test(word))
      .map(Number),
    ...(path.origin === undefined ? {} : { origin: path.origin.toLowerCase() }),
    ...(path.locPrf === undefined ? {} : { localPref: path.locPrf }),
    ...(path.metric === undefined ? {} : { med: path.metric }),
    communities: sortedNumbers((path.community?.list ?? []).map((name) => name.toLowerCase())),
    largeCommunities: sortedNumbers(path.largeCommunity?.list ?? []),
  };
}
