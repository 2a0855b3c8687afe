import { FAILBACK_DELAY_MS } from '../src/layer2/standing.ts';
import { BfdEngine } from './bfdEngine.ts';
import { BgpEngine } from './bgpEngine.ts';
import { AwaitedClaims } from './changeTimes.ts';
import type { PlanMessage } from './channel.ts';
import type { EngineParts } from './engineParts.ts';
import type { HostLink } from './hands.ts';
import { Layer2Engine, type Layer2Options } from './layer2Engine.ts';
import { Ownership, type OwnershipOptions } from './ownership.ts';
import type { Report, ReportNews, WireProblem } from './report.ts';

export type EngineOptions = Layer2Options & Partial<OwnershipOptions>;

/** The controller's and the speaker's own ports are beside it. */
export const MESH_PORT = 7483;

/**
 * Everything on the wire. A plan stays in force until the next one: whatever happens to the worker or the API server
 * changes nothing here. Before the first plan nothing is announced and nothing withdrawn.
 */
export class Engine {
  readonly bgp: BgpEngine;
  readonly bfd: BfdEngine;
  readonly layer2: Layer2Engine;
  readonly ownership: Ownership;
  readonly #parts: EngineParts;
  readonly #awaited: AwaitedClaims;
  #plan: PlanMessage | undefined;
  #unwatch: (() => void) | undefined;
  #linksKnown = false;
  /** A plan that came before the interfaces were known: a connection could not tell its next hops yet. */
  #early: PlanMessage | undefined;

  constructor(parts: EngineParts, options: EngineOptions) {
    this.#parts = parts;
    this.bgp = new BgpEngine(parts, (peers) => this.bfd.apply(peers));
    this.bfd = new BfdEngine(parts, (peer, event) => this.bgp.bfd(peer, event));
    this.#awaited = new AwaitedClaims((protocol, changedAtMs) => parts.sent?.(protocol, changedAtMs));
    this.layer2 = new Layer2Engine(parts, options);
    this.layer2.counters.announced = (ip) => this.#awaited.announced(ip);
    const { node, meshPort = MESH_PORT, failback = { kind: 'delayed', delayMs: FAILBACK_DELAY_MS } } = options;
    this.ownership = new Ownership(parts, this.layer2, { node, meshPort, failback });
  }

  /** @param bgpPort where routers may connect; 0: nowhere */
  async start(bgpPort: number): Promise<void> {
    this.#unwatch = this.#parts.hands.links.watch((links) => this.#setLinks(links));
    if (bgpPort > 0) await this.bgp.listen(bgpPort);
  }

  #setLinks(links: readonly HostLink[]): void {
    this.#parts.recorder.record(this.#parts.clock.now(), 'links', { links });
    this.#awaited.forget();
    this.bgp.setLinks(links);
    this.bfd.setLinks(links);
    this.layer2.setLinks(links);
    this.ownership.linksChanged();
    this.#linksKnown = true;
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined) this.apply(early);
  }

  apply(message: PlanMessage): void {
    if (!this.#linksKnown) {
      this.#early = message;
      return;
    }
    const { plan, fresh, changedAtMs } = message;
    this.#plan = message;
    this.#parts.recorder.record(this.#parts.clock.now(), 'plan', message);
    this.bgp.apply(plan.peers, changedAtMs);
    // The first plan, of thousands, follows no change.
    const held = new Set(changedAtMs === undefined ? [] : this.layer2.claims().map(({ ip }) => ip));
    this.#awaited.begin();
    const planned = (): void => this.#awaited.planned(this.layer2.claims(), { held, fresh, changedAtMs });
    if (plan.layer2 === undefined) {
      this.layer2.apply(plan.claims, fresh);
      planned();
    } else this.ownership.apply(plan.layer2, fresh, message.meshKey, planned);
    this.#parts.changed();
  }

  plan(): PlanMessage['plan'] | undefined {
    return this.#plan?.plan;
  }

  report(): Report {
    return { ...this.#outline(), claims: this.layer2.report() };
  }

  /** What the last call did not tell. @param isWhole everything, to one who knows nothing */
  news(isWhole: boolean): ReportNews {
    return { ...this.#outline(), claims: this.layer2.news(isWhole) };
  }

  #outline(): Omit<Report, 'claims'> {
    const passedOver = this.ownership.note.reach;
    return {
      ...(this.#plan === undefined ? {} : { generation: this.#plan.plan.generation }),
      peers: this.bgp.report(),
      bfd: [...this.bfd.report(), ...this.ownership.mesh.report()],
      problems: this.problems(),
      ...(passedOver.length === 0 ? {} : { passedOver }),
    };
  }

  problems(): WireProblem[] {
    return [...this.bgp.problems(), ...this.bfd.problems(), ...this.layer2.problems(), ...this.ownership.problems()];
  }

  /** Lets other speakers take over what they can; `layer2.partings` tells what is still answered for until they do. */
  leave(): void {
    this.ownership.leave();
  }

  /** Tells the routers; what is queued for them leaves after this returns. */
  stop(text: string): void {
    this.#unwatch?.();
    const farewell = this.#plan?.plan.farewell;
    this.bgp.stop(farewell ?? text, farewell !== undefined);
    // After it: a router that is told to keep the routes has heard so before BFD ends.
    this.bfd.stop();
    this.ownership.stop();
    this.layer2.stop();
    this.#parts.deadlines.stop();
  }
}
