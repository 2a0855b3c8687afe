import type { MeshPeer } from '../src/announce/plan.ts';
import { after } from '../src/machine.ts';
import type { EngineParts } from './engineParts.ts';

const DUE = 'mesh/knock';
const FASTEST_MS = 100;
/** All nodes together ask for a node that is lost no more than a hundred times a second. */
const MS_PER_NODE = 10;

/**
 * Asks the segment for the nodes whose speakers are lost. The kernel asks once a second, and holds BFD's packets back meanwhile: two parts
 * that are joined again would go on without each other for so long.
 */
export class Knocker {
  readonly #parts: EngineParts;
  readonly #lost: () => readonly MeshPeer[];
  readonly #knock: (peer: MeshPeer) => void;
  #turn = 0;
  #everyMs: number | undefined;

  constructor(parts: EngineParts, lost: () => readonly MeshPeer[], knock: (peer: MeshPeer) => void) {
    this.#parts = parts;
    this.#lost = lost;
    this.#knock = knock;
  }

  /** Some of them may be lost now. @param nodes how many there are */
  look(nodes: number): void {
    const wasIdle = this.#everyMs === undefined;
    this.#everyMs = Math.max(FASTEST_MS, nodes * MS_PER_NODE);
    if (wasIdle) this.#next();
  }

  /** One of them in each turn: to hear one of another part is as good as to hear all. */
  #next(): void {
    const lost = this.#lost();
    const peer = lost[this.#turn++ % Math.max(1, lost.length)];
    if (peer === undefined || this.#everyMs === undefined) {
      this.stop();
      return;
    }
    this.#knock(peer);
    this.#parts.deadlines.set(DUE, after(this.#parts.clock.now(), this.#everyMs), () => this.#next());
  }

  stop(): void {
    this.#everyMs = undefined;
    this.#parts.deadlines.set(DUE, undefined, () => undefined);
  }
}
