import type { MeshPeer, WireClaim } from '../src/announce/plan.ts';
import { probeFrame, questionFrame } from '../src/layer2/gratuitous.ts';
import { type InterfaceView, isFit } from '../src/layer2/link.ts';
import type { Interfaces } from './interfaces.ts';

/** What is said and asked by an interface, unless this node is to say nothing. */
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
    if (view !== undefined && isFit(view, address)) this.say(view.name, () => [questionFrame(address, source, view)]);
    this.#interfaces.flush();
  }

  /** Whether anybody else answers for what this node still does. */
  whoElseHas(claim: WireClaim): void {
    for (const view of this.#interfaces.fitFor(claim)) this.say(view.name, () => [probeFrame(claim.ip, view)]);
    this.#interfaces.flush();
  }

  /** It leaves with the next flush. */
  say(name: string, frames: (view: InterfaceView) => readonly Uint8Array[]): void {
    const view = this.#interfaces.view(name);
    if (view !== undefined && !this.#isMute()) this.#interfaces.send(name, frames(view));
  }
}
