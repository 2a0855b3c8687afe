import { defaultElection } from '../../src/api/l2Advertisement.ts';
import type { ServiceKey, ServiceView } from '../../src/cluster/service.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import type { Store } from '../../src/host/kube/store.ts';
import type { Logger } from '../../src/host/log.ts';
import type { KubeMetrics } from '../../src/host/metrics.ts';
import type { Assignment } from '../../src/ipam/assignment.ts';
import type { Problem } from '../../src/config/problem.ts';
import { type OutdatedKind, outdatedText } from '../../src/view/definitions.ts';
import { triggersOf } from '../../src/view/daemons.ts';
import { type Look, Lookout, type Sight } from '../../src/view/lookout.ts';
import { Configuration } from '../configuration.ts';
import type { Watches } from '../watches.ts';
import { unreadCause } from '../../src/view/unread.ts';
import { startDefinitions } from './definitions.ts';
import { Outage } from './outage.ts';
import { startSurveyWatches } from './watches.ts';

export interface SurveyOptions {
  readonly client: KubeClient;
  readonly watches: Watches;
  readonly namespace: string;
  readonly lbClass: string | undefined;
  /** Of the configuration. */
  readonly apiGroup: string;
  /** Holder of the lease. */
  readonly leader: () => string | undefined;
  /** Of the plan, where this process makes one. */
  readonly assignment: (service: ServiceKey) => Assignment | undefined;
  /** Something changed of what only verdicts need. */
  readonly onChange: () => void;
  /** The definitions of kinds are other ones. */
  readonly onDefinitions: () => void;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

export type Changed = Look['changed'];

/** What of the cluster is as it should be and what is not: the page and the conditions of Services say it. */
export interface Survey {
  /**
   * Undefined while something is not listed yet: half of a cluster would be taken for the whole. Kinds of the configuration that cannot be
   * read are not waited for: the situation names them, and what depends on them is not judged.
   */
  readonly look: () => Look | undefined;
  readonly services: () => readonly ServiceView[];
  readonly configuration: Configuration;
  /** What the next look of this one will find changed since its last one. */
  readonly follow: () => { readonly take: () => Changed; readonly stop: () => void };
  readonly outdated: () => readonly OutdatedKind[];
  /** Which lists are not in, one sentence each. */
  readonly missing: () => string[];
  /** That the API server is away: all lists are in, and old. */
  readonly outage: () => string[];
  readonly stop: () => Promise<void>;
}

export function startSurvey(options: SurveyOptions): Survey {
  const { client, watches, namespace, lbClass, apiGroup, log, metrics, onChange } = options;
  const own = startSurveyWatches({ client, namespace, log, metrics, onChange });
  const configuration = new Configuration(watches);
  const lookAt = createLookout();
  const definitions = startDefinitions({ client, apiGroup, onChange: options.onDefinitions, log });
  const outage = new Outage(() => watches.services.health());
  const lists = new Lists();
  const followers = new Set<Follower>();
  let latest: { readonly look: Look; readonly basis: string } | undefined;

  const sight = (leader: string | undefined, unread: readonly string[]): Sight => {
    // Where Pods may not be seen, what the NodeStates say has to do.
    const daemons = own.daemons.hasSynced() ? lists.of(own.daemons.store) : undefined;
    const triggers = triggersOf(daemons ?? []);
    return {
      config: configuration.whole(),
      // Of what refers to a kind that is not read nobody can say that it refers to nothing.
      problems: unread.length === 0 ? configuration.problems() : NO_PROBLEMS,
      outdated: definitions.outdated(),
      unread: unread.map(unreadCause),
      services: lists.of(watches.services.store),
      slices: lists.of(own.slices.store),
      nodes: lists.of(own.nodes.store),
      states: lists.of(own.states.store),
      daemons,
      controller: { running: leader !== undefined, ...(leader === undefined ? {} : { leader }) },
      assignment: options.assignment,
      electionPolicy: defaultElection(apiGroup),
      ...(lbClass === undefined ? {} : { loadBalancerClass: lbClass }),
      ...(triggers === undefined ? {} : { drainTriggers: triggers }),
    };
  };

  return {
    look: () => {
      const needed = [own.slices, own.nodes, own.states];
      if (!watches.hasSyncedRest() || !needed.every((reflector) => reflector.hasSynced())) return undefined;
      configuration.refresh();
      const leader = options.leader();
      const stores = [watches.services, own.slices, own.nodes, own.states, own.daemons].map(({ store }) => store.version);
      const unread = watches.unread();
      const said = [leader ?? '', String(own.daemons.hasSynced()), ...unread, ...definitions.outdated().map(outdatedText)];
      const basis = `${stores.join()} ${configuration.version()} ${said.join()}`;
      if (latest?.basis === basis) return latest.look;
      const look = lookAt(sight(leader, unread));
      for (const follower of followers) follower.note(look.changed);
      latest = { look, basis };
      return look;
    },
    services: () => lists.of(watches.services.store),
    configuration,
    follow: () => {
      const follower = new Follower();
      followers.add(follower);
      return { take: () => follower.take(), stop: () => void followers.delete(follower) };
    },
    outdated: () => definitions.outdated(),
    missing: () => [...(watches.hasSynced() ? watches.unread() : watches.problems()), ...own.problems()],
    outage: () => outage.look(performance.now()),
    stop: async () => {
      await Promise.all([own.stop(), definitions.stop()]);
    },
  };
}

/** What a look that failed had taken up may be lost: the next one begins anew, and finds everything changed. */
function createLookout(): (sight: Sight) => Look {
  let lookout = new Lookout();
  return (sight) => {
    try {
      return lookout.look(sight);
    } catch (error) {
      lookout = new Lookout();
      throw error;
    }
  };
}

const NO_PROBLEMS: readonly Problem[] = [];

class Follower {
  #changed: 'all' | Set<ServiceKey> = 'all';

  note(changed: Changed): void {
    if (changed === 'all') this.#changed = 'all';
    else if (this.#changed !== 'all') for (const key of changed) this.#changed.add(key);
  }

  take(): Changed {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }
}

/** The same array while a store stays as it is: then nothing in it is looked at again. */
class Lists {
  readonly #known = new Map<unknown, { readonly version: number; readonly values: readonly unknown[] }>();

  of<T>(store: Store<T>): readonly T[] {
    const known = this.#known.get(store);
    if (known?.version === store.version) return known.values as readonly T[];
    const values = [...store.values()];
    this.#known.set(store, { version: store.version, values });
    return values;
  }
}
