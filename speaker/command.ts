import { hostname } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_DRAIN_TRIGGERS, type DrainTrigger } from '../src/announce/drain.ts';
import { drainTriggersText, parseDrainTriggers } from '../src/announce/drainTriggers.ts';
import { LOG_LEVELS } from '../src/host/log.ts';
import type { Flags } from './flags.ts';

/** MetalLB's list: interfaces of the node that no client is behind. */
const CONTAINER_INTERFACES = '^(docker|cbr|dummy|virbr|lxcbr|veth|cali|tunl|flannel|kube-ipvs|cni|nodelocaldns|lxc)';

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError('a port is 0 to 65535.');
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError('a number of seconds, 0 or more.');
  return value;
}

function expression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError('not a regular expression.');
  }
}

function triggers(list: string): readonly DrainTrigger[] {
  const found = parseDrainTriggers(list);
  if ('fault' in found) throw new InvalidArgumentError(`${found.fault}.`);
  return found;
}

/** `heraldlb speaker`. The program itself is loaded only when the command runs. */
export function speakerCommand(): Command {
  return new Command('speaker')
    .description('Announces addresses from this node by BGP, ARP and neighbour discovery; one runs on every node')
    .addOption(new Option('--node-name <name>', "the Node's name").env('HERALDLB_NODE_NAME').default(hostname()))
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, ~/.kube/config, then the service account of the pod')
    .addOption(new Option('--namespace <name>', 'where the configuration objects are').env('HERALDLB_NAMESPACE').default('heraldlb-system'))
    .addOption(new Option('--api-group <group>', 'metallb.io reads the objects of MetalLB').default('heraldlb.io'))
    .option('--lb-class <class>', 'handle only Services of this loadBalancerClass; default: those without one')
    .addOption(new Option('--log-level <level>').choices(LOG_LEVELS).default('info'))
    .addOption(new Option('--metrics-port <port>', 'metrics and probes; 0 takes a free one').argParser(port).default(7482))
    .addOption(new Option('--metrics-address <address>', 'default: all addresses').default(''))
    .option('--no-metallb-metrics', 'leave out the metrics that have the names of MetalLB')
    .addOption(new Option('--metallb-metrics', 'the default').default(true).hideHelp())
    .addOption(new Option('--bgp-listen-port <port>', 'where routers may connect; 0: only dial').argParser(port).default(179))
    .addOption(
      new Option('--exclude-interfaces <regex>', 'interfaces that never answer ARP or neighbour discovery')
        .argParser(expression)
        .default(new RegExp(CONTAINER_INTERFACES), CONTAINER_INTERFACES),
    )
    .addOption(
      new Option('--l2-repeat-seconds <seconds>', 'how often an address is announced again; 0: never').argParser(seconds).default(60),
    )
    .addOption(
      new Option('--drain-on <list>', 'what takes a node out of service: cordon, label, deletion, shutdown, taint:KEY; or none')
        .env('HERALDLB_DRAIN_ON')
        .argParser(triggers)
        .default(DEFAULT_DRAIN_TRIGGERS, drainTriggersText(DEFAULT_DRAIN_TRIGGERS)),
    )
    .addOption(
      new Option('--drain-wait-seconds <seconds>', 'between the notice to the routers and the withdrawal')
        .env('HERALDLB_DRAIN_WAIT_SECONDS')
        .argParser(seconds)
        .default(5),
    )
    .addOption(new Option('--mesh-port <port>', 'UDP, where speakers hear whether the others live').argParser(port).default(7483))
    .addOption(
      new Option('--l2-failback <policy>', 'when a node that is back takes layer-2 addresses from those that have them')
        .choices(['immediate', 'delayed', 'never'])
        .default('delayed'),
    )
    .addOption(new Option('--l2-failback-seconds <seconds>', 'of the policy delayed').argParser(seconds).default(30))
    .option('--record <file>', 'write every input of the protocol machines to a file, as JSON lines')
    .action(run);
}

/** What the manifests say to Node.js, as far as a running program can: docs/decisions/0013-memory-of-a-speaker.md. */
function keepSmall(): void {
  setFlagsFromString('--optimize-for-size');
  // Marking begins, bit by bit, when this percentage of the room is taken that V8 lets a heap grow into before it collects all of it.
  setFlagsFromString('--incremental-marking-soft-trigger=30');
  setFlagsFromString('--incremental-marking-hard-trigger=40');
  // For the worker, whose world is made after this.
  setFlagsFromString('--expose-gc');
}

async function run(options: Omit<Flags, 'version'>, command: Command): Promise<void> {
  keepSmall();
  const { startSpeaker } = await import('./main.ts');
  const speaker = await startSpeaker({ ...options, version: command.parent?.version() ?? 'unknown' });
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  await speaker.close();
  process.exit();
}
