import { after } from '../src/machine.ts';
import { JOIN_MS } from '../src/layer2/standing.ts';
import type { MeshPeer } from '../src/announce/plan.ts';
import type { EngineParts } from './engineParts.ts';
import type { Layer2Engine } from './layer2Engine.ts';
import type { Mesh } from './mesh.ts';

const DUE = 'home';

/** `going`: it may be set anew at once, as DHCP clients do. `back`: the others are to be heard first. */
type HomeState = 'unknown' | 'here' | 'going' | 'lost' | 'back';

/**
 * Whether this node still has the address by which the others know it. Without it nothing of the others comes in, and all of them seem to be
 * dead, while they hear nothing of this node and take what was its.
 */
export class Home {
  readonly #parts: EngineParts;
  readonly #layer2: Pick<Layer2Engine, 'ground'>;
  readonly #mesh: Pick<Mesh, 'hearsAnybody' | 'pace'>;
  readonly #onChange: () => void;
  #state: HomeState = 'unknown';

  constructor(parts: EngineParts, layer2: Pick<Layer2Engine, 'ground'>, mesh: Pick<Mesh, 'hearsAnybody' | 'pace'>, onChange: () => void) {
    this.#parts = parts;
    this.#layer2 = layer2;
    this.#mesh = mesh;
    this.#onChange = onChange;
  }

  get isLost(): boolean {
    return this.#state === 'lost' || this.#state === 'back';
  }

  look(peers: readonly MeshPeer[]): void {
    const addresses = new Set(this.#layer2.ground.addresses());
    const isHere = peers.length === 0 || peers.some(({ source }) => addresses.has(source));
    if (!this.isLost) {
      if (isHere) this.#become('here');
      // One that was never there is translated on the way, or the Node has another than its interfaces.
      else if (this.#state === 'here') this.#becomeLater('going', this.#graceMs(), 'lost');
      return;
    }
    if (!isHere) this.#become('lost');
    else if (this.#mesh.hearsAnybody()) this.#become('here');
    else if (this.#state === 'lost') this.#becomeLater('back', JOIN_MS, 'here');
  }

  /** Before the others take what is this node's, having heard nothing for the detection time. */
  #graceMs(): number {
    const { intervalMs, multiplier } = this.#mesh.pace();
    return intervalMs * (multiplier - 1);
  }

  #become(state: HomeState): void {
    if (this.#state === state) return;
    const was = this.isLost;
    this.#state = state;
    this.#parts.deadlines.set(DUE, undefined, () => undefined);
    const { log } = this.#parts;
    if (this.isLost && !was) log.warn('the address by which other nodes know this one is gone: it gives way to every other speaker');
    else if (was && !this.isLost) log.info('the address by which other nodes know this one is there again');
  }

  #becomeLater(state: HomeState, delayMs: number, next: HomeState): void {
    this.#become(state);
    const { clock, deadlines } = this.#parts;
    deadlines.set(DUE, after(clock.now(), delayMs), () => {
      this.#become(next);
      this.#onChange();
    });
  }

  stop(): void {
    this.#parts.deadlines.set(DUE, undefined, () => undefined);
  }
}
