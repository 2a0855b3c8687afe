import type { ServiceKey, ServiceView } from '../src/cluster/service.ts';
import type { Ip } from '../src/net/ip.ts';
import { isOlder } from '../src/host/kube/listing.ts';
import type { Assignment } from '../src/ipam/assignment.ts';
import { ALLOCATED_FROM_POOL } from '../src/ipam/request.ts';

export interface HandoverOptions {
  /** The Service as the watch shows it. */
  readonly service: (key: ServiceKey) => ServiceView | undefined;
  readonly assignment: (key: ServiceKey) => Assignment | undefined;
  readonly nowMs: () => number;
}

/** A write of these addresses on that version, which the server may or may not have carried out. */
export interface Sent {
  readonly on: string;
  readonly ingress: readonly Ip[];
  /** What has not been carried out by then never will be. */
  overAtMs: number;
}

interface Wait {
  readonly for: ServiceKey;
  readonly sinceMs: number;
}

/**
 * An address that one Service leaves and another one gets stands in the status of one of them at most, however long the writes take: the
 * one that leaves goes first.
 */
export class Handovers {
  readonly #options: HandoverOptions;
  /** Who may be about to leave an address. What is not so, or not any more, is found out when somebody asks. */
  readonly #leaving = new Map<Ip, Set<ServiceKey>>();
  /** Until the watch has shown what became of it. */
  readonly #sent = new Map<ServiceKey, readonly Sent[]>();
  /** Who waits. */
  readonly #waits = new Map<ServiceKey, Wait>();

  constructor(options: HandoverOptions) {
    this.#options = options;
  }

  /** How many wait. */
  get size(): number {
    return this.#waits.size;
  }

  /** For every Service that a plan changed, before anything of the plan is written. */
  note(key: ServiceKey): void {
    const keeps = this.#options.assignment(key)?.ingress ?? [];
    for (const address of [...(this.#options.service(key)?.ingress ?? []), ...this.#underWay(key)])
      if (!keeps.includes(address)) this.#leaving.set(address, (this.#leaving.get(address) ?? new Set<ServiceKey>()).add(key));
  }

  /**
   * @returns what may be written of `wanted` now; undefined: nothing, until {@link settled} names the Service. Services that wait for each
   * other in a ring leave their addresses without having new ones yet.
   */
  admit(service: ServiceView, wanted: Assignment): Assignment | undefined {
    const { key } = service;
    const nowMs = this.#options.nowMs();
    const { sinceMs = nowMs } = this.#waits.get(key) ?? {};
    this.#waits.delete(key);
    const blocked = this.#blocked(service, wanted);
    if (blocked === undefined) return wanted;
    this.#waits.set(key, { for: blocked.by, sinceMs });
    const refusal = { reason: 'AddressInUse', address: blocked.address, by: [blocked.by] } as const;
    if (this.#isInRing(key)) return { ...wanted, ingress: wanted.ingress.filter((address) => service.ingress.includes(address)), refusal };
    // A moment is nobody's concern.
    return nowMs - sinceMs < SAY_AFTER_MS ? undefined : asItIs(service, refusal);
  }

  /** @param on the version that the write is conditional on */
  sending(key: ServiceKey, on: string, ingress: readonly Ip[]): Sent {
    const sent = { on, ingress, overAtMs: Infinity };
    this.#sent.set(key, [...this.#undecided(key), sent]);
    return sent;
  }

  /** The server has refused it, or no answer came. */
  failed(sent: Sent, isRefused: boolean): void {
    sent.overAtMs = isRefused ? -Infinity : this.#options.nowMs() + UNANSWERED_MS;
  }

  isWaiting(key: ServiceKey): boolean {
    return this.#waits.has(key);
  }

  /** The Service was looked at: it is as it is to be, or gone. @returns who waited for it and is to be looked at again */
  settled(key: ServiceKey): ServiceKey[] {
    this.#underWay(key);
    if (this.#waits.size === 0) return [];
    const { service, assignment } = this.#options;
    if (service(key) === undefined || assignment(key) === undefined) this.#waits.delete(key);
    return [...this.#waits].flatMap(([who, wait]) => (wait.for === key ? [who] : []));
  }

  #underWay(key: ServiceKey): readonly Ip[] {
    if (!this.#sent.has(key)) return NONE;
    const left = this.#undecided(key);
    if (left.length === 0) this.#sent.delete(key);
    else this.#sent.set(key, left);
    return left.flatMap(({ ingress }) => ingress);
  }

  /** A version after the one that a write was made on either has it or rules it out. */
  #undecided(key: ServiceKey): readonly Sent[] {
    const now = this.#options.service(key)?.resourceVersion;
    if (now === undefined) return [];
    const nowMs = this.#options.nowMs();
    const isPast = ({ on, overAtMs }: Sent): boolean => overAtMs <= nowMs || (isOlder(on, now) ?? on !== now);
    return (this.#sent.get(key) ?? []).filter((sent) => !isPast(sent));
  }

  #blocked(service: ServiceView, wanted: Assignment): { readonly address: Ip; readonly by: ServiceKey } | undefined {
    if (this.#leaving.size === 0) return undefined;
    for (const address of wanted.ingress) {
      if (service.ingress.includes(address)) continue;
      const by = this.#leaver(address, service.key);
      if (by !== undefined) return { address, by };
    }
    return undefined;
  }

  #leaver(address: Ip, but: ServiceKey): ServiceKey | undefined {
    const leavers = this.#leaving.get(address);
    if (leavers === undefined) return undefined;
    for (const key of leavers) if (!this.#isLeaving(key, address)) leavers.delete(key);
    if (leavers.size === 0) this.#leaving.delete(address);
    return [...leavers].find((key) => key !== but);
  }

  #isLeaving(key: ServiceKey, address: Ip): boolean {
    const assignment = this.#options.assignment(key);
    if (assignment?.ingress.includes(address) === true) return false;
    if (this.#underWay(key).includes(address)) return true;
    // Of a Service that is not ours to write nothing is taken away.
    return assignment !== undefined && this.#options.service(key)?.ingress.includes(address) === true;
  }

  #isInRing(key: ServiceKey): boolean {
    const passed = new Set<ServiceKey>();
    for (let next = this.#waits.get(key)?.for; next !== undefined && !passed.has(next); next = this.#waits.get(next)?.for) {
      if (next === key) return true;
      passed.add(next);
    }
    return false;
  }
}

function asItIs({ ingress, annotations }: ServiceView, refusal: NonNullable<Assignment['refusal']>): Assignment {
  const pool = annotations[ALLOCATED_FROM_POOL];
  return { ingress, released: [], refusal, ...(pool === undefined ? {} : { pool }) };
}

const NONE: readonly Ip[] = [];
/** The API server ends a request that its client has given up. */
const UNANSWERED_MS = 5000;
/** Who waits longer for another one's write is told so. */
const SAY_AFTER_MS = 900;
