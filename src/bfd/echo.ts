import { type Context, type Instant, after } from '../machine.ts';
import { Reader, Writer } from '../wire/cursor.ts';
import { type Microseconds, jitteredMs, milliseconds } from './timing.ts';

/*
 * Echo packets of ours: RFC 5880 §6.4 leaves their contents to the sender. The beginning is as FRR's bfdd writes its own, since
 * bfdd sends nothing back that it does not know.
 *  0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
 * +---------------+---------------+-------------------------------+
 * |  Version 1    |  Length 24    |            reserved           |
 * | Discriminator                                                 |
 * | Sequence number                                               |
 * | Secret: random for every run of echo packets                  |
 * | 8 bytes of zeros                                              |
 */
const LENGTH = 24;
const VERSION = 1;
const TURN = 2 ** 32;

/** One run of echo packets: from the moment that both sides agree to the moment that they do not. */
export interface EchoRun {
  readonly intervalUs: Microseconds;
  readonly secret: number;
  /** Sequence number of the last one sent, and of the last one that came back. */
  readonly sent: number;
  readonly returned: number;
  readonly nextAt: Instant;
  /** Absent: none has come back yet. */
  readonly returnedAt?: Instant;
}

export function startEcho(intervalUs: Microseconds, { now, random }: Context): EchoRun {
  return { intervalUs, secret: Math.floor(random() * TURN), sent: 0, returned: 0, nextAt: now };
}

/**
 * The peer may offer to send echo packets back and not do it: until one has come back they prove nothing, and control packets
 * keep their pace.
 */
export function isProven(run: EchoRun | undefined): boolean {
  return run?.returnedAt !== undefined;
}

/** RFC 5880 §6.8.5: so long without an echo, and the path is gone. */
export function echoExpiresAt(run: EchoRun, multiplier: number): Instant | undefined {
  return run.returnedAt === undefined ? undefined : after(run.returnedAt, multiplier * milliseconds(run.intervalUs));
}

/** RFC 5880 §6.8.9: jittered like control packets. */
export function nextEcho(run: EchoRun, discriminator: number, multiplier: number, context: Context): readonly [EchoRun, Uint8Array] {
  const sent = (run.sent + 1) % TURN;
  const writer = new Writer(new Uint8Array(LENGTH));
  writer.u8(VERSION);
  writer.u8(LENGTH);
  writer.u16(0);
  writer.u32(discriminator);
  writer.u32(sent);
  writer.u32(run.secret);
  return [{ ...run, sent, nextAt: after(context.now, jitteredMs(run.intervalUs, multiplier, context.random)) }, writer.bytes];
}

/** @returns undefined when it is none of this run, or older than one that is back already */
export function echoReturned(run: EchoRun, discriminator: number, bytes: Uint8Array, now: Instant): EchoRun | undefined {
  if (echoDiscriminator(bytes) !== discriminator) return undefined;
  const reader = new Reader(bytes, neverShort, 8);
  const sequence = reader.u32();
  if (reader.u32() !== run.secret) return undefined;
  // Circular, since a session may live longer than the numbers last.
  const isNew = sequence !== run.returned && distance(run.returned, sequence) <= distance(run.returned, run.sent);
  if (!isNew) return undefined;
  return { ...run, returned: sequence, returnedAt: now };
}

function distance(from: number, to: number): number {
  return (to - from + TURN) % TURN;
}

/** Whose echo packet this is, by our own discriminators. @returns undefined when it is not one that we send */
export function echoDiscriminator(bytes: Uint8Array): number | undefined {
  if (bytes.length < LENGTH || bytes[0] !== VERSION || bytes[1] !== LENGTH) return undefined;
  return new Reader(bytes, neverShort, 4).u32();
}

function neverShort(): never {
  throw new RangeError('lengths were checked before');
}
