import type { Registry } from 'prom-client';
import { type DrainReason, drainText } from '../src/announce/drain.ts';
import type { DrainNews } from '../src/announce/drainPhase.ts';
import { registerAnnounced } from './announcedMetrics.ts';
import { GROUP, VERSION } from '../src/api/kind.ts';
import type { NodeStateStatus } from '../src/api/nodeState.ts';
import { deepEqual } from '../src/host/kube/deepEqual.ts';
import { type EventRecorder, MAX_WAITING } from '../src/host/kube/events.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import { customResource } from '../src/host/kube/resource.ts';
import type { StatusWriter } from '../src/host/kube/status.ts';
import type { Logger } from '../src/host/log.ts';
import { wallNow } from './clock.ts';
import type { DrainKeeper } from './drainKeeper.ts';
import { registerDrain } from './drainMetrics.ts';
import type { KubeSideOptions } from './kubeOptions.ts';
import { announcedCount, nodeStatus } from './nodeStatus.ts';
import { logNotices } from './noticeLog.ts';
import { type Notice, Notices } from './notices.ts';
import type { Planned } from './planner.ts';
import { Heard } from './heard.ts';
import type { HeardReport, ReportNews } from './report.ts';
import type { Watches } from './watches.ts';

const NODE_STATES = customResource(GROUP, VERSION, 'nodestates', 'NodeState');

export interface TellerParts {
  readonly options: Pick<KubeSideOptions, 'node' | 'namespace' | 'version' | 'startedAt' | 'metallbMetrics'>;
  readonly watches: Watches;
  readonly statuses: StatusWriter;
  readonly events: EventRecorder;
  readonly registry: Registry;
  readonly log: Logger;
  readonly drain: Pick<DrainKeeper, 'left' | 'status'>;
}

/**
 * What comes within this time is told together. Telling goes through every Service, and must not be in the way of the next plan.
 */
const GATHER_MS = 100;
/** Events that are handed over before the server has got those before them. */
const MAX_AHEAD = 200;

const NEWS: Readonly<Record<DrainNews, (why: string) => string>> = {
  DrainStarted: (why) => `what is announced from here is being handed over: ${why}`,
  Drained: (why) => `nothing is announced from here any more: ${why}`,
  DrainEnded: () => 'the node announces again',
};

/** Tells the cluster what became of the plan: NodeState, events on Services, metrics. */
export class Teller {
  readonly #parts: TellerParts;
  readonly #notices: Notices;
  readonly #announced: ReturnType<typeof registerAnnounced>;
  #planned: Planned | undefined;
  readonly #heard = new Heard();
  #report: HeardReport | undefined;
  #conditions: NodeStateStatus['conditions'];
  #told: NodeStateStatus | undefined;
  #timer: NodeJS.Timeout | undefined;
  #feeding: NodeJS.Timeout | undefined;
  readonly #events: Notice[] = [];

  constructor(parts: TellerParts) {
    this.#parts = parts;
    this.#notices = new Notices(parts.options.node, parts.watches.sources.names);
    this.#announced = registerAnnounced(parts.registry, parts.options.metallbMetrics ?? true);
    registerDrain(parts.registry, () => parts.drain.status());
  }

  /** On the Node, where whoever drains it looks. */
  drainNews(news: DrainNews, reason: DrainReason): void {
    const { options, watches, events, log } = this.#parts;
    const { node: name } = options;
    const message = NEWS[news](drainText(reason));
    log.info({ reason: news }, message);
    const uid = watches.nodes.store.get(name)?.uid;
    events.event({ apiVersion: 'v1', kind: 'Node', name, uid }, 'Normal', news, message);
    this.#tellSoon();
  }

  planned(planned: Planned): void {
    const before = this.#planned;
    this.#planned = planned;
    if (before === undefined || !sameStory(before, planned)) this.#tellSoon();
  }

  /** @param page of the registry @returns the whole page, piece by piece */
  metrics(page: string): Iterable<string> {
    return this.#announced.page(page);
  }

  reported(news: ReportNews): void {
    this.#report = this.#heard.hear(news);
    this.#tellSoon();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#feeding);
  }

  #tellSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#tell();
    }, GATHER_MS);
  }

  #tell(): void {
    const [planned, report] = [this.#planned, this.#report];
    // A report of an older plan would be taken for what became of this one.
    if (planned === undefined || report === undefined || report.generation !== planned.plan.generation) return;
    const { drain } = this.#parts;
    if (drain.status() !== undefined) drain.left(announcedCount(planned, report));
    this.#writeState(planned, report);
    let dropped = 0;
    this.#notices.update(planned, report, (notice) => {
      if (this.#events.length < MAX_WAITING) this.#events.push(notice);
      else dropped += 1;
    });
    if (dropped > 0) this.#parts.events.dropped(dropped);
    this.#feed();
    this.#announced.count(planned, report);
  }

  /**
   * Thousands come at once when a speaker begins, and wait in the shortest form there is. Their lines in the log wait with them: the
   * other thread writes it, and what it has not yet written is kept line by line. Those of Services that are gone by then are told all the same.
   */
  #feed(): void {
    const room = MAX_AHEAD - this.#parts.events.waiting();
    const now = this.#events.splice(0, Math.max(0, room));
    logNotices(this.#parts.log, now);
    for (const notice of now) this.#event(notice);
    if (this.#events.length === 0) return;
    this.#feeding ??= setTimeout(() => {
      this.#feeding = undefined;
      this.#feed();
    }, GATHER_MS);
  }

  #writeState(planned: Planned, report: HeardReport): void {
    const { options, statuses, drain } = this.#parts;
    const { node, namespace, version, startedAt } = options;
    const known = { version, startedAt, now: wallNow(), before: this.#conditions, drain: drain.status() };
    const status = nodeStatus({ result: planned, report, problems: planned.secretProblems, ...known });
    this.#conditions = status.conditions;
    const urgency = this.#told !== undefined && deepEqual(essenceOf(this.#told), essenceOf(status)) ? 'counters' : 'transition';
    this.#told = status;
    statuses.set(NODE_STATES, { namespace, name: node }, status, { mode: 'apply', urgency, create: this.#ownState() });
  }

  /** Goes with its Node. */
  #ownState(): KubeObject {
    const { node: name, namespace } = this.#parts.options;
    const uid = this.#parts.watches.nodes.store.get(name)?.uid;
    const owners = uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] };
    return { apiVersion: `${GROUP}/${VERSION}`, kind: 'NodeState', metadata: { namespace, name, ...owners }, spec: {} };
  }

  #event({ service, type, reason, message }: Notice): void {
    const view = this.#parts.watches.services.store.get(service);
    if (view === undefined) return;
    const [namespace, name] = service.split('/') as [string, string];
    const { uid } = view;
    this.#parts.events.event({ apiVersion: 'v1', kind: 'Service', namespace, name, uid }, type, reason, message);
  }
}

/** What people wait for. */
function essenceOf({ bgp, claims, problems, drain }: NodeStateStatus): object {
  return { sessions: bgp?.map(({ peer, state }) => [peer, state]), claims, problems, drain };
}

/** Most passes find that nothing is different, and then share all they found. */
function sameStory(a: Planned, b: Planned): boolean {
  const isSamePlan = a.plan.generation === b.plan.generation && a.verdicts === b.verdicts;
  return isSamePlan && a.secretProblems === b.secretProblems && a.speaksForAll === b.speaksForAll;
}
