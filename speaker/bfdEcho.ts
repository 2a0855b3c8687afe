import { type TokenBucket, makeBucket, refill } from '../src/layer2/tokenBucket.ts';
import type { BfdRefusal } from './bfdRefusal.ts';
import type { BfdTarget } from './bfdTargets.ts';
import type { EngineParts } from './engineParts.ts';
import type { Datagram, UdpSender } from './hands.ts';

/** As a router that forwards it would: one hop less, which also ends the way of what comes back to a mirror. */
const ECHO_TTL = 254;
/** More than the peer was allowed, since packets come in bunches. */
const HEADROOM = 2;
const BURST = 16;

/** Sends the echo packets of one peer back (RFC 5880 §6.4): the peer tests the way here and back with them. */
export class EchoMirror {
  readonly #parts: EngineParts;
  #sender: UdpSender | undefined;
  #port = 0;
  #bucket: TokenBucket | undefined;
  received = 0;
  sent = 0;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** @returns why it was not sent back */
  reflect({ bytes, sourcePort, destination }: Datagram, { remote, profile, scope, device }: BfdTarget): BfdRefusal | undefined {
    this.received += 1;
    const now = this.#parts.clock.now();
    this.#bucket ??= makeBucket((HEADROOM * 1000) / profile.echoIntervalMs, BURST, now);
    refill(this.#bucket, now);
    if (this.#bucket.tokens < 1) return 'BfdEchoTooOften';
    this.#bucket.tokens -= 1;
    if (this.#port !== sourcePort) this.close();
    try {
      this.#sender ??= this.#parts.hands.udp.open({
        remote,
        port: sourcePort,
        ttl: ECHO_TTL,
        ...(destination === undefined ? {} : { source: destination }),
        ...(scope === undefined ? {} : { scope }),
        ...(device === undefined ? {} : { device }),
      });
    } catch {
      return 'BfdEchoUnsent';
    }
    this.#port = sourcePort;
    if (!this.#sender.send(bytes)) return 'BfdEchoUnsent';
    this.sent += 1;
    return undefined;
  }

  close(): void {
    this.#sender?.close();
    this.#sender = undefined;
    // Another profile may allow another rate.
    this.#bucket = undefined;
  }
}
