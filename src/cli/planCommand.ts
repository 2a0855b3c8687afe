import type { Command } from 'commander';
import { problemText } from '../config/conditions.ts';
import { readCluster } from '../view/cluster.ts';
import { withCluster } from './clusterAccess.ts';
import { comparisonLines } from './comparisonLines.ts';
import { listCluster } from './listCluster.ts';
import { readManifests } from './manifests.ts';
import { exitWith, print } from './output.ts';
import { type Proposal, isDisruptive, propose } from './proposal.ts';
import { type ViewFlags, viewCommand } from './viewCommand.ts';

interface Flags extends ViewFlags {
  readonly filename: readonly string[];
  readonly prune?: true;
}

/** `heraldlb plan -f DIR`. Exit code 0: nothing is disturbed, 1: something would be, or an object is not taken. */
export function planCommand(): Command {
  return viewCommand('plan', 'Says what manifests would do to the cluster if they were applied; changes nothing')
    .requiredOption('-f, --filename <path...>', 'files, or directories to search')
    .option('--prune', 'objects that the files do not have would be deleted')
    .action((flags: Flags) => exitWith(() => run(flags)));
}

async function run(flags: Flags): Promise<0 | 1> {
  const { namespace, apiGroup, filename, prune = false, lbClass } = flags;
  const manifests = readManifests(filename, apiGroup);
  const [fault] = manifests.faults;
  if (fault !== undefined) throw new Error(`${fault.file}:${fault.line}:${fault.column}: ${fault.message}`);
  const objects = await withCluster(flags, (client) => listCluster(client, flags));
  const nowMs = Date.now();
  // The class may be known from the controller alone.
  const { world } = readCluster(objects, { nowMs, apiGroup, ...(lbClass === undefined ? {} : { loadBalancerClass: lbClass }) });
  const { loadBalancerClass } = world;
  const proposal = propose(objects, manifests, {
    nowMs,
    apiGroup,
    namespace,
    prune,
    ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }),
  });
  const disruptive = isDisruptive(proposal);
  print(flags, { ...proposal, disruptive }, () => planLines(proposal, disruptive));
  return disruptive ? 1 : 0;
}

function planLines(proposal: Proposal, disruptive: boolean): string[] {
  const { edited, removed, problems } = proposal;
  return [
    disruptive ? 'This would disturb what runs:' : 'This would disturb nothing.',
    `Objects that are new or another way: ${edited.join(', ') || 'none'}`,
    ...(removed.length === 0 ? [] : [`Objects that go: ${removed.join(', ')}`]),
    ...problems.map(
      (problem) => `${problem.severity} ${problem.object.kind}/${problem.object.name} ${problem.reason}: ${problemText(problem)}`,
    ),
    ...comparisonLines(proposal),
  ];
}
