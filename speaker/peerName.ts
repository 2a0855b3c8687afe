import type { Ip } from '../src/net/ip.ts';

/** One session of a BGPPeer that has several: no object has an `@` in its name. */
export function memberName(peer: string, router: Ip): string {
  return `${peer}@${router}`;
}

/** The BGPPeer that a session belongs to. */
export function peerNameOf(session: string): string {
  return session.split('@')[0] ?? session;
}
