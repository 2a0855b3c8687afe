import type { Family } from '../src/net/ip.ts';
import { type BfdTarget, ECHO_PORT, MULTIHOP_PORT, SINGLE_HOP_PORT } from './bfdTargets.ts';
import type { Datagram, HostLink, UdpHands, UdpListenOptions, UdpListener } from './hands.ts';
import type { WireProblem } from './report.ts';

/** Where a datagram came in. */
export interface BfdDoor {
  readonly port: number;
  /** SO_BINDTODEVICE of the socket. */
  readonly device?: string;
}

interface Wanted extends BfdDoor {
  readonly family: Family;
}

/** How an attempt to open one went. */
interface Tried extends BfdDoor {
  /** Of the device at that time. */
  readonly index: number | undefined;
}

/**
 * The sockets on which BFD is received: those that the sessions need and no other, so that a node without BFD leaves the
 * ports to whoever wants them.
 */
export class BfdPorts {
  readonly #udp: UdpHands;
  readonly #onDatagram: (datagram: Datagram, door: BfdDoor) => void;
  readonly #open = new Map<string, Tried & { readonly listener: UdpListener }>();
  #links: readonly HostLink[] = [];
  #share = false;
  #failed = new Map<string, Tried & { readonly error: string }>();

  constructor(udp: UdpHands, onDatagram: (datagram: Datagram, door: BfdDoor) => void) {
    this.#udp = udp;
    this.#onDatagram = onDatagram;
  }

  /**
   * A device that comes back has another index, and its old socket hears nothing.
   * @returns whether `set` has something to do
   */
  setLinks(links: readonly HostLink[]): boolean {
    this.#links = links;
    const isOther = ({ device, index }: Tried): boolean => device !== undefined && this.#indexOf(device) !== index;
    const old = [...this.#open].filter(([, tried]) => isOther(tried));
    for (const [key, { listener }] of old) {
      listener.close();
      this.#open.delete(key);
    }
    return old.length > 0 || [...this.#failed.values()].some(isOther);
  }

  #indexOf(device: string | undefined): number | undefined {
    return device === undefined ? undefined : this.#links.find(({ name }) => name === device)?.index;
  }

  /** Opens what is missing and closes what nobody needs. */
  set(targets: readonly BfdTarget[]): void {
    const wanted = new Map(targets.flatMap(doorsOf).map((door) => [keyOf(door), door]));
    // The sockets of devices have their port beside the one for all others, which must have been opened for that.
    const share = [...wanted.values()].some(({ device }) => device !== undefined);
    const isOther = share !== this.#share;
    this.#share = share;
    for (const [key, { listener }] of this.#open) {
      if (wanted.has(key) && !isOther) continue;
      listener.close();
      this.#open.delete(key);
    }
    this.#failed = new Map();
    // First those for all: they show whether another program has the port.
    const inOrder = [...wanted].toSorted(([, a], [, b]) => (a.device ?? '').localeCompare(b.device ?? ''));
    for (const [key, door] of inOrder) if (!this.#open.has(key)) this.#listen(key, door, share);
  }

  #listen(key: string, { family, ...door }: Wanted, share: boolean): void {
    const options: UdpListenOptions = { family, ...door, ...(share ? { share } : {}) };
    const tried = { ...door, index: this.#indexOf(door.device) };
    try {
      this.#open.set(key, { ...tried, listener: this.#udp.listen(options, (datagram) => this.#onDatagram(datagram, door)) });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      this.#failed.set(key, { ...tried, error: code });
    }
  }

  /** Can what the peer sends be heard? A session that only talks would break another program's session with the same peer. */
  hears(target: BfdTarget): boolean {
    return this.#open.has(keyOf(controlDoor(target)));
  }

  /** Can its echo packets be sent back? */
  echoes(target: BfdTarget): boolean {
    return doorsOf(target).every((door) => this.#open.has(keyOf(door)));
  }

  problems(): WireProblem[] {
    const byPort = new Map([...this.#failed.values()].map((failed) => [failed.port, failed.error]));
    return [...byPort].map(([port, error]) => ({ reason: 'CannotReceiveBfd', port, error }));
  }

  close(): void {
    this.set([]);
  }
}

function controlDoor({ family, multihop, device }: BfdTarget): Wanted {
  return { family, port: multihop ? MULTIHOP_PORT : SINGLE_HOP_PORT, ...(device === undefined ? {} : { device }) };
}

/** RFC 5883 §4: there is no echo over several hops. */
function doorsOf(target: BfdTarget): Wanted[] {
  const control = controlDoor(target);
  return target.profile.echoMode && !target.multihop ? [control, { ...control, port: ECHO_PORT }] : [control];
}

function keyOf({ family, port, device }: Wanted): string {
  return `${family}/${port}/${device ?? ''}`;
}
