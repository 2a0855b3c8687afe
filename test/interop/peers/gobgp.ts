import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerDaemon, type PeerOptions, type RouteView, overAddresses, signalAll, sortedNumbers } from './peer.ts';
import { programs } from './programs.ts';

export function startGobgpPeer(options: PeerOptions): PeerDaemon {
  const { space, host, directory } = options;
  const { gobgpd, gobgp: client } = programs(options.newer);
  const home = join(directory, `gobgp-${host}`);
  mkdirSync(home, { recursive: true });
  const file = join(home, 'gobgpd.toml');
  writeFileSync(file, options.text ?? config(options));
  const child = space.start(host, [gobgpd, '-f', file, '--api-hosts', '127.0.0.1:50051'], join(directory, `gobgp-${host}.log`));
  const gobgp = (...words: string[]): string => space.run(host, [client, ...words]);
  const shown = (): string => gobgp('neighbor', overAddresses(options).remote);
  return {
    name: 'GoBGP',
    established: () => (JSON.parse(gobgp('neighbor', '-j')) as { state: { session_state?: number } }[])[0]?.state.session_state === 6,
    routes: () => new Map(options.families.flatMap((family) => parseTable(gobgp('global', 'rib', '-a', family, '-j')))),
    stale: () => new Map(options.families.flatMap((family) => staleOf(gobgp('global', 'rib', '-a', family, '-j')))),
    count: () =>
      options.families.reduce((sum, family) => sum + Number(/Path: (\d+)/.exec(gobgp('global', 'rib', 'summary', '-a', family))?.[1]), 0),
    // 3 does not know extended messages.
    agreed: () => ({
      addPath: /add-path:\s+advertised and received/.test(shown()),
      extendedMessages: /extended-message:\s+advertised and received/.test(shown()),
      enhancedRefresh: /enhanced-route-refresh:\s+advertised and received/.test(shown()),
    }),
    describe: shown,
    refresh: () => void gobgp('neighbor', overAddresses(options).remote, 'softresetin'),
    signal: (signal) => signalAll(child, signal),
    stop: () => space.stop(child),
  };
}

function config(options: PeerOptions): string {
  const { local, remote, families, holdTimeSeconds = 9 } = options;
  const restart = options.gracefulRestart === true ? RESTART : { peer: '', family: '' };
  const afis = families
    .map(
      (family) =>
        `  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = "${family}-unicast"\n${restart.family}`,
    )
    .join('\n');
  return `[global.config]
  as = ${local.asn}
  router-id = "${local.ipv4}"
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${overAddresses(options).remote}"
    peer-as = ${remote.asn}
${options.password === undefined ? '' : `    auth-password = "${options.password}"\n`}  [neighbors.timers.config]
    hold-time = ${holdTimeSeconds}
    keepalive-interval = ${Math.ceil(holdTimeSeconds / 3)}
    connect-retry = 5
  [neighbors.transport.config]
    passive-mode = ${options.passive !== false}
${options.ttlSecurity === true ? '  [neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255\n' : ''}${options.multihop === true ? '  [neighbors.ebgp-multihop.config]\n    enabled = true\n    multihop-ttl = 8\n' : ''}${options.extended === true ? '  [neighbors.add-paths.config]\n    receive = true\n' : ''}${restart.peer}${afis}
`;
}

const RESTART = {
  peer: '  [neighbors.graceful-restart.config]\n    enabled = true\n    notification-enabled = true\n    long-lived-enabled = true\n',
  family: `    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
    [neighbors.afi-safis.long-lived-graceful-restart.config]
      enabled = true
      restart-time = 3600
`,
};

interface GobgpAttribute {
  readonly type: number;
  readonly value?: unknown;
  readonly nexthop?: string;
  readonly metric?: number;
  readonly as_paths?: readonly { readonly asns: readonly number[] }[];
  readonly communities?: readonly number[];
}

function staleOf(json: string): [string, boolean][] {
  const table = JSON.parse(json || '{}') as Record<string, { stale?: boolean }[]>;
  return Object.entries(table).map(([prefix, paths]) => [prefix, paths[0]?.stale === true]);
}

/** Path attribute type codes, as in the IANA registry. */
function parseTable(json: string): [string, RouteView][] {
  const table = JSON.parse(json || '{}') as Record<string, { attrs: GobgpAttribute[] }[]>;
  return Object.entries(table).map(([prefix, paths]) => {
    const attribute = (type: number): GobgpAttribute | undefined => paths[0]?.attrs.find((candidate) => candidate.type === type);
    const large = (attribute(32)?.value ?? []) as { ASN: number; LocalData1: number; LocalData2: number }[];
    const [localPref, med] = [attribute(5)?.value, attribute(4)?.metric];
    return [
      prefix,
      {
        nextHop: attribute(14)?.nexthop ?? attribute(3)?.nexthop ?? '',
        asPath: (attribute(2)?.as_paths ?? []).flatMap((segment) => segment.asns),
        origin: ['igp', 'egp', 'incomplete'][Number(attribute(1)?.value)] ?? '',
        ...(typeof localPref === 'number' ? { localPref } : {}),
        ...(med === undefined ? {} : { med }),
        communities: sortedNumbers((attribute(8)?.communities ?? []).map((value) => `${value >>> 16}:${value & 0xffff}`)),
        largeCommunities: sortedNumbers(large.map((value) => `${value.ASN}:${value.LocalData1}:${value.LocalData2}`)),
      },
    ];
  });
}
