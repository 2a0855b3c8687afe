import type { Family } from '../src/net/ip.ts';
import { type BfdTarget, ECHO_PORT, MULTIHOP_PORT, SINGLE_HOP_PORT } from './bfdTargets.ts';
import type { Datagram, UdpHands, UdpListenOptions, UdpListener } from './hands.ts';
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

/**
 * The sockets on which BFD is received: those that the sessions need and no other, so that a node without BFD leaves the
 * ports to whoever wants them.
 */
export class BfdPorts {
  readonly #udp: UdpHands;
  readonly #onDatagram: (datagram: Datagram, door: BfdDoor) => void;
  readonly #open = new Map<string, UdpListener>();
  #share = false;
  #failed = new Map<string, { readonly port: number; readonly error: string }>();

  constructor(udp: UdpHands, onDatagram: (datagram: Datagram, door: BfdDoor) => void) {
    this.#udp = udp;
    this.#onDatagram = onDatagram;
  }

  /** Opens what is missing and closes what nobody needs. */
  set(targets: readonly BfdTarget[]): void {
    const wanted = new Map(targets.flatMap(doorsOf).map((door) => [keyOf(door), door]));
    // The sockets of devices have their port beside the one for all others, which must have been opened for that.
    const share = [...wanted.values()].some(({ device }) => device !== undefined);
    const isOther = share !== this.#share;
    this.#share = share;
    for (const [key, listener] of this.#open) {
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
    try {
      this.#open.set(
        key,
        this.#udp.listen(options, (datagram) => this.#onDatagram(datagram, door)),
      );
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      this.#failed.set(key, { port: door.port, error: code });
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
