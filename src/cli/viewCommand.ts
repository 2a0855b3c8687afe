import { Command } from 'commander';
import { type Cluster, readCluster } from '../view/cluster.ts';
import { type ClusterFlags, withCluster, withClusterOptions } from './clusterAccess.ts';
import { listCluster } from './listCluster.ts';
import { type OutputFlags, exitWith, outputOption } from './output.ts';

/** What every command is told that looks at a cluster. */
export interface ViewFlags extends ClusterFlags, OutputFlags {
  readonly lbClass?: string;
}

/** A command that looks at a cluster and changes nothing. Exit code 2: wrong usage, or the cluster cannot be asked. */
export function viewCommand(name: string, description: string): Command {
  return withClusterOptions(new Command(name))
    .description(description)
    .option('--lb-class <class>', 'that HeraldLB handles; default: as its controller was told')
    .addOption(outputOption())
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
}

/** Lists the cluster once, and hands it over. */
export function lookAt(flags: ViewFlags, body: (cluster: Cluster) => 0 | 1): Promise<void> {
  return exitWith(async () => {
    const objects = await withCluster(flags, (client) => listCluster(client, flags));
    const { apiGroup, lbClass } = flags;
    return body(readCluster(objects, { nowMs: Date.now(), apiGroup, ...(lbClass === undefined ? {} : { loadBalancerClass: lbClass }) }));
  });
}

export function noSuchNode(unknown: readonly string[], known: Iterable<string>): string {
  return `there is no node ${unknown.join(', ')}; there are ${[...known].join(', ') || 'none'}`;
}
