import { parseIp } from '../net/ip.ts';
import { type Cause, explainCause, nodeProblemCause, problemCause, some } from './cause.ts';
import { outdatedCause } from './definitions.ts';
import { isMeshProblem, meshFindings } from './mesh.ts';
import type { NodeProblem } from './nodeState.ts';
import type { SessionView } from './sessions.ts';
import { type Situation, speakerRuns } from './situation.ts';

/** Something that is not as it should be, and is no matter of one Service. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** As commands tell it, the place in its `object`. */
  readonly cause: Cause;
  /** The object that it is about: of the configuration, a Node, or an address as `VIP`. Absent: the whole installation. */
  readonly about?: { readonly kind: string; readonly name: string };
  /** Where it is seen, where that is not what it is about. */
  readonly nodes: readonly string[];
}

/** The installation first, then the sessions, then what else the nodes say. */
export function findingsOf(situation: Situation, sessions: readonly SessionView[]): Finding[] {
  return [...installation(situation), ...troubledSessions(sessions), ...troubledNodes(situation)];
}

function installation(situation: Situation): Finding[] {
  const { controller, nodes, problems, outdated = [] } = situation;
  const dead = nodes.filter(({ name }) => !speakerRuns(situation, name)).map(({ name }) => name);
  const missing = explainCause({ reason: 'ControllerNotRunning', leader: controller.leader });
  return [
    ...(controller.running ? [] : [{ severity: 'error', cause: missing, nodes: [] } as const]),
    ...dead.map((name): Finding => {
      const cause = explainCause({ reason: 'SpeakerNotRunning', node: name }, name);
      return { severity: 'error', cause, about: { kind: 'Node', name }, nodes: [] };
    }),
    ...outdated.map((one): Finding => {
      return { severity: 'warning', cause: outdatedCause(one), about: { kind: 'CustomResourceDefinition', name: one.name }, nodes: [] };
    }),
    ...problems.map((problem): Finding => ({ severity: problem.severity, cause: problemCause(problem), about: problem.object, nodes: [] })),
  ];
}

/** One for each reason that a peer has, wherever. */
function troubledSessions(sessions: readonly SessionView[]): Finding[] {
  const found = new Map<string, { readonly session: SessionView; readonly cause: Cause; readonly nodes: Set<string> }>();
  for (const session of sessions) {
    const { node, peer, cause } = session;
    if (cause === undefined || cause.reason === 'SpeakerNotRunning') continue;
    const key = `${peer} ${cause.reason} ${cause.message}`;
    const group = found.get(key) ?? { session, cause, nodes: new Set() };
    group.nodes.add(node);
    found.set(key, group);
  }
  return [...found.values()]
    .toSorted((a, b) => b.nodes.size - a.nodes.size)
    .map(({ session: { peer, up }, cause, nodes }) => ({
      severity: up ? 'warning' : 'error',
      cause: { ...cause, object: `BGPPeer/${peer} on ${some([...nodes])}` },
      about: { kind: 'BGPPeer', name: peer },
      nodes: [...nodes],
    }));
}

/** Those of peers are told with the sessions. */
function troubledNodes(situation: Situation): Finding[] {
  const names = situation.nodes.map(({ name }) => name);
  const own = names.flatMap((node) =>
    (situation.states.get(node)?.problems ?? [])
      .filter((problem) => problem.object?.startsWith('BGPPeer/') !== true && !isMeshProblem(problem))
      .map((problem): Finding => ({
        severity: 'error',
        cause: nodeProblemCause(problem, node),
        about: aboutOf(problem, node),
        nodes: [node],
      })),
  );
  const mesh = meshFindings(situation, names).map(({ cause, nodes }): Finding => {
    const [only] = nodes;
    const about = nodes.length === 1 && only !== undefined ? { about: { kind: 'Node', name: only } } : {};
    return { severity: 'warning', cause, ...about, nodes };
  });
  return [...own, ...mesh];
}

/** An interface is no object of its own: it is the node that has to do with it. */
function aboutOf({ object = '' }: NodeProblem, node: string): NonNullable<Finding['about']> {
  const [kind = '', name] = object.split('/', 2);
  if (name !== undefined) return { kind, name };
  return parseIp(object) === undefined ? { kind: 'Node', name: node } : { kind: 'VIP', name: object };
}
