import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Space } from '../../lab/space.ts';

/** A route as the other daemon holds it, read from its own tools. */
export interface RouteView {
  readonly nextHop: string;
  /** RFC 7911, where the daemon shows it. */
  readonly pathId?: number;
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
  /** Keeps our routes while we are away (RFC 4724), also over a NOTIFICATION (RFC 8538) and for longer (RFC 9494), as far as it can. */
  readonly gracefulRestart?: boolean;
  /** The other side is not on the link. */
  readonly multihop?: boolean;
  /** Receives several paths of a prefix (RFC 7911), and messages of up to 65,535 octets (RFC 8654), where the daemon can. */
  readonly extended?: boolean;
  /** `asn2`: AS numbers have two octets. `none`: no capabilities, where the daemon can leave all of them out. */
  readonly capabilities?: 'asn2' | 'none';
  /** Not the system's daemon but the one that `newer/build.sh` has brought. */
  readonly newer?: boolean;
  /** The whole configuration, in the place of what these options make. */
  readonly text?: string;
}

/** What the daemon says that its session has. */
export interface Agreed {
  readonly addPath: boolean;
  readonly extendedMessages: boolean;
  /** RFC 7313. */
  readonly enhancedRefresh: boolean;
}

export interface PeerDaemon {
  readonly name: string;
  /** Can it do what the options ask? A reason when not: the matrix lists it. */
  established(): boolean;
  /** Prefix to route, as received from us. */
  routes(): Map<string, RouteView>;
  /** The same prefixes, and which of them are stale (RFC 4724 §4.2); absent where the daemon keeps no table. */
  stale?(): Map<string, boolean>;
  /** Prefixes from us, by the daemon's own count. */
  count(): number;
  agreed(): Agreed;
  /** How often the session came up, where the daemon counts it. */
  flaps?(): number;
  /** What the daemon says of the session, for a failing test's message. */
  describe(): string;
  /** Asks us for all routes again (RFC 2918), where the daemon can. */
  refresh(): void;
  /** Of it and its helpers: SIGSTOP leaves its connections as they are, and nobody answers any more. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  stop(): Promise<void>;
}

/** A daemon with the processes that it started. */
export function signalAll(child: ChildProcess, signal: NodeJS.Signals): void {
  const parents = [child.pid];
  for (const pid of parents) {
    if (pid === undefined) continue;
    process.kill(pid, signal);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    parents.push(...children.split(' ').filter(Boolean).map(Number));
  }
}

export type StartPeer = (options: PeerOptions) => PeerDaemon;

export function sortedNumbers(values: readonly string[]): string[] {
  return [...values].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

export function overAddresses(options: PeerOptions): { readonly local: string; readonly remote: string } {
  const over = options.over ?? 'ipv4';
  return { local: options.local[over], remote: options.remote[over] };
}
