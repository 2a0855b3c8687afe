import { Command, type CommanderError, InvalidArgumentError, Option } from 'commander';
import type { KubeClient } from '../host/kube/kubeClient.ts';
import { readCluster } from '../view/cluster.ts';
import { type ClusterFlags, withCluster, withClusterOptions } from './clusterAccess.ts';
import { type DrillPlan, chooseDrill } from './drill/choose.ts';
import { runDrill } from './drill/failover.ts';
import { gapText } from './drill/gap.ts';
import { guardDrain, startGuard } from './drill/restore.ts';
import { listCluster } from './listCluster.ts';
import { type OutputFlags, exitWith, outputOption, print } from './output.ts';

interface Flags extends ClusterFlags, OutputFlags {
  readonly yes?: true;
  readonly mode: 'drain';
  readonly node?: string;
  readonly lbClass?: string;
  readonly interval: number;
  readonly limit: number;
}

function number(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('a number above 0.');
  return value;
}

const usage = (error: CommanderError): never => process.exit(error.exitCode === 0 ? 0 : 2);

/** `heraldlb drill failover`. Exit code 0: another node took over, 1: none did, or nothing was done without --yes, 2: it could not be done. */
export function drillCommand(): Command {
  const failover = new Command('failover')
    .description('Takes a node that announces a Service out, measures how long clients notice it, and puts it back')
    .argument('<namespace/service>')
    .option('--yes', 'really do it: the node hands over all that it announces')
    .option('--node <name>', 'the one to take out; default: the owner of the address, or the first node that announces it')
    .option('--lb-class <class>', 'that HeraldLB handles; default: as its controller was told')
    .addOption(new Option('--mode <mode>', 'how the owner is taken out').choices(['drain']).default('drain'))
    .addOption(new Option('--interval <ms>', 'one connection each so many milliseconds').argParser(number).default(20))
    .addOption(new Option('--limit <seconds>', 'how long to wait for another owner').argParser(number).default(60))
    .exitOverride(usage)
    .addOption(outputOption());
  return new Command('drill')
    .description('Rehearses a failure')
    .exitOverride(usage)
    .addCommand(withClusterOptions(failover).action((service: string, flags: Flags) => exitWith(() => run(service, flags))))
    .addCommand(guardCommand(), { hidden: true });
}

/** The process that takes the drain back when the drill was killed; for the drill alone. */
function guardCommand(): Command {
  const command = withClusterOptions(new Command('guard').argument('<node>'));
  return command.action((node: string, flags: ClusterFlags) =>
    exitWith(async () => {
      // Its input ends with the drill, whatever ended that.
      await withCluster(flags, (client) => guardDrain(client, node, process.stdin));
      return 0;
    }),
  );
}

async function run(service: string, flags: Flags): Promise<0 | 1> {
  if (!/^[^/]+\/[^/]+$/.test(service)) throw new Error(`"${service}" is not namespace/name of a Service`);
  return withCluster(flags, async (client) => {
    const plan = await planDrill(client, service, flags);
    if (flags.yes === true) return drill(client, plan, flags);
    const { owner, vip, port, successors } = plan;
    print(flags, { ...plan, done: false }, () => [
      `${owner} announces ${vip}: it would be drained, ${vip} port ${port} watched, and the drain taken back. Could take over: ${successors.join(', ')}.`,
      'Nothing was done. Say --yes to do it.',
    ]);
    return 1;
  });
}

async function planDrill(client: KubeClient, service: string, flags: Flags): Promise<DrillPlan> {
  const objects = await listCluster(client, flags);
  const { apiGroup, lbClass, node } = flags;
  const cluster = readCluster(objects, { nowMs: Date.now(), apiGroup, ...(lbClass === undefined ? {} : { loadBalancerClass: lbClass }) });
  return chooseDrill(cluster, service, node);
}

async function drill(client: KubeClient, plan: DrillPlan, flags: Flags): Promise<0 | 1> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new Error('interrupted'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, interrupt);
  const guard = startGuard(['drill', 'guard', plan.owner, ...clusterWords(flags)]);
  const { namespace, interval, limit } = flags;
  const result = await runDrill(client, plan, {
    namespace,
    intervalMs: interval,
    limitMs: limit * 1000,
    settleMs: 2000,
    say,
    signal: stop.signal,
  });
  guard.dismiss();
  const isTaken = result.takenOver.length > 0;
  print(flags, { ...result, done: true }, () => [
    `${result.vip}: ${result.owner} -> ${isTaken ? result.takenOver.join(', ') : 'nobody'}`,
    gapText(result.gap),
  ]);
  return isTaken ? 0 : 1;
}

function clusterWords({ kubeconfig, namespace }: ClusterFlags): string[] {
  return ['--namespace', namespace, ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig])];
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
