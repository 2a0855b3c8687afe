import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Space } from '../../lab/space.ts';
import { NEWER } from '../daemons.ts';
import { programs } from './programs.ts';

interface Hop {
  readonly ip?: string;
  readonly afi?: string;
  readonly interfaceName?: string;
  readonly active?: boolean;
}

export interface FrrUnnumbered {
  /** The session's state, and how often it came up. */
  session(): { readonly bgpState?: string; readonly connectionsEstablished?: number } | undefined;
  /** Next hops of a route, as the kernel was told them. */
  hops(prefix: string): readonly Hop[];
  describe(): string;
  stop(): Promise<void>;
}

/** FRR with a neighbour that has no address: found by Router Advertisements, which zebra sends. */
export function startFrrUnnumbered(space: Space, host: string, directory: string, asn: number): FrrUnnumbered {
  const home = join(directory, `frr-${host}`);
  mkdirSync(home, { recursive: true });
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'frr'], { encoding: 'utf8' }))) as [number, number];
  const files = { 'zebra.conf': ZEBRA, 'bgpd.conf': bgpd(asn) };
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(home, file), text);
    chownSync(join(home, file), uid, gid);
  }
  chmodSync(directory, 0o755);
  chownSync(home, uid, gid);
  const paths = programs(NEWER);
  const children = (['zebra', 'bgpd'] as const).map((name) => {
    const sockets = ['--vty_socket', home, '-i', join(home, `${name}.pid`), '-z', join(home, 'zserv.api')];
    const program = [paths[name], '-f', join(home, `${name}.conf`), ...sockets, '-A', '127.0.0.1'];
    return space.start(host, program, join(directory, `${name}-${host}.log`));
  });
  const vtysh = (command: string): string => space.run(host, [paths.vtysh, '--vty_socket', home, '-c', command]);
  const json = (command: string): Record<string, unknown> => JSON.parse(vtysh(`${command} json`)) as Record<string, unknown>;
  return {
    session: () => json('show bgp neighbors eth0')['eth0'] as { bgpState?: string },
    hops(prefix) {
      const routes = json(`show ${prefix.includes(':') ? 'ipv6' : 'ip'} route ${prefix}`)[prefix] as
        | readonly { nexthops?: Hop[] }[]
        | undefined;
      return routes?.[0]?.nexthops ?? [];
    },
    describe: () => vtysh('show bgp neighbors eth0'),
    stop: async () => {
      for (const child of children) await space.stop(child);
    },
  };
}

const ZEBRA = `log stdout
interface eth0
 ipv6 nd ra-interval 1
 no ipv6 nd suppress-ra
`;

function bgpd(asn: number): string {
  return `log stdout
router bgp ${asn}
 bgp router-id 10.255.0.2
 no bgp ebgp-requires-policy
 neighbor eth0 interface remote-as external
 neighbor eth0 timers 1 3
 address-family ipv6 unicast
  neighbor eth0 activate
 exit-address-family
`;
}
