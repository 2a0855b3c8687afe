import type { Problem } from '../src/config/problem.ts';
import type { EventRecorder } from '../src/host/kube/events.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import { type ObjectKey, type Resource, apiVersionOf, keyOf } from '../src/host/kube/resource.ts';
import type { StatusWriter } from '../src/host/kube/status.ts';
import type { Logger } from '../src/host/log.ts';
import type { PoolUsage } from '../src/ipam/poolSpace.ts';
import type { Word } from '../src/view/announced.ts';
import { type OutdatedKind, outdatedText } from '../src/view/definitions.ts';
import { configConditions, statusOf } from './configStatus.ts';
import type { ConfigObject, Configuration } from './configuration.ts';

export interface ConfigReportOptions {
  readonly statuses: StatusWriter;
  readonly events: EventRecorder;
  /** What is to be said of the sessions of a BGPPeer: null: nothing, undefined: what is said already. */
  readonly established: (peer: string) => Word | null | undefined;
  /** The definition of a kind in the cluster, where it has not all fields. */
  readonly outdated: (kind: string) => OutdatedKind | undefined;
  readonly log: Logger;
}

/** Writes conditions to every configuration object, and usage to the pools. */
export interface ConfigReport {
  readonly write: (configuration: Configuration, usage: ReadonlyMap<string, PoolUsage>) => void;
}

interface Reported {
  readonly object: KubeObject;
  readonly resource: Resource;
  /** The conditions, without their times. */
  readonly conditions: string;
}

export function createConfigReport({ statuses, events, established, outdated, log }: ConfigReportOptions): ConfigReport {
  let reported = new Map<string, Reported>();

  const reportOne = ({ resource, object }: ConfigObject, problems: readonly Problem[], usage: PoolUsage | undefined): Reported => {
    const id = idOf(resource, object);
    const ref = { namespace: object.metadata.namespace, name: object.metadata.name };
    const earlier = reported.get(id);
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const sessions = resource.kind === 'BGPPeer' ? established(ref.name) : null;
    const { conditions, notices } = configConditions(object, problems, now, sessions);
    const text = JSON.stringify(conditions.map(({ status, reason, message }) => [status, reason, message]));
    const isNews = earlier?.conditions !== text || earlier.object.metadata.uid !== object.metadata.uid;
    if (earlier?.object !== object) statuses.observed(resource, ref, statusOf(object));
    const status = { ...usage, conditions };
    const uid = object.metadata.uid;
    statuses.set(resource, ref, status, { urgency: isNews ? 'transition' : 'counters', ...(uid === undefined ? {} : { uid }) });
    if (isNews) {
      for (const { type, reason, message } of notices) {
        log.warn({ object: `${resource.kind} ${ref.name}`, reason }, message);
        events.event({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...ref, uid }, type, reason, message);
      }
    }
    return { object, resource, conditions: text };
  };

  const definitionProblems = (kind: string, name: string): Problem[] => {
    const found = outdated(kind);
    if (found === undefined) return [];
    return [{ object: { kind, name }, severity: 'warning', reason: 'CrdOutdated', path: '', message: outdatedText(found) }];
  };

  return {
    write: (configuration, usage) => {
      const problems = byObject(configuration.problems());
      const now = new Map<string, Reported>();
      for (const entry of configuration.objects()) {
        const { resource, object } = entry;
        const name = object.metadata.name;
        const counts = resource.kind === 'IPAddressPool' ? (usage.get(name) ?? NO_USAGE) : undefined;
        const found = [...(problems.get(`${resource.kind}/${name}`) ?? []), ...definitionProblems(resource.kind, name)];
        now.set(idOf(resource, object), reportOne(entry, found, counts));
      }
      for (const [id, { resource, object }] of reported) if (!now.has(id)) statuses.forget(resource, object.metadata);
      reported = now;
    },
  };
}

function byObject(problems: readonly Problem[]): Map<string, Problem[]> {
  const grouped = new Map<string, Problem[]>();
  for (const problem of problems) {
    const key = `${problem.object.kind}/${problem.object.name}`;
    const list = grouped.get(key);
    if (list === undefined) grouped.set(key, [problem]);
    else list.push(problem);
  }
  return grouped;
}

const NO_USAGE: PoolUsage = { assignedIPv4: 0, assignedIPv6: 0, availableIPv4: 0, availableIPv6: 0 };

function idOf(resource: Resource, object: KubeObject): ObjectKey {
  return `${resource.kind} ${keyOf(object.metadata)}`;
}
