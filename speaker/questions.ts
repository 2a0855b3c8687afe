import type { MeshPeer, WireClaim } from '../src/announce/plan.ts';
import { probeFrame, questionFrame } from '../src/layer2/gratuitous.ts';
import { type InterfaceView, isFit } from '../src/layer2/link.ts';
import type { Interfaces } from './interfaces.ts';

/** What is asked of the segment out of turn, unless this node is to say nothing. */
export class Questions {
  readonly #interfaces: Interfaces;
  readonly #isMute: () => boolean;

  constructor(interfaces: Interfaces, isMute: () => boolean) {
    this.#interfaces = interfaces;
    this.#isMute = isMute;
  }

  /** For a node that is lost. */
  knock({ address, source }: MeshPeer): void {
    const view = this.#interfaces.holder(source);
    if (view !== undefined && isFit(view, address)) this.#ask(view, questionFrame(address, source, view));
    this.#interfaces.flush();
  }

  /** Whether anybody else answers for what this node still does. */
  whoElseHas(claim: WireClaim): void {
    for (const view of this.#interfaces.fitFor(claim)) this.#ask(view, probeFrame(claim.ip, view));
    this.#interfaces.flush();
  }

  #ask({ name }: InterfaceView, frame: Uint8Array): void {
    if (!this.#isMute()) this.#interfaces.send(name, [frame]);
  }
}
