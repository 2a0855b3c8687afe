import { hostname } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { LOG_LEVELS } from '../src/host/log.ts';
import type { Flags } from './flags.ts';

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError('a port is 0 to 65535.');
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (text === '' || !(value >= 0.1 && value <= 3600)) throw new InvalidArgumentError('seconds are 0.1 to 3600.');
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
    .addOption(
      new Option('--glass-port <port>', 'serve the looking glass here; default: no page').env('HERALDLB_GLASS_PORT').argParser(port),
    )
    .addOption(new Option('--glass-address <address>', 'of the looking glass').env('HERALDLB_GLASS_ADDRESS').default('127.0.0.1'))
    .addOption(
      new Option('--glass-auth <how>', 'who may look: those whose token may list NodeStates and Services, or all')
        .choices(['token', 'none'])
        .default('token'),
    )
    .option('--glass-anonymous', 'allow --glass-auth none on addresses that others can reach', false)
    .option('--glass-docs <url>', 'where reason codes link to; default: the page brings its own')
    .option('--no-announced', 'do not write the condition Announced of Services: without it the controller reads no EndpointSlices')
    .addOption(new Option('--announced', 'the default').default(true).hideHelp())
    .addOption(
      new Option(
        '--announced-settle <seconds>',
        'so long Announced has to have changed before it is written; its reason alone three times as long',
      )
        .argParser(seconds)
        .default(3),
    )
    .option('--no-leader-elect', 'only where this is the one controller')
    .addOption(new Option('--leader-elect', 'the default').default(true).hideHelp())
    .addOption(new Option('--identity <name>', 'name in the lease, unique among the replicas').env('HERALDLB_IDENTITY').default(hostname()))
    .action(run);
}

async function run(flags: Flags, command: Command): Promise<void> {
  const { startController } = await import('./main.ts');
  const controller = await startController({ ...flags, version: command.parent?.version() ?? 'unknown' });
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  await controller.close();
}
