import { type Ip, ipToBigInt } from '../net/ip.ts';

/** Which end of a session: its BGP identifier and AS number. */
export interface End {
  readonly routerId: Ip;
  readonly asn: number;
}

/**
 * RFC 4271 §6.8, RFC 6286 §2.3: of two connections between the same speakers the one survives that the end with the
 * higher identifier (or, these being equal, the higher AS number) opened.
 * @returns the connection to keep, seen from here.
 */
export function survivor(ours: End, theirs: End): 'out' | 'in' {
  const own = ipToBigInt(ours.routerId);
  const peer = ipToBigInt(theirs.routerId);
  if (own !== peer) return own > peer ? 'out' : 'in';
  return ours.asn > theirs.asn ? 'out' : 'in';
}
