import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerDaemon, type PeerOptions, type RouteView, overAddresses, sortedNumbers } from './peer.ts';

export function startOpenbgpdPeer(options: PeerOptions): PeerDaemon {
  const { space, host, directory } = options;
  const home = join(directory, `openbgpd-${host}`);
  mkdirSync(home, { recursive: true });
  const [file, socket] = [join(home, 'bgpd.conf'), join(home, 'sock')];
  writeFileSync(file, config(options, socket));
  // OpenBGPD refuses a configuration that others may read.
  chmodSync(file, 0o600);
  // It shuts itself in the home of its user, which only its service file makes.
  mkdirSync(userHome(), { recursive: true });
  const child = space.start(host, ['/usr/sbin/bgpd', '-d', '-f', file], join(directory, `openbgpd-${host}.log`));
  const bgpctl = (...words: string[]): string => space.run(host, ['bgpctl', '-s', socket, ...words]);
  return {
    name: 'OpenBGPD',
    established: () =>
      (JSON.parse(bgpctl('-j', 'show', 'neighbor')) as { neighbors: { state: string }[] }).neighbors[0]?.state === 'Established',
    routes: () => parseRib(bgpctl('-j', 'show', 'rib', 'detail')),
    describe: () => bgpctl('show', 'neighbor'),
    refresh: () => void bgpctl('neighbor', overAddresses(options).remote, 'refresh'),
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
${options.passive === false ? '' : '  passive\n'}${options.password === undefined ? '' : `  tcp md5sig password ${options.password}\n`}${options.ttlSecurity === true ? '  ttl-security yes\n' : ''}${announce.join('\n')}
}
allow from any
allow to any
`;
}

interface OpenbgpdRoute {
  readonly prefix: string;
  readonly aspath?: string;
  readonly exit_nexthop?: string;
  readonly true_nexthop?: string;
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
