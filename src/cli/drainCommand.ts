import { Command, type CommanderError, InvalidArgumentError, Option } from 'commander';
import { type ClusterFlags, withCluster, withClusterOptions } from './clusterAccess.ts';
import { drainLines, drainNode, undrainLines, undrainNode } from './drain.ts';
import { type OutputFlags, exitWith, outputOption, print } from './output.ts';

/** Wrong usage is no answer: 1 would say that something is announced still. */
const usage = (error: CommanderError): never => process.exit(error.exitCode === 0 ? 0 : 2);

type Flags = ClusterFlags & OutputFlags;
type DrainFlags = Flags & { readonly wait?: true; readonly timeout: number };

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('a number of seconds, more than 0.');
  return value;
}

/** `heraldlb drain NODE`. Exit code 0: done; 1: with --wait, it announces something still; 2: it could not be asked. */
export function drainCommand(): Command {
  return withClusterOptions(
    new Command('drain').description('Takes a node out of service: others announce what it announced').argument('<node>'),
  )
    .addOption(outputOption())
    .exitOverride(usage)
    .option('--wait', 'until nothing is announced from the node any more')
    .addOption(new Option('--timeout <seconds>', 'with --wait').argParser(seconds).default(60))
    .action((node: string, { wait, timeout, ...flags }: DrainFlags) =>
      exitWith(async () => {
        const request = { node, namespace: flags.namespace, ...(wait === true ? { timeoutMs: timeout * 1000 } : {}) };
        const result = await withCluster(flags, (client) => drainNode(client, request));
        print(flags, result, () => drainLines(result));
        return wait === true && result.phase !== 'Drained' ? 1 : 0;
      }),
    );
}

/** `heraldlb undrain NODE`. */
export function undrainCommand(): Command {
  return withClusterOptions(new Command('undrain').description('Ends what `heraldlb drain` began').argument('<node>'))
    .addOption(outputOption())
    .exitOverride(usage)
    .action((node: string, flags: Flags) =>
      exitWith(async () => {
        const result = await withCluster(flags, (client) => undrainNode(client, node));
        print(flags, result, () => undrainLines(result));
        return 0;
      }),
    );
}
