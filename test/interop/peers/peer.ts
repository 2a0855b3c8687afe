import type { Space } from '../../lab/space.ts';

/** A route as the other daemon holds it, read from its own tools. */
export interface RouteView {
  readonly nextHop: string;
  readonly asPath: readonly number[];
  readonly origin?: string;
  readonly localPref?: number;
  readonly med?: number;
  /** `65000:1`, or the daemon's own name of a well-known one in lower case. Sorted. */
  readonly communities: readonly string[];
  /** `64512:1:2`. Sorted. */
  readonly largeCommunities: readonly string[];
}

export interface PeerOptions {
  readonly space: Space;
  /** Namespace (short name) in which the daemon runs. */
  readonly host: string;
  readonly directory: string;
  readonly local: { readonly ipv4: string; readonly ipv6: string; readonly asn: number };
  readonly remote: { readonly ipv4: string; readonly ipv6: string; readonly asn: number };
  readonly families: readonly ('ipv4' | 'ipv6')[];
  /** The session's addresses; both families of routes may still travel on it. */
  readonly over?: 'ipv4' | 'ipv6';
  readonly holdTimeSeconds?: number;
  /** Wait for the other side to connect; default true, so that it is ours that dials. */
  readonly passive?: boolean;
  readonly password?: string;
  /** GTSM: accept only packets that were sent by a neighbour on the link. */
  readonly ttlSecurity?: boolean;
}

export interface PeerDaemon {
  readonly name: string;
  /** Can it do what the options ask? A reason when not: the matrix lists it. */
  established(): boolean;
  /** Prefix to route, as received from us. */
  routes(): Map<string, RouteView>;
  /** How often the session came up, where the daemon counts it. */
  flaps?(): number;
  /** What the daemon says of the session, for a failing test's message. */
  describe(): string;
  /** Asks us for all routes again (RFC 2918), where the daemon can. */
  refresh?(): void;
  stop(): Promise<void>;
}

export type StartPeer = (options: PeerOptions) => PeerDaemon;

export function sortedNumbers(values: readonly string[]): string[] {
  return [...values].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

export function overAddresses(options: PeerOptions): { readonly local: string; readonly remote: string } {
  const over = options.over ?? 'ipv4';
  return { local: options.local[over], remote: options.remote[over] };
}
