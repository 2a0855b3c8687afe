import { Gauge, type Registry } from 'prom-client';
import { GROUP, VERSION } from '../src/api/kind.ts';
import { candidaciesOf } from '../src/announce/plan.ts';
import type { NodeStateStatus } from '../src/api/nodeState.ts';
import type { EventRecorder } from '../src/host/kube/events.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import { customResource } from '../src/host/kube/resource.ts';
import type { StatusWriter } from '../src/host/kube/status.ts';
import type { Logger } from '../src/host/log.ts';
import { wallNow } from './clock.ts';
import type { KubeSideOptions } from './kubeOptions.ts';
import { nodeStatus } from './nodeStatus.ts';
import { type Notice, Notices } from './notices.ts';
import type { Planned } from './planner.ts';
import type { Report } from './report.ts';
import type { Watches } from './watches.ts';

const NODE_STATES = customResource(GROUP, VERSION, 'nodestates', 'NodeState');

export interface TellerParts {
  readonly options: Pick<KubeSideOptions, 'node' | 'namespace' | 'version' | 'startedAt'>;
  readonly watches: Watches;
  readonly statuses: StatusWriter;
  readonly events: EventRecorder;
  readonly registry: Registry;
  readonly log: Logger;
}

/**
 * What comes within this time is told together. Telling goes through every Service, and must not be in the way of the next plan.
 */
const GATHER_MS = 100;

/** Tells the cluster what became of the plan: NodeState, events on Services, metrics. */
export class Teller {
  readonly #parts: TellerParts;
  readonly #notices: Notices;
  readonly #announced: Gauge<'service' | 'protocol' | 'node' | 'ip'>;
  #planned: Planned | undefined;
  #report: Report | undefined;
  #conditions: NodeStateStatus['conditions'];
  #essence = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: TellerParts) {
    this.#parts = parts;
    this.#notices = new Notices(parts.options.node);
    this.#announced = new Gauge({
      name: 'metallb_speaker_announced',
      help: '1 for every address of a Service that is announced from this node',
      labelNames: ['service', 'protocol', 'node', 'ip'],
      registers: [parts.registry],
    });
  }

  planned(planned: Planned): void {
    const before = this.#planned;
    this.#planned = planned;
    if (before === undefined || !sameStory(before, planned)) this.#tellSoon();
  }

  reported(report: Report): void {
    this.#report = report;
    this.#tellSoon();
  }

  stop(): void {
    clearTimeout(this.#timer);
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
    this.#writeState(planned, report);
    for (const notice of this.#notices.update(planned, report)) this.#event(notice);
    this.#count(planned, report);
  }

  #writeState(planned: Planned, report: Report): void {
    const { options, statuses } = this.#parts;
    const { node, namespace, version, startedAt } = options;
    const known = { version, startedAt, now: wallNow(), before: this.#conditions };
    const status = nodeStatus({ result: planned, report, problems: planned.secretProblems, ...known });
    this.#conditions = status.conditions;
    const essence = JSON.stringify([status.bgp?.map(({ peer, state }) => [peer, state]), status.claims, status.problems]);
    const urgency = essence === this.#essence ? 'counters' : 'transition';
    this.#essence = essence;
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
    const { namespace, name, uid } = view;
    this.#parts.log[type === 'Warning' ? 'warn' : 'info']({ service, reason }, message);
    this.#parts.events.event({ apiVersion: 'v1', kind: 'Service', namespace, name, uid }, type, reason, message);
  }

  #count({ plan, verdicts }: Planned, { claims, peers }: Report): void {
    const { node } = plan;
    this.#announced.reset();
    const held = new Set(claims.filter(({ phase }) => phase === 'claimed').map(({ ip }) => ip));
    for (const { ip, services } of candidaciesOf(plan).filter((claim) => held.has(claim.ip)))
      for (const service of services) this.#announced.set({ service, protocol: 'layer2', node, ip }, 1);
    const up = new Set(peers.filter(({ state }) => state === 'Established').map(({ name }) => name));
    for (const { service, bgp, addresses } of verdicts) {
      if (!bgp.announced || bgp.peers?.some((peer) => up.has(peer)) !== true) continue;
      for (const ip of addresses) this.#announced.set({ service, protocol: 'bgp', node, ip }, 1);
    }
  }
}

/** Most passes find that nothing is different, and then share all they found. */
function sameStory(a: Planned, b: Planned): boolean {
  const isSamePlan = a.plan.generation === b.plan.generation && a.verdicts === b.verdicts;
  return isSamePlan && a.secretProblems === b.secretProblems && a.speaksForAll === b.speaksForAll;
}
