import { type Cause, gathered } from './cause.ts';
import type { Cluster } from './cluster.ts';
import type { ControllerView } from './daemons.ts';
import { findingsOf } from './findings.ts';
import type { Judge } from './judgement.ts';
import { isMeshProblem } from './mesh.ts';
import { drainText } from './nodeState.ts';
import { type PoolRow, poolRows } from './pools.ts';
import type { SessionView } from './sessions.ts';
import { isHandled, speakerRuns } from './situation.ts';

export interface NodeSummary {
  readonly node: string;
  readonly ready: boolean;
  readonly speaker: boolean;
  readonly peersUp: number;
  readonly peers: number;
  readonly routes: number;
  readonly vips: number;
  readonly problems: number;
  readonly version: string;
  readonly drain?: string;
}

export interface ServiceCounts {
  readonly all: number;
  readonly withAddress: number;
  readonly announced: number;
  readonly degraded: number;
}

/** The whole installation on one screen. */
export interface Status {
  readonly controller: ControllerView;
  readonly services: ServiceCounts;
  readonly nodes: readonly NodeSummary[];
  readonly sessions: { readonly up: number; readonly all: number; readonly down: readonly SessionView[] };
  readonly pools: readonly PoolRow[];
  readonly problems: readonly Cause[];
}

export function statusOf(cluster: Cluster, judge: Judge): Status {
  const handled = cluster.world.services.filter((service) => isHandled(cluster, service) && !service.deleting);
  const judged = handled.map((service) => ({ service, ...judge.judge(service) }));
  const { sessions } = judge;
  // What is a warning in the configuration is told by `heraldlb check`, and by the object.
  const errors = cluster.problems.filter(({ severity }) => severity === 'error');
  const found = findingsOf({ ...cluster, problems: errors }, sessions).map(({ cause }) => cause);
  const count = (state: string): number => judged.filter((one) => one.state === state).length;
  const troubled = judged.flatMap(({ service, causes }) => {
    // What is told of the nodes is not told again of every Service.
    const first = causes.find((cause) => !isMeshProblem(cause));
    return first === undefined ? [] : [{ cause: bare(first), places: [service.key] }];
  });
  return {
    controller: cluster.controller,
    services: {
      all: handled.length,
      withAddress: handled.filter(({ ingress }) => ingress.length > 0).length,
      announced: count('announced') + count('degraded'),
      degraded: count('degraded'),
    },
    nodes: cluster.world.nodes.map(({ name, ready }) => nodeSummary(cluster, name, ready)),
    sessions: { up: sessions.filter(({ up }) => up).length, all: sessions.length, down: sessions.filter(({ up }) => !up) },
    pools: poolRows(cluster),
    problems: distinct([...found, ...gathered(troubled)]),
  };
}

/** One line for all Services that have the same reason, whatever is peculiar to each. */
function bare({ object, ...cause }: Cause): Cause {
  const isOwn = object === undefined || !object.startsWith('BGPPeer/');
  return isOwn ? cause : { ...cause, object };
}

/** A Service that is dark because a session is down tells nothing that the session has not told. */
export function distinct(causes: readonly Cause[]): Cause[] {
  const seen = new Set<string>();
  return causes.filter(({ reason, message }) => {
    const key = `${reason} ${message}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

function nodeSummary(cluster: Cluster, node: string, ready: boolean): NodeSummary {
  const state = cluster.states.get(node);
  const sessions = state?.sessions ?? [];
  const up = sessions.filter((session) => session.state === 'Established');
  return {
    node,
    ready,
    speaker: speakerRuns(cluster, node),
    peersUp: up.length,
    peers: sessions.length,
    routes: Math.max(0, ...up.map(({ routes = 0 }) => routes)),
    vips: state?.vips ?? 0,
    problems: state?.problems.length ?? 0,
    version: state?.version ?? '',
    ...(state?.drain === undefined ? {} : { drain: drainText(state.drain) }),
  };
}
