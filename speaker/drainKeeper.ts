import { type DrainReason, type DrainTrigger, type OwnDrain, drainReason } from '../src/announce/drain.ts';
import {
  type DrainEvent,
  type DrainNews,
  type DrainState,
  type DrainStatus,
  UNKNOWN_DRAIN,
  drainMachine,
  drainStatus,
  ownDrain,
} from '../src/announce/drainPhase.ts';
import type { NodeView } from '../src/cluster/node.ts';
import { type Clock, realClock } from './clock.ts';

export interface DrainKeeperOptions {
  readonly triggers: readonly DrainTrigger[];
  readonly waitMs: number;
  /** The plan is another one now. */
  readonly changed: () => void;
  readonly tell: (news: DrainNews, reason: DrainReason) => void;
  readonly clock?: Clock;
}

/** The drain of this node: its machine, and the one timer that it needs. */
export class DrainKeeper {
  readonly #options: DrainKeeperOptions;
  readonly #machine: ReturnType<typeof drainMachine>;
  readonly #clock: Clock;
  #state: DrainState = UNKNOWN_DRAIN;
  #cancel: (() => void) | undefined;

  constructor(options: DrainKeeperOptions) {
    this.#options = options;
    this.#machine = drainMachine(options.waitMs);
    this.#clock = options.clock ?? realClock;
  }

  /** @param node undefined: the cluster has no such Node, which says nothing about a drain */
  observe(node: NodeView | undefined): OwnDrain | undefined {
    const reason = node && drainReason(node, this.#options.triggers);
    if (node !== undefined) this.#step({ type: 'node', ...(reason === undefined ? {} : { reason }) });
    return ownDrain(this.#state);
  }

  /** How many prefixes and addresses are announced under the plan that is in force. */
  left(count: number): void {
    this.#step({ type: 'left', count });
  }

  status(): DrainStatus | undefined {
    return drainStatus(this.#state);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #step(event: DrainEvent): void {
    const [state, effects] = this.#machine.step(this.#state, event, { now: this.#clock.now(), random: Math.random });
    this.#state = state;
    this.stop();
    const deadline = this.#machine.deadline(state);
    if (deadline !== undefined) this.#cancel = this.#clock.wake(deadline - this.#clock.now(), () => this.#step({ type: 'tick' }));
    for (const effect of effects) {
      if (effect.type === 'replan') this.#options.changed();
      else this.#options.tell(effect.news, effect.reason);
    }
  }
}
