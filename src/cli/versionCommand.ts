import { Command } from 'commander';
import { GROUP, VERSION } from '../api/kind.ts';
import { record, text } from '../cluster/json.ts';
import { customResource } from '../host/kube/resource.ts';
import { type ClusterFlags, listAll, withCluster, withClusterOptions } from './clusterAccess.ts';
import { type OutputFlags, exitWith, outputOption, print } from './output.ts';
import { tableLines } from './table.ts';

export interface Versions {
  readonly client: string;
  readonly node: string;
  /** By node, as its speaker says; absent: no cluster was asked. */
  readonly speakers?: readonly { readonly node: string; readonly version: string }[];
  /** Why the cluster said nothing. */
  readonly error?: string;
}

/** `heraldlb version`. Exit code 0; 1 when a speaker has another version. */
export function versionCommand(client: string): Command {
  const command = new Command('version')
    .description('Prints the version of this program, and those of the speakers')
    .option('--client', 'without asking the cluster')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .addOption(outputOption());
  return withClusterOptions(command).action((flags: ClusterFlags & OutputFlags & { readonly client?: true }) =>
    exitWith(async () => {
      const versions = { client, node: process.version, ...(flags.client === true ? {} : await askSpeakers(flags)) };
      print(flags, versions, () => versionLines(versions));
      return (versions.speakers ?? []).some(({ version }) => version !== client) ? 1 : 0;
    }),
  );
}

/** A cluster that cannot be reached is no reason not to say one's own version. */
async function askSpeakers(flags: ClusterFlags): Promise<Pick<Versions, 'speakers' | 'error'>> {
  try {
    const states = await withCluster(flags, (cluster) =>
      listAll(cluster, customResource(GROUP, VERSION, 'nodestates', 'NodeState'), flags.namespace),
    );
    return {
      speakers: states.map((state) => ({
        node: state.metadata.name,
        version: text(record(state['status'])?.['version']) ?? 'unknown',
      })),
    };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

export function versionLines({ client, node, speakers, error }: Versions): string[] {
  const own = `heraldlb ${client}, Node.js ${node}`;
  if (error !== undefined) return [own, `the cluster does not say what runs in it: ${error}`];
  if (speakers === undefined) return [own];
  if (speakers.length === 0) return [own, 'no speaker has reported'];
  const rows = speakers.map((speaker) => [speaker.node, speaker.version, speaker.version === client ? '' : 'differs']);
  return [own, '', ...tableLines(['node', 'speaker', ''], rows)];
}
