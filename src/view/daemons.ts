import type { DrainTrigger } from '../announce/drain.ts';
import { parseDrainTriggers } from '../announce/drainTriggers.ts';
import { integer, items, labels, record, text } from '../cluster/json.ts';

/** A Pod of HeraldLB itself. */
export interface DaemonView {
  readonly pod: string;
  readonly component: string;
  readonly node: string;
  readonly ready: boolean;
  readonly arguments: readonly string[];
}

/** The controller as its lease and its Pods show it. */
export interface ControllerView {
  readonly running: boolean;
  /** Who holds the lease, and may have let it run out. */
  readonly leader?: string;
  readonly leadsSince?: string;
  readonly renewedSecondsAgo?: number;
  /** Replicas that are ready; absent where no Pods are seen. */
  readonly replicas?: { readonly ready: number; readonly all: number };
}

export function projectDaemon(object: unknown): DaemonView[] {
  const metadata = record(record(object)?.['metadata']);
  const pod = text(metadata?.['name']);
  const component = labels(metadata?.['labels'])['app.kubernetes.io/component'];
  if (pod === undefined || component === undefined) return [];
  const spec = record(record(object)?.['spec']) ?? {};
  const conditions = items(record(record(object)?.['status'])?.['conditions']).map(record);
  return [
    {
      pod,
      component,
      node: text(spec['nodeName']) ?? '',
      ready: conditions.some((condition) => condition?.['type'] === 'Ready' && condition['status'] === 'True'),
      arguments: items(spec['containers'])
        .flatMap((container) => [...items(record(container)?.['command']), ...items(record(container)?.['args'])])
        .filter((word) => typeof word === 'string'),
    },
  ];
}

/** The class that the controller handles, as it was told on its command line. */
export function classOf(daemons: readonly DaemonView[]): string | undefined {
  return optionOf(daemons, 'controller', '--lb-class');
}

/** What takes nodes out of service, as the speakers were told on theirs; undefined: what does so by itself. */
export function triggersOf(daemons: readonly DaemonView[]): readonly DrainTrigger[] | undefined {
  const found = parseDrainTriggers(optionOf(daemons, 'speaker', '--drain-on') ?? '');
  return 'fault' in found ? undefined : found;
}

function optionOf(daemons: readonly DaemonView[], of: string, option: string): string | undefined {
  for (const { component, arguments: words } of daemons) {
    if (component !== of) continue;
    const at = words.findIndex((word) => word === option || word.startsWith(`${option}=`));
    if (at !== -1) return words[at] === option ? words[at + 1] : words[at]?.slice(option.length + 1);
  }
  return undefined;
}

/** A leader renews every two seconds; clocks of machines differ by more than that. */
const OVERDUE_S = 60;

/**
 * @param daemons undefined: may not be listed
 * @param nowMs milliseconds since 1970
 * @param renewed whether the lease was seen to be renewed: that counts more than clocks
 */
export function controllerView(
  lease: unknown,
  daemons: readonly DaemonView[] | undefined,
  nowMs: number,
  renewed?: boolean,
): ControllerView {
  const seen = replicasOf(daemons ?? []);
  const leads = leadershipOf(lease, renewed === true ? Date.parse(renewTimeOf(lease) ?? '') : nowMs);
  if (leads !== undefined && renewed === false) return { ...leads, running: false, ...seen };
  if (leads !== undefined) return { ...leads, ...seen };
  // Without leader election there is no lease. What may not be looked at is not accused.
  const isUnseen = daemons === undefined || (seen.replicas?.ready ?? 0) > 0;
  return { running: lease === undefined && isUnseen, ...seen };
}

export function renewTimeOf(lease: unknown): string | undefined {
  return text(record(record(lease)?.['spec'])?.['renewTime']);
}

/** undefined: nobody holds the lease. */
function leadershipOf(lease: unknown, nowMs: number): ControllerView | undefined {
  const spec = record(record(lease)?.['spec']) ?? {};
  const leader = text(spec['holderIdentity']) ?? '';
  if (leader === '') return undefined;
  const age = ageSeconds(spec['renewTime'], nowMs);
  return {
    running: age <= (integer(spec['leaseDurationSeconds']) ?? 0) + OVERDUE_S,
    leader,
    leadsSince: text(spec['acquireTime']) ?? '',
    ...(Number.isFinite(age) ? { renewedSecondsAgo: age } : {}),
  };
}

function replicasOf(daemons: readonly DaemonView[]): Pick<ControllerView, 'replicas'> {
  const replicas = daemons.filter(({ component }) => component === 'controller');
  return replicas.length === 0 ? {} : { replicas: { ready: replicas.filter(({ ready }) => ready).length, all: replicas.length } };
}

function ageSeconds(time: unknown, nowMs: number): number {
  const timeMs = Date.parse(text(time) ?? '');
  return Number.isNaN(timeMs) ? Infinity : Math.max(0, Math.round((nowMs - timeMs) / 1000));
}
