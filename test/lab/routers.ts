import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { until } from '../support/until.ts';
import { birdConfig, frrConfig } from './routerConfig.ts';
import type { Space } from './space.ts';

/** A next hop as the router's own table shows it: the node's address. */
export type NextHops = readonly string[];

export interface Router {
  readonly name: 'frr' | 'bird';
  /** The next hops of a prefix, sorted; empty when the router has no such route. */
  nextHops(prefix: string): NextHops;
  /** The table as a person would look at it. */
  show(prefix: string): string;
  /** Neighbour address to state as the router says it. */
  sessions(): Record<string, string>;
  /** Everything the router knows of the attributes of a route, in its own words. */
  detail(prefix: string): string;
}

/** FRR's daemons run as their own user and want their socket directory. */
export async function startFrr(space: Space, directory: string, config = frrConfig()): Promise<Router> {
  const home = join(directory, 'frr');
  mkdirSync(home, { recursive: true });
  const [uid, gid] = [frrId('-u'), frrId('-g')];
  for (const [file, text] of [
    ['zebra.conf', 'hostname frr\n'],
    ['bgpd.conf', config],
  ] as const) {
    writeFileSync(join(home, file), text);
    chownSync(join(home, file), uid, gid);
  }
  // The way to the directory must be open to that user too.
  chmodSync(directory, 0o755);
  chownSync(home, uid, gid);
  const daemon = (name: string, ...more: string[]): void => {
    const socket = ['--vty_socket', home, '-i', join(home, `${name}.pid`), '-z', join(home, 'zserv.api')];
    space.start('frr', [`/usr/lib/frr/${name}`, '-f', join(home, `${name}.conf`), ...socket, ...more], join(directory, `${name}.log`));
  };
  daemon('zebra');
  // bgpd that finds no zebra tries again only after ten seconds.
  await until("zebra's socket", () => existsSync(join(home, 'zserv.api')));
  daemon('bgpd', '-A', '127.0.0.1');
  return frr(space, home);
}

function frrId(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'frr'], { encoding: 'utf8' }));
}

function familyOf(prefix: string): 'ipv4' | 'ipv6' {
  return prefix.includes(':') ? 'ipv6' : 'ipv4';
}

function frr(space: Space, home: string): Router {
  const vtysh = (command: string): string => space.run('frr', ['vtysh', '--vty_socket', home, '-c', command]);
  return {
    name: 'frr',
    nextHops(prefix) {
      const routes = JSON.parse(vtysh(`show bgp ${familyOf(prefix)} unicast ${prefix} json`)) as FrrRoute;
      const hops = (routes.paths ?? [])
        .filter((path) => path.valid !== false && (path.multipath === true || path.bestpath?.overall === true))
        .map((path) => path.nexthops.find((hop) => hop.scope !== 'link-local')?.ip ?? '');
      return hops.sort();
    },
    show: (prefix) => vtysh(`show ${familyOf(prefix) === 'ipv6' ? 'ipv6' : 'ip'} route ${prefix}`),
    detail: (prefix) => vtysh(`show bgp ${familyOf(prefix)} unicast ${prefix} json`),
    sessions() {
      const summary = JSON.parse(vtysh('show bgp summary json')) as FrrSummary;
      const peers = Object.entries(summary.ipv4Unicast?.peers ?? {});
      return Object.fromEntries(peers.map(([address, peer]) => [address, peer.state]));
    },
  };
}

interface FrrRoute {
  readonly paths?: readonly {
    readonly valid?: boolean;
    readonly multipath?: boolean;
    readonly bestpath?: { readonly overall?: boolean };
    readonly nexthops: readonly { readonly ip: string; readonly scope?: string }[];
  }[];
}

interface FrrSummary {
  readonly ipv4Unicast?: { readonly peers?: Record<string, { readonly state: string }> };
}

export function startBird(space: Space, directory: string, nodes: number, config = birdConfig(nodes)): Router {
  const home = join(directory, 'bird');
  mkdirSync(home, { recursive: true });
  const [file, control] = [join(home, 'bird.conf'), join(home, 'bird.ctl')];
  writeFileSync(file, config);
  space.start('bird', ['bird', '-f', '-c', file, '-s', control, '-P', join(home, 'bird.pid')], join(directory, 'bird.log'));
  const birdc = (command: string): string => space.run('bird', ['birdc', '-r', '-s', control, ...command.split(' ')]);
  return {
    name: 'bird',
    nextHops(prefix) {
      // birdc fails where there is no such route.
      const text = space.attempt('bird', ['birdc', '-r', '-s', control, 'show', 'route', prefix, 'all']) ?? '';
      return [...text.matchAll(/^\s+via (\S+) on/gm)].map((match) => match[1] ?? '').sort();
    },
    show: (prefix) => birdc(`show route ${prefix}`),
    detail: (prefix) => birdc(`show route ${prefix} all`),
    sessions() {
      const rows = birdc('show protocols')
        .split('\n')
        .filter((row) => / BGP /.test(row));
      return Object.fromEntries(rows.map((row) => [row.split(/\s+/)[0] ?? '', row.trim().split(/\s+/).at(-1) ?? '']));
    },
  };
}
