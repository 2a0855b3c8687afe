/**
 * The lab's network. One segment with the nodes, both routers, a client and the API server's door; behind the routers a
 * second client, with one link to each.
 *
 *        client ──┐                       ┌── frr  (AS 65001) ── 10.20.1.0/24 ──┐
 *   node1..n ─────┼── segment 10.10.0.0/24┤                                     ├── far
 *        api ─────┘   fd10:10::/64        └── bird (AS 65002) ── 10.20.2.0/24 ──┘
 */
export const SEGMENT = { ipv4: '10.10.0', ipv6: 'fd10:10::' } as const;
export const NODE_ASN = 64512;

export interface HostAddresses {
  readonly ipv4: string;
  readonly ipv6: string;
}

export function onSegment(host: number): HostAddresses {
  return { ipv4: `${SEGMENT.ipv4}.${host}`, ipv6: `${SEGMENT.ipv6}${host}` };
}

export const FRR = {
  ...onSegment(1),
  asn: 65001,
  far: { subnet: '10.20.1.0/24', ipv4: '10.20.1.1', ipv6: 'fd20:1::1', prefix6: 'fd20:1::/64' },
} as const;
export const BIRD = {
  ...onSegment(2),
  asn: 65002,
  far: { subnet: '10.20.2.0/24', ipv4: '10.20.2.1', ipv6: 'fd20:2::1', prefix6: 'fd20:2::/64' },
} as const;
export const API = { ...onSegment(5), port: 6443 } as const;
export const CLIENT = onSegment(100);
export const FAR = { frr: { ipv4: '10.20.1.2', ipv6: 'fd20:1::2' }, bird: { ipv4: '10.20.2.2', ipv6: 'fd20:2::2' } } as const;

/** Documentation prefixes (RFC 5737, RFC 3849): what the pools of the examples are made of. */
export const BGP_POOL = { ipv4: '198.51.100.0/26', ipv6: '2001:db8:51::1-2001:db8:51::ff' } as const;
export const L2_POOL = { ipv4: '10.10.0.200-10.10.0.219', ipv6: 'fd10:10::200-fd10:10::21f' } as const;

export function nodeName(index: number): string {
  return `node${index + 1}`;
}

export function nodeAddresses(index: number): HostAddresses {
  return onSegment(11 + index);
}
