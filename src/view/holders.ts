import type { Prospect } from '../announce/prospects.ts';
import type { Ip } from '../net/ip.ts';
import { type Cause, type Group, explainCause, ineligibleCause, makeCause, nodeProblemCause, some } from './cause.ts';
import type { NodeProblem, NodeStateView } from './nodeState.ts';
import { type Situation, speakerRuns } from './situation.ts';

/** A node that has to do with an address in layer 2. */
export interface Holder {
  readonly node: string;
  readonly onWire: boolean;
  /** RFC 3339. */
  readonly since?: string;
  readonly interfaces?: readonly string[];
}

export interface Held {
  readonly holders: readonly Holder[];
  readonly causes: readonly Group[];
}

/** What a node itself says of an address. */
interface Word {
  readonly node: string;
  readonly claim: NodeStateView['claims'][number] | undefined;
  readonly problems: readonly NodeProblem[];
}

const NOBODY: Held = { holders: [], causes: [] };

/**
 * Who answers for an address in layer 2, or has to. The plan knows Kubernetes alone; the speakers find the owner out among themselves, and
 * know earlier who lives. So it is their word that counts.
 */
export class Holders {
  readonly #situation: Situation;
  readonly #words = new Map<string, Word[]>();
  readonly #running: ReadonlySet<string>;
  /** Of each address; the same for all Services that are alike. */
  readonly #candidates = new WeakMap<Prospect, ReadonlySet<string>[]>();

  constructor(situation: Situation) {
    this.#situation = situation;
    this.#running = new Set(situation.nodes.map(({ name }) => name).filter((name) => speakerRuns(situation, name)));
    for (const { node, claims, problems } of situation.states.values()) {
      if (!this.#running.has(node)) continue;
      const about = new Map<string, NodeProblem[]>();
      for (const problem of problems)
        if (problem.object !== undefined) about.set(problem.object, [...(about.get(problem.object) ?? []), problem]);
      for (const claim of claims) this.#note(claim.ip, { node, claim, problems: about.get(claim.ip) ?? [] });
      for (const claim of claims) about.delete(claim.ip);
      for (const [object, list] of about) this.#note(object, { node, claim: undefined, problems: list });
    }
  }

  #note(address: string, word: Word): void {
    const list = this.#words.get(address);
    if (list === undefined) this.#words.set(address, [word]);
    else list.push(word);
  }

  /** @param position of the address among those of the Service */
  of(address: Ip, position: number, prospect: Prospect): Held {
    const candidates = this.#candidatesOf(prospect, position);
    if (candidates.size === 0) return NOBODY;
    const words = (this.#words.get(address) ?? []).filter(({ node, claim }) => claim !== undefined || candidates.has(node));
    if (words.length === 0) return this.#unheard(address, [...candidates]);
    const isShared = this.#situation.prospects.index.sharers(address).length > 1;
    const told = words.map((word) => {
      // Elected for a Service that it shares the address with, and no candidate for this one.
      const misfit = isShared && !candidates.has(word.node) ? prospect.unfit.find((one) => isOf(one, word.node)) : undefined;
      return misfit === undefined ? heldBy(word) : { holder: without(word.node), causes: [ineligibleCause(misfit.ineligible)] };
    });
    const holders = told.map(({ holder }) => holder);
    return { holders, causes: told.flatMap(({ holder: { node }, causes }) => causes.map((cause) => ({ cause, places: [node] }))) };
  }

  #candidatesOf(prospect: Prospect, position: number): ReadonlySet<string> {
    const known = this.#candidates.get(prospect) ?? [];
    this.#candidates.set(prospect, known);
    return (known[position] ??= new Set(prospect.layer2.filter(({ covers }) => covers[position] === true).map(({ node }) => node)));
  }

  /** Nobody has said anything of it. */
  #unheard(address: Ip, candidates: readonly string[]): Held {
    const running = candidates.filter((node) => this.#running.has(node));
    if (running.length === 0) {
      const causes = candidates.map((node) => ({ cause: explainCause({ reason: 'SpeakerNotRunning', node }), places: [node] }));
      return { holders: candidates.map(without), causes };
    }
    const closed = running.flatMap((node) => {
      const problem = this.#situation.states.get(node)?.problems.find(isClosed);
      return problem === undefined ? [] : [{ cause: bare(nodeProblemCause(problem, node), node), places: [node] }];
    });
    if (closed.length > 0) return { holders: running.map(without), causes: closed };
    const node = running.length === 1 ? some(running) : `one of ${some(running)}`;
    const cause = explainCause({ reason: 'NotOnTheWire', node, what: `an answer for ${address}` });
    return { holders: running.map(without), causes: [{ cause, places: running }] };
  }
}

/** The speaker can open no interface. */
function isClosed({ reason, object }: NodeProblem): boolean {
  return reason === 'CannotOpenInterface' || (reason === 'CapabilityMissing' && object === 'NET_RAW');
}

function isOf(one: Prospect['unfit'][number], node: string): boolean {
  return one.protocol === 'layer2' && one.node.name === node;
}

function without(node: string): Holder {
  return { node, onWire: false };
}

function heldBy({ node, claim, problems }: Word): { readonly holder: Holder; readonly causes: readonly Cause[] } {
  const causes = problems.map(({ reason, message }) => makeCause('wire', reason, message));
  // Said of a claim that waits for an interface, whatever is still listed of it.
  const isWaiting = problems.some(({ reason }) => reason === 'NoUsableInterface');
  if (claim === undefined || isWaiting) return { holder: without(node), causes };
  return { holder: { node, onWire: true, since: claim.since, interfaces: claim.interfaces ?? [] }, causes };
}

/** The object without the node, so that what several nodes have in common is told once. */
export function bare({ object, ...cause }: Cause, node: string): Cause {
  const rest = object?.endsWith(` on ${node}`) === true ? object.slice(0, -` on ${node}`.length) : object;
  return rest === undefined || rest === node ? cause : { ...cause, object: rest };
}
