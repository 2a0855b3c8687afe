import { configResource } from '../../src/host/kube/configResource.ts';
import type { EventRecorder, Lasting, ObjectReference } from '../../src/host/kube/events.ts';
import { DEFINITIONS, apiVersionOf } from '../../src/host/kube/resource.ts';
import type { KubeObject } from '../../src/host/kube/objects.ts';
import type { Logger } from '../../src/host/log.ts';
import { ESTABLISHED, type Word, establishedWord } from '../../src/view/announced.ts';
import { type Finding, findingsOf } from '../../src/view/findings.ts';
import type { Look } from '../../src/view/lookout.ts';
import { unreadCause } from '../../src/view/unread.ts';
import type { Situation } from '../../src/view/situation.ts';
import { conditionsOf } from '../configStatus.ts';

export interface TellerOptions {
  readonly namespace: string;
  /** Of the configuration. */
  readonly apiGroup: string;
  readonly events: EventRecorder;
  /** What is seen for so long is told. */
  readonly settleMs: number;
  /** Of the object as it is stored. */
  readonly storedPeer: (name: string) => KubeObject | undefined;
  /** A BGPPeer's condition is to be another one. */
  readonly onPeer: () => void;
  /** Look again: something will have been there for long enough. */
  readonly again: (ms: number) => void;
  readonly log: Logger;
}

interface Standing {
  readonly word: Word;
  readonly sinceMs: number;
}

/**
 * Tells what is wrong and is no matter of one Service: of sessions on their BGPPeer, of nodes on their Node, of the whole on the namespace.
 * What is wrong in the configuration is told with its conditions.
 */
export class Teller {
  readonly #options: TellerOptions;
  /** What was found and when, told or not. */
  readonly #found = new Map<string, { readonly sinceMs: number; readonly lasting: Lasting; told: boolean }>();
  /** What the first look finds may have been told by the leader before. */
  #isFirst = true;
  readonly #standings = new Map<string, Standing>();
  /** By BGPPeer; null: it has no session to have. */
  readonly #words = new Map<string, Word | null>();

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  /** Undefined: not known yet, so that what is written stays. */
  peer(name: string): Word | null | undefined {
    return this.#words.get(name);
  }

  /** @param look undefined: not everything is listed yet @param missing lists that are not in */
  look(look: Look | undefined, missing: readonly string[]): void {
    const nowMs = performance.now();
    const { nodes = [] } = look?.situation ?? {};
    const uids = new Map(nodes.map(({ name, uid }) => [name, uid]));
    for (const { name, uid } of look?.situation.outdated ?? []) uids.set(name, uid);
    const unread = missing.map((message): Finding => ({ severity: 'warning', cause: unreadCause(message), nodes: [] }));
    const seen = look === undefined ? [] : findingsOf({ ...look.situation, problems: [] }, look.judge.sessions);
    const waits = [
      this.#findings([...unread, ...seen], uids, nowMs),
      look === undefined ? Infinity : this.#peers(look.situation, look.judge, nowMs),
    ];
    if (look !== undefined) this.#isFirst = false;
    const least = Math.min(...waits);
    if (Number.isFinite(least)) this.#options.again(Math.max(100, least));
  }

  /** @returns after how long something is to be told */
  #findings(findings: readonly Finding[], uids: ReadonlyMap<string, string>, nowMs: number): number {
    const { settleMs } = this.#options;
    const seen = new Set<string>();
    let waitMs = Infinity;
    for (const finding of findings) {
      for (const object of this.#objectsOf(finding, uids)) {
        const key = `${finding.cause.reason} ${object.kind}/${object.name}`;
        seen.add(key);
        const known = this.#found.get(key) ?? { sinceMs: nowMs, lasting: this.#isFirst ? 'before' : 'now', told: false };
        this.#found.set(key, known);
        if (known.told) continue;
        if (nowMs - known.sinceMs < settleMs) waitMs = Math.min(waitMs, settleMs - (nowMs - known.sinceMs));
        else {
          known.told = true;
          this.#event(object, 'Warning', finding.cause, known.lasting);
        }
      }
    }
    for (const key of this.#found.keys()) if (!seen.has(key)) this.#found.delete(key);
    return waitMs;
  }

  #objectsOf({ about, nodes }: Finding, uids: ReadonlyMap<string, string>): ObjectReference[] {
    const { namespace } = this.#options;
    const node = (name: string): ObjectReference => ({ apiVersion: 'v1', kind: 'Node', name, uid: uids.get(name) });
    // Of sessions the peer's condition tells.
    if (about?.kind === 'BGPPeer') return [];
    if (about?.kind === 'Node') return [node(about.name)];
    if (about?.kind === DEFINITIONS.kind)
      return [{ apiVersion: apiVersionOf(DEFINITIONS), kind: about.kind, name: about.name, uid: uids.get(about.name) }];
    if (nodes.length > 0) return nodes.map(node);
    return [{ apiVersion: 'v1', kind: 'Namespace', namespace, name: namespace }];
  }

  /** @returns after how long the condition of some peer is to be another one */
  #peers({ config }: Situation, { sessions }: Look['judge'], nowMs: number): number {
    const { settleMs } = this.#options;
    let waitMs = Infinity;
    for (const { name } of config.peers) {
      const word = establishedWord(sessions.filter(({ peer }) => peer === name));
      if (word === undefined) {
        this.#standings.delete(name);
        this.#adopt(name, null);
        continue;
      }
      const before = this.#standings.get(name);
      const isSame = before?.word.status === word.status && before.word.reason === word.reason;
      const sinceMs = isSame ? before.sinceMs : nowMs;
      this.#standings.set(name, { word, sinceMs });
      const leftMs = settleMs - (nowMs - sinceMs);
      if (leftMs > 0) waitMs = Math.min(waitMs, leftMs);
      else this.#adopt(name, word);
    }
    return waitMs;
  }

  #adopt(name: string, word: Word | null): void {
    const before = this.#words.get(name);
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(word)) return;
    this.#words.set(name, word);
    this.#options.onPeer();
    const { apiGroup, namespace, storedPeer } = this.#options;
    const stored = storedPeer(name);
    // What the leader before has written it has told, too.
    const told = before === undefined ? conditionsOf(stored).find(({ type }) => type === ESTABLISHED)?.reason : before?.reason;
    if (word === null || told === word.reason) return;
    const isWell = word.reason === 'Established';
    // That all is well is news only after it was not.
    if (isWell && told === undefined) return;
    const apiVersion = apiVersionOf(configResource(apiGroup, 'BGPPeer'));
    const object = { apiVersion, kind: 'BGPPeer', namespace, name, uid: stored?.metadata.uid };
    this.#event(object, isWell ? 'Normal' : 'Warning', word);
  }

  #event(
    object: ObjectReference,
    type: 'Normal' | 'Warning',
    { reason, message }: Pick<Word, 'reason' | 'message'>,
    lasting?: Lasting,
  ): void {
    const { events, log } = this.#options;
    log[type === 'Warning' ? 'warn' : 'info']({ object: `${object.kind} ${object.name}`, reason }, message);
    events.event(object, type, reason, message, lasting);
  }
}
