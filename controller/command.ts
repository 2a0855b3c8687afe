import { hostname } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { LOG_LEVELS } from '../src/host/log.ts';
import type { Flags } from './flags.ts';

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError('a port is 0 to 65535.');
  return value;
}

/** `heraldlb controller`. The program itself is loaded only when the command runs. */
export function controllerCommand(): Command {
  return new Command('controller')
    .description('Assigns addresses to Services of type LoadBalancer; several may run, one leads')
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, ~/.kube/config, then the service account of the pod')
    .addOption(
      new Option('--namespace <name>', 'where the configuration objects and the lease are')
        .env('HERALDLB_NAMESPACE')
        .default('heraldlb-system'),
    )
    .addOption(new Option('--api-group <group>', 'metallb.io reads the objects of MetalLB').default('heraldlb.io'))
    .option('--lb-class <class>', 'handle only Services of this loadBalancerClass; default: those without one')
    .addOption(new Option('--log-level <level>').choices(LOG_LEVELS).default('info'))
    .addOption(new Option('--metrics-port <port>', 'metrics and probes; 0 takes a free port').argParser(port).default(7481))
    .addOption(new Option('--metrics-address <address>', 'default: all addresses').default(''))
    .option('--no-metallb-metrics', 'leave out the metrics that have the names of MetalLB')
    .addOption(new Option('--metallb-metrics', 'the default').default(true).hideHelp())
    .addOption(
      new Option('--webhook-port <port>', 'answer admission reviews here; default: no webhook')
        .env('HERALDLB_WEBHOOK_PORT')
        .argParser(port),
    )
    .option('--no-leader-elect', 'only where this is the one controller')
    .addOption(new Option('--leader-elect', 'the default').default(true).hideHelp())
    .addOption(new Option('--identity <name>', 'name in the lease, unique among the replicas').env('HERALDLB_IDENTITY').default(hostname()))
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const { startController } = await import('./main.ts');
  const controller = await startController(flags);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  await controller.close();
}
