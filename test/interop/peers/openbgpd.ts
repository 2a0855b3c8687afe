import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerDaemon, type PeerOptions, type RouteView, overAddresses, signalAll, sortedNumbers } from './peer.ts';
import { programs } from './programs.ts';

export function startOpenbgpdPeer(options: PeerOptions): PeerDaemon {
  const { space, host, directory } = options;
  const { openbgpd, bgpctl: client } = programs(options.newer);
  const home = join(directory, `openbgpd-${host}`);
  mkdirSync(home, { recursive: true });
  const [file, socket] = [join(home, 'bgpd.conf'), join(home, 'sock')];
  writeFileSync(file, options.text === undefined ? config(options, socket) : `socket "${socket}"\nfib-update no\n${options.text}`);
  // OpenBGPD refuses a configuration that others may read.
  chmodSync(file, 0o600);
  // It shuts itself in the home of its user, which only its service file makes.
  mkdirSync(userHome(), { recursive: true });
  const child = space.start(host, [openbgpd, '-d', '-f', file], join(directory, `openbgpd-${host}.log`));
  const bgpctl = (...words: string[]): string => space.run(host, [client, '-s', socket, ...words]);
  const neighbor = () => (JSON.parse(bgpctl('-j', 'show', 'neighbor')) as { neighbors: OpenbgpdNeighbor[] }).neighbors[0];
  return {
    name: 'OpenBGPD',
    established: () => neighbor()?.state === 'Established',
    routes: () => parseRib(bgpctl('-j', 'show', 'rib', 'detail')),
    stale: () => staleOf(bgpctl('-j', 'show', 'rib')),
    count: () => neighbor()?.stats?.prefixes?.received ?? 0,
    // It does not know extended messages.
    agreed() {
      const said = neighbor()?.session?.capabilities;
      return { addPath: said?.['add-path'] !== undefined, extendedMessages: false, enhancedRefresh: said?.enhanced_refresh === true };
    },
    describe: () => bgpctl('show', 'neighbor'),
    refresh: () => void bgpctl('neighbor', overAddresses(options).remote, 'refresh'),
    signal: (signal) => signalAll(child, signal),
    stop: () => space.stop(child),
  };
}

function userHome(): string {
  const entry = execFileSync('getent', ['passwd', '_openbgpd'], { encoding: 'utf8' });
  return entry.split(':')[5] ?? '/run/openbgpd';
}

function config(options: PeerOptions, socket: string): string {
  const { local, remote, families, holdTimeSeconds = 9 } = options;
  const over = overAddresses(options);
  const announce = (['ipv4', 'ipv6'] as const).map((family) => {
    const wanted = families.includes(family);
    return `  announce ${family === 'ipv4' ? 'IPv4' : 'IPv6'} ${wanted ? 'unicast' : 'none'}`;
  });
  return `AS ${local.asn}
router-id ${local.ipv4}
socket "${socket}"
fib-update no
holdtime ${holdTimeSeconds}
listen on ${over.local}
neighbor ${over.remote} {
  remote-as ${remote.asn}
  local-address ${over.local}
${options.passive === false ? '' : '  passive\n'}${options.password === undefined ? '' : `  tcp md5sig password ${options.password}\n`}${options.ttlSecurity === true ? '  ttl-security yes\n' : ''}${options.multihop === true ? '  multihop 8\n' : ''}${options.extended === true ? '  announce add-path recv yes\n  announce enhanced refresh yes\n' : ''}${options.capabilities === 'asn2' ? '  announce as-4byte no\n' : ''}${options.capabilities === 'none' ? '  announce capabilities no\n' : ''}${announce.join('\n')}
}
allow from any
allow to any
`;
}

interface OpenbgpdNeighbor {
  readonly state: string;
  readonly stats?: { readonly prefixes?: { readonly received?: number } };
  readonly session?: { readonly capabilities?: { readonly 'add-path'?: readonly unknown[]; readonly enhanced_refresh?: boolean } };
}

interface OpenbgpdRoute {
  readonly prefix: string;
  readonly aspath?: string;
  readonly exit_nexthop?: string;
  readonly true_nexthop?: string;
  readonly path_id?: number;
  readonly localpref?: number;
  readonly metric?: number;
  readonly origin?: string;
  readonly attributes?: readonly {
    readonly type: string;
    readonly communities?: readonly string[];
    readonly large_communities?: readonly string[];
  }[];
  readonly communities?: readonly string[];
  readonly large_communities?: readonly string[];
}

function staleOf(json: string): Map<string, boolean> {
  const { rib = [] } = JSON.parse(json) as { rib?: { prefix: string; stale?: boolean }[] };
  return new Map(rib.map(({ prefix, stale }) => [prefix, stale === true]));
}

function parseRib(json: string): Map<string, RouteView> {
  const { rib = [] } = JSON.parse(json) as { rib?: OpenbgpdRoute[] };
  return new Map(
    rib.map((route) => {
      const listed = (name: 'communities' | 'large_communities'): string[] => [
        ...(route[name] ?? []),
        ...(route.attributes ?? []).flatMap((attribute) => attribute[name] ?? []),
      ];
      return [
        route.prefix,
        {
          nextHop: route.exit_nexthop ?? route.true_nexthop ?? '',
          ...(route.path_id === undefined ? {} : { pathId: route.path_id }),
          asPath: (route.aspath ?? '').split(' ').filter(Boolean).map(Number),
          origin: (route.origin ?? '').toLowerCase(),
          ...(route.localpref === undefined ? {} : { localPref: route.localpref }),
          ...(route.metric === undefined ? {} : { med: route.metric }),
          communities: sortedNumbers(listed('communities').map((name) => name.toLowerCase())),
          largeCommunities: sortedNumbers(listed('large_communities')),
        },
      ];
    }),
  );
}
