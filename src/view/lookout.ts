import { Prospects } from '../announce/prospects.ts';
import { type AnnounceSnapshot, SnapshotIndex } from '../announce/snapshot.ts';
import type { OwnDrain } from '../announce/drain.ts';
import type { ServiceKey, ServiceView } from '../cluster/service.ts';
import { Judge } from './judgement.ts';
import { type NodeStateView, drainsOf } from './nodeState.ts';
import type { Situation } from './situation.ts';

/** What is looked at. What did not change since the look before is the same value as then. */
export interface Sight
  extends
    Pick<AnnounceSnapshot, 'config' | 'slices' | 'nodes' | 'loadBalancerClass' | 'drainTriggers' | 'electionPolicy'>,
    Omit<Situation, 'config' | 'nodes' | 'prospects' | 'states' | 'loadBalancerClass'> {
  readonly services: readonly ServiceView[];
  readonly states: readonly NodeStateView[];
}

/** What a look has found, and for which Services the verdict may be another one than at the look before. */
export interface Look {
  readonly situation: Situation;
  readonly judge: Judge;
  readonly changed: 'all' | ReadonlySet<ServiceKey>;
}

/** One who looks at a cluster again and again, at the price of what changed. */
export class Lookout {
  #index: SnapshotIndex | undefined;
  #prospects: Prospects | undefined;
  #drains: ReadonlyMap<string, OwnDrain> = new Map();
  #before: Sight | undefined;

  look(sight: Sight): Look {
    const index = (this.#index ??= new SnapshotIndex(sight.config));
    const { everything, dirty } = index.update(sight);
    const drains = drainsOf(sight.states);
    const isOther = everything || JSON.stringify([...drains]) !== JSON.stringify([...this.#drains]);
    this.#drains = drains;
    if (this.#prospects === undefined || isOther) this.#prospects = new Prospects(index, drains);
    else if (dirty.size > 0) this.#prospects.refresh();
    const { states, slices: _slices, services: _services, ...rest } = sight;
    const situation: Situation = {
      ...rest,
      nodes: index.nodes,
      prospects: this.#prospects,
      states: new Map(states.map((state) => [state.node, state])),
    };
    const before = this.#before;
    this.#before = sight;
    const isSame = before !== undefined && !isOther && sameWord(before, sight);
    return { situation, judge: new Judge(situation), changed: isSame ? dirty : 'all' };
  }
}

/** What nodes and programs say is as it was. */
function sameWord(before: Sight, now: Sight): boolean {
  const [was, is] = [before.controller, now.controller];
  return (
    before.states === now.states &&
    before.problems === now.problems &&
    before.daemons === now.daemons &&
    before.outdated === now.outdated &&
    JSON.stringify(before.unread) === JSON.stringify(now.unread) &&
    was.running === is.running &&
    was.leader === is.leader
  );
}
