import { Command, InvalidArgumentError, Option } from 'commander';
import { type ClusterFlags, withCluster, withClusterOptions } from './clusterAccess.ts';
import { planDrill, runDrill } from './drill/failover.ts';
import { gapText } from './drill/gap.ts';
import { type OutputFlags, exitWith, outputOption, print } from './output.ts';

interface Flags extends ClusterFlags, OutputFlags {
  readonly yes?: true;
  readonly mode: 'drain';
  readonly interval: number;
  readonly limit: number;
}

function number(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('a number above 0.');
  return value;
}

/** `heraldlb drill failover`. Exit code 0: another node took over, 1: none did, or nothing was done without --yes, 2: it could not be done. */
export function drillCommand(): Command {
  const failover = new Command('failover')
    .description('Moves an address of layer 2 to another node, measures how long clients notice it, and moves it back')
    .argument('<namespace/service>')
    .option('--yes', 'really do it: the node that owns the address hands over all that it announces')
    .addOption(new Option('--mode <mode>', 'how the owner is taken out').choices(['drain']).default('drain'))
    .addOption(new Option('--interval <ms>', 'one connection each so many milliseconds').argParser(number).default(20))
    .addOption(new Option('--limit <seconds>', 'how long to wait for another owner').argParser(number).default(60))
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .addOption(outputOption());
  return new Command('drill')
    .description('Rehearses a failure')
    .addCommand(withClusterOptions(failover).action((service: string, flags: Flags) => exitWith(() => run(service, flags))));
}

async function run(service: string, flags: Flags): Promise<0 | 1> {
  if (!/^[^/]+\/[^/]+$/.test(service)) throw new Error(`"${service}" is not namespace/name of a Service`);
  return withCluster(flags, async (client) => {
    const plan = await planDrill(client, service, flags.namespace);
    if (flags.yes !== true) {
      const lines = [
        `${plan.owner} owns ${plan.vip}: it would be drained, ${plan.vip} port ${plan.port} watched, and the drain taken back.`,
      ];
      print(flags, { ...plan, done: false }, () => [...lines, 'Nothing was done. Say --yes to do it.']);
      return 1;
    }
    const stop = new AbortController();
    const interrupt = (): void => stop.abort(new Error('interrupted'));
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    const { namespace, interval, limit } = flags;
    const result = await runDrill(client, plan, {
      namespace,
      intervalMs: interval,
      limitMs: limit * 1000,
      settleMs: 2000,
      say,
      signal: stop.signal,
    });
    print(flags, { ...result, done: true }, () => [
      `${result.vip}: ${result.owner} -> ${result.newOwner ?? 'nobody'}`,
      gapText(result.gap),
    ]);
    return result.newOwner === undefined ? 1 : 0;
  });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
