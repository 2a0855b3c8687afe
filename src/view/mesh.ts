import { type Cause, nodeProblemCause, some } from './cause.ts';
import type { NodeProblem } from './nodeState.ts';
import { type Situation, speakerRuns } from './situation.ts';

/** Codes of what keeps speakers from hearing each other: VIPs are answered for all the same, and move later than they could. */
const MESH_REASONS: ReadonlySet<string> = new Set(['NoMeshPort', 'NoCommonFamily', 'LivenessUnknown']);

export function isMeshProblem({ reason }: { readonly reason: string }): boolean {
  return MESH_REASONS.has(reason);
}

/** One for each reason: where UDP is filtered every speaker says it of every other. */
export function meshFindings(
  situation: Situation,
  nodes: readonly string[],
): { readonly cause: Cause; readonly nodes: readonly string[] }[] {
  return [...MESH_REASONS].flatMap((reason) => {
    const found = nodes.flatMap((node) => reportedBy(situation, node, reason).map((problem) => ({ node, problem })));
    const [first] = found;
    if (first === undefined) return [];
    const about = some([...new Set(found.flatMap(({ problem }) => problem.object ?? []))]);
    const places = [...new Set(found.map(({ node }) => node))];
    const object = about === '' ? some(places) : `${about} on ${some(places)}`;
    return [{ cause: { ...nodeProblemCause(first.problem, first.node), object }, nodes: places }];
  });
}

/** That a speaker is not heard which does not run is no news. */
function reportedBy(situation: Situation, node: string, reason: string): readonly NodeProblem[] {
  const problems = situation.states.get(node)?.problems ?? [];
  return problems.filter(
    (problem) =>
      problem.reason === reason &&
      (problem.object?.startsWith('Node/') !== true || speakerRuns(situation, problem.object.slice('Node/'.length))),
  );
}
