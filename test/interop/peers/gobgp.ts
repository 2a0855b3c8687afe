import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerDaemon, type PeerOptions, type RouteView, overAddresses, sortedNumbers } from './peer.ts';

export function startGobgpPeer(options: PeerOptions): PeerDaemon {
  const { space, host, directory } = options;
  const home = join(directory, `gobgp-${host}`);
  mkdirSync(home, { recursive: true });
  const file = join(home, 'gobgpd.toml');
  writeFileSync(file, config(options));
  const child = space.start(host, ['gobgpd', '-f', file, '--api-hosts', '127.0.0.1:50051'], join(directory, `gobgp-${host}.log`));
  const gobgp = (...words: string[]): string => space.run(host, ['gobgp', ...words]);
  return {
    name: 'GoBGP',
    established: () => (JSON.parse(gobgp('neighbor', '-j')) as { state: { session_state?: number } }[])[0]?.state.session_state === 6,
    routes: () => new Map(options.families.flatMap((family) => parseTable(gobgp('global', 'rib', '-a', family, '-j')))),
    describe: () => gobgp('neighbor', overAddresses(options).remote),
    refresh: () => void gobgp('neighbor', overAddresses(options).remote, 'softresetin'),
    stop: () => space.stop(child),
  };
}

function config(options: PeerOptions): string {
  const { local, remote, families, holdTimeSeconds = 9 } = options;
  const afis = families
    .map((family) => `  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = "${family}-unicast"`)
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
  [neighbors.transport.config]
    passive-mode = ${options.passive !== false}
${options.ttlSecurity === true ? '  [neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255\n' : ''}${afis}
`;
}

interface GobgpAttribute {
  readonly type: number;
  readonly value?: unknown;
  readonly nexthop?: string;
  readonly metric?: number;
  readonly as_paths?: readonly { readonly asns: readonly number[] }[];
  readonly communities?: readonly number[];
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
