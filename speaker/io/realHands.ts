import { readFileSync } from 'node:fs';
import type { Ip } from '../../src/net/ip.ts';
import { prefixOf } from '../../src/net/prefix.ts';
import type { Logger } from '../../src/host/log.ts';
import type { Hands, HostLink, LinkHands, PacketHands } from '../hands.ts';
import { watchDefaultRoutes } from './defaultRoutes.ts';
import { codeOf } from './errno.ts';
import type { LinkAddress, LinkState } from './linkTable.ts';
import { watchLinks } from './links.ts';
import { type MulticastGroups, joinGroups } from './multicast.ts';
import { openPackets } from './packet.ts';
import { watchRouters } from './routers.ts';
import { tcpHands } from './tcpHands.ts';
import { listenUdp, openSender } from './udp.ts';

/** The operating system, for the engine. */
export function createHands(log: Logger): Hands {
  const groups = joinGroups((error) => log.warn({ code: codeOf(error) }, 'cannot join a multicast group'));
  return {
    tcp: tcpHands(log),
    udp: { listen: listenUdp, open: (options) => openSender(options, Math.random) },
    packets: packetHands(groups),
    links: linkHands(),
    routers: { watch: watchRouters },
    routes: { watch: watchDefaultRoutes },
  };
}

function packetHands(groups: MulticastGroups): PacketHands {
  const joined = new Map<string, ReadonlySet<Ip>>();
  const apply = (): void => groups.set([...joined].flatMap(([name, set]) => [...set].map((ip) => ({ ip, interface: name }))));
  return {
    open(link, listener) {
      const endpoint = openPackets({ index: link.index, listener });
      return {
        sendAll: (frames) => endpoint.sendAll(frames),
        watch: (ips) => endpoint.watch(ips),
        join(wanted) {
          joined.set(link.name, wanted);
          apply();
        },
        close() {
          endpoint.close();
          if (joined.delete(link.name)) apply();
        },
      };
    },
  };
}

function linkHands(): LinkHands {
  return {
    watch(onLinks) {
      const watcher = watchLinks((links) => onLinks(hostLinks(links)));
      return () => watcher.close();
    },
  };
}

function usable({ addresses }: LinkState): LinkAddress[] {
  return addresses.filter((address) => !address.tentative && !address.dadFailed);
}

/** Without IPv6 the kernel drops what comes for an address, whoever answers for it. */
function hasIpv6({ name, addresses }: LinkState): boolean {
  if (addresses.some(({ ip }) => ip.includes(':'))) return true;
  try {
    return readFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, 'utf8').trim() === '0';
  } catch {
    // The kernel has none at all, or the interface has just gone.
    return false;
  }
}

function hostLinks(links: readonly LinkState[]): HostLink[] {
  const vrfs = new Map(links.flatMap((link): [number, string][] => (link.kind === 'vrf' ? [[link.index, link.name]] : [])));
  return links.flatMap((link) => {
    if (link.mac === undefined) return [];
    const vrf = link.master === undefined ? undefined : vrfs.get(link.master);
    const resolves = !link.loopback && !link.noarp && !link.pointToPoint;
    return [
      {
        name: link.name,
        index: link.index,
        mac: link.mac,
        up: link.up && link.running,
        arp: resolves && link.broadcast,
        ndp: resolves && link.multicast && hasIpv6(link),
        addresses: usable(link).map(({ ip }) => ip),
        subnets: usable(link).map(({ ip, prefixLength }) => prefixOf(ip, prefixLength)),
        // The frames of a bridge's or bond's port are its master's; a member of a VRF speaks for itself.
        isPort: link.master !== undefined && vrf === undefined,
        ...(vrf === undefined ? {} : { vrf }),
      },
    ];
  });
}
