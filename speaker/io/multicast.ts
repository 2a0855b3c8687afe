import { type Socket, createSocket } from 'node:dgram';
import type { Ip } from '../../src/net/ip.ts';
import { addon } from '../native/addon.ts';

export interface Membership {
  /** An IPv6 multicast group. */
  readonly ip: Ip;
  readonly interface: string;
}

/** The IPv6 multicast groups this node is a member of, so that switches which snoop MLD forward them here. */
export interface MulticastGroups {
  /**
   * The whole set: what is not in it any more is left. A group that could not be joined is tried again at the next call. Thousands are not
   * all joined when it returns: the kernel goes through a list for each of them, which is half a second for 10,000.
   */
  set(groups: readonly Membership[]): void;
  /** Leaves all. */
  close(): void;
}

/** Stays below what the kernel's option memory holds for one socket (net.core.optmem_max of 128 KiB: 2,340). */
const GROUPS_PER_SOCKET = 2_000;
/** So long at a time; in between the thread has others to hear. */
const SLICE_MS = 5;

/** @param onError told once per interface and call of `set`, with the first thing that failed there */
export function joinGroups(onError: (error: Error, interfaceName: string) => void): MulticastGroups {
  const joined = new Map<string, InterfaceGroups>();
  let next: NodeJS.Immediate | undefined;
  const work = (): void => {
    const end = performance.now() + SLICE_MS;
    clearImmediate(next);
    next = undefined;
    for (const [name, at] of joined) {
      const error = at.work(end);
      if (error !== undefined) onError(error, name);
      if (at.isBusy) next ??= setImmediate(work);
    }
  };
  return {
    set(groups) {
      const wanted = byInterface(groups);
      for (const [name, at] of joined) {
        // A recreated interface has another index, and the memberships went with the old one.
        if (wanted.has(name) && indexOf(name) === at.index) continue;
        at.close();
        joined.delete(name);
      }
      for (const [name, set] of wanted) {
        const error = setInterface(joined, name, set);
        if (error !== undefined) onError(error, name);
      }
      work();
    },
    close() {
      clearImmediate(next);
      for (const at of joined.values()) at.close();
      joined.clear();
    },
  };
}

function byInterface(groups: readonly Membership[]): Map<string, Set<Ip>> {
  const sets = new Map<string, Set<Ip>>();
  for (const { ip, interface: name } of groups) {
    const set = sets.get(name);
    if (set === undefined) sets.set(name, new Set([ip]));
    else set.add(ip);
  }
  return sets;
}

function setInterface(joined: Map<string, InterfaceGroups>, name: string, groups: ReadonlySet<Ip>): Error | undefined {
  try {
    let at = joined.get(name);
    if (at === undefined) {
      at = new InterfaceGroups(name, addon().ifindex(name));
      joined.set(name, at);
    }
    at.want(groups);
    return undefined;
  } catch (error) {
    return asError(error);
  }
}

function indexOf(name: string): number | undefined {
  try {
    return addon().ifindex(name);
  } catch {
    return undefined;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

interface Shard {
  readonly socket: Socket;
  size: number;
  full: boolean;
}

/** The memberships on one interface, in sockets of their own: they can be dropped with it, however it went. */
class InterfaceGroups {
  readonly index: number;
  readonly #name: string;
  readonly #members = new Map<Ip, Shard>();
  readonly #shards = new Set<Shard>();
  /** What is still to be done. */
  #changes: Iterator<() => void> | undefined;
  #hasFailed = false;

  constructor(name: string, index: number) {
    this.#name = name;
    this.index = index;
  }

  get isBusy(): boolean {
    return this.#changes !== undefined;
  }

  want(groups: ReadonlySet<Ip>): void {
    this.#changes = this.#changesTo(groups);
    this.#hasFailed = false;
  }

  /** @returns the first failure since `want`; the rest is done all the same */
  work(end: number): Error | undefined {
    let failure: Error | undefined;
    for (let change = this.#changes?.next(); change !== undefined; change = this.#changes?.next()) {
      if (change.done === true) {
        this.#changes = undefined;
        break;
      }
      try {
        change.value();
      } catch (error) {
        if (!this.#hasFailed) failure ??= asError(error);
        this.#hasFailed = true;
      }
      if (performance.now() > end) break;
    }
    return failure;
  }

  *#changesTo(groups: ReadonlySet<Ip>): Generator<() => void, void> {
    for (const [group, shard] of this.#members) if (!groups.has(group)) yield () => this.#leave(group, shard);
    for (const group of groups) if (!this.#members.has(group)) yield () => this.#join(group);
  }

  close(): void {
    this.#changes = undefined;
    for (const shard of this.#shards) shard.socket.close();
    this.#shards.clear();
    this.#members.clear();
  }

  #join(group: Ip): void {
    for (const shard of this.#shards) if (!shard.full && this.#joinAt(shard, group)) return;
    const shard: Shard = { socket: openSocket(), size: 0, full: false };
    this.#shards.add(shard);
    try {
      this.#joinAt(shard, group);
    } finally {
      if (shard.size === 0) this.#drop(shard);
    }
  }

  /** @returns false when this socket can hold no more */
  #joinAt(shard: Shard, group: Ip): boolean {
    try {
      shard.socket.addMembership(group, `::%${this.#name}`);
    } catch (error) {
      // Kernels before 6.7 have less option memory, and an administrator may have set it.
      if (shard.size === 0 || !isOutOfMemory(error)) throw error;
      shard.full = true;
      return false;
    }
    this.#members.set(group, shard);
    shard.size += 1;
    shard.full = shard.size >= GROUPS_PER_SOCKET;
    return true;
  }

  #leave(group: Ip, shard: Shard): void {
    this.#members.delete(group);
    shard.size -= 1;
    if (shard.size === 0) {
      this.#drop(shard);
      return;
    }
    shard.full = false;
    shard.socket.dropMembership(group, `::%${this.#name}`);
  }

  #drop(shard: Shard): void {
    this.#shards.delete(shard);
    shard.socket.close();
  }
}

/** Nothing is ever read from it: it only holds memberships. */
function openSocket(): Socket {
  const socket = createSocket('udp6');
  socket.unref();
  socket.on('error', () => {
    // Joins report their own failures.
  });
  return socket;
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOMEM' || error.code === 'ENOBUFS');
}
