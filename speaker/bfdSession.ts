import type { BfdConfig, BfdEvent, BfdStatus } from '../src/bfd/contract.ts';
import type { BfdSessionState } from '../src/bfd/draft.ts';
import { bfdCounters, bfdDeadline, createBfd, stepBfd } from '../src/bfd/session.ts';
import { bfdStatus } from '../src/bfd/status.ts';
import { type Instant, after } from '../src/machine.ts';
import { BFD_DIAG, type BfdPacket } from '../src/wire/bfd.ts';
import { EchoMirror } from './bfdEcho.ts';
import { configOf } from './bfdConfig.ts';
import type { BfdRefusal } from './bfdRefusal.ts';
import { type BfdTarget, MULTIHOP_PORT, SINGLE_HOP_PORT } from './bfdTargets.ts';
import { wallTime } from './clock.ts';
import type { EngineParts } from './engineParts.ts';
import type { Datagram, UdpSender } from './hands.ts';
import type { BfdReport, WireProblem } from './report.ts';

/** RFC 5881 §5; RFC 5883 §5 lets the receiver ask for less. */
const TTL = 255;
/**
 * So long BGP is kept down by a BFD session that does not come up again. RFC 5882 §4.1: a peer that has BFD no more must
 * not be waited for.
 */
const HOLD_MS = 60_000;
/** A goodbye may be lost; there is no time to wait for its answer when the process ends. */
const GOODBYES = 3;
/** Three packets at the slow rate of a session that is not up (RFC 5880 §6.8.3). */
const LEAVE_MS = 3_000;
const REFUSED = "the router's packets come and are refused";

export interface BfdSurroundings {
  readonly discriminator: number;
  /** Echo packets of the peer can be sent back. */
  readonly echoes: boolean;
  readonly onBfd: (peer: string, event: 'bfdUp' | 'bfdDown') => void;
  /** Something in the status is another now. */
  readonly onStatus?: (status: BfdStatus) => void;
  /** The peer was told, and nothing more is to come. */
  readonly onGone: () => void;
}

/** One BFD session: its machine, the socket it sends from, and what it means for the BGP sessions that it guards. */
export class BfdSession {
  readonly discriminator: number;
  target: BfdTarget;
  isLeaving = false;
  readonly #parts: EngineParts;
  readonly #around: BfdSurroundings;
  readonly #echo: EchoMirror;
  #echoes: boolean;
  #state: BfdSessionState;
  #sender: UdpSender | undefined;
  #sendError: string | undefined;
  #isHolding = false;
  /** Since it was last Up: packets of the peer came, and had the wrong key. */
  #refused: { readonly at: Instant; readonly reason: BfdRefusal } | undefined;

  constructor(parts: EngineParts, target: BfdTarget, around: BfdSurroundings) {
    this.#parts = parts;
    this.#around = around;
    this.target = target;
    this.discriminator = around.discriminator;
    this.#echoes = around.echoes;
    this.#echo = new EchoMirror(parts);
    this.#state = createBfd(this.#config(), { discriminator: around.discriminator });
  }

  #config(): BfdConfig {
    return configOf(this.target, this.#echoes);
  }

  start(): void {
    this.#step({ type: 'start' });
  }

  /** Other timers are negotiated while the session stays up (RFC 5880 §6.8.3). */
  configure(target: BfdTarget, echoes: boolean): void {
    const gone = this.target.peers.filter((peer) => !target.peers.includes(peer));
    this.target = target;
    this.#echoes = echoes;
    if (this.#isHolding) for (const peer of gone) this.#around.onBfd(peer, 'bfdUp');
    this.#step({ type: 'configure', config: this.#config() });
    if (!this.isLeaving) return;
    this.isLeaving = false;
    this.#parts.deadlines.set(this.#key('gone'), undefined, () => undefined);
    this.#step({ type: 'start' });
  }

  /** Nobody wants it any more: says so, for as long as the peer needs to hear it (RFC 5880 §6.8.16). */
  /** @param diag BFD_DIAG; default adminDown */
  leave(diag: number = BFD_DIAG.adminDown): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.#release();
    // The peer's own detection time is about as long.
    const { detectionMs = 0 } = bfdStatus(this.#state);
    this.#step({ type: 'stop', diag });
    const at = after(this.#parts.clock.now(), Math.max(detectionMs, LEAVE_MS));
    this.#parts.deadlines.set(this.#key('gone'), at, () => this.end());
  }

  /** Without another word. */
  end(): void {
    this.#close();
    this.#around.onGone();
  }

  /** @returns why it was not believed */
  receive(packet: BfdPacket, bytes: Uint8Array): BfdRefusal | undefined {
    return this.#step({ type: 'packet', packet, bytes });
  }

  /** @returns why it was not sent back */
  receiveEcho(datagram: Datagram): BfdRefusal | undefined {
    if (!this.#echoes || bfdStatus(this.#state).state !== 'Up') return 'BfdNoSession';
    return this.#echo.reflect(datagram, this.target);
  }

  /** @returns why a packet was not believed */
  #step(event: BfdEvent): BfdRefusal | undefined {
    const { clock, random, recorder } = this.#parts;
    const now = clock.now();
    recorder.record(now, this.#key('machine'), event);
    const before = bfdStatus(this.#state);
    const [state, effects] = stepBfd(this.#state, event, { now, random });
    this.#state = state;
    let dropped: BfdRefusal | undefined;
    for (const effect of effects) {
      // A report comes with every change, but only changes of state matter here.
      if (effect.type === 'send' && effect.kind === 'control') this.#send(effect.bytes);
      else if (effect.type === 'drop') dropped = effect.reason;
      else if (effect.type === 'report') this.#around.onStatus?.(effect.status);
    }
    this.#schedule();
    this.#note(dropped, now);
    this.#couple(before, bfdStatus(state));
    return dropped;
  }

  /** A silent peer and one whose key is another look alike from the outside, and are mended at different places. */
  #note(dropped: BfdRefusal | undefined, now: Instant): void {
    if (dropped === undefined) {
      if (this.#state.state === 'Up' && this.#state.heardAt === now) this.#refused = undefined;
      return;
    }
    if (!dropped.startsWith('BfdAuth')) return;
    const isNews = this.#refused?.reason !== dropped;
    this.#refused = { at: now, reason: dropped };
    if (isNews && this.#state.state !== 'Up') this.#parts.changed();
  }

  #schedule(): void {
    this.#parts.deadlines.set(this.#key('machine'), bfdDeadline(this.#state), () => void this.#step({ type: 'tick' }));
  }

  /** RFC 5882 §3.2: what the change means for those that trust in the path. */
  #couple(before: BfdStatus, now: BfdStatus): void {
    if (before.state !== now.state) this.#tell(now);
    else if (before.isKeyAwaited !== now.isKeyAwaited) this.#parts.changed();
    if (before.verdict === now.verdict) return;
    if (now.verdict !== 'Down' || this.isLeaving) {
      this.#release();
      return;
    }
    this.#isHolding = true;
    for (const peer of this.target.peers) this.#around.onBfd(peer, 'bfdDown');
    this.#parts.deadlines.set(this.#key('hold'), after(now.since, HOLD_MS), () => this.#release());
  }

  #release(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    this.#parts.deadlines.set(this.#key('hold'), undefined, () => undefined);
    for (const peer of this.target.peers) this.#around.onBfd(peer, 'bfdUp');
  }

  #send(bytes: Uint8Array): void {
    try {
      this.#sender ??= this.#open();
      if (this.#sendError !== undefined) this.#parts.changed();
      this.#sendError = undefined;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      if (this.#sendError !== code) this.#parts.changed();
      this.#sendError = code;
      return;
    }
    // A source address or an interface that came back needs another socket; a session that is up has the right one.
    if (this.#sender.send(bytes) || bfdStatus(this.#state).state === 'Up') return;
    this.#sender.close();
    this.#sender = undefined;
  }

  #open(): UdpSender {
    const { remote, multihop, source, scope, device } = this.target;
    return this.#parts.hands.udp.open({
      remote,
      port: this.target.port ?? (multihop ? MULTIHOP_PORT : SINGLE_HOP_PORT),
      ttl: TTL,
      ...(source === undefined ? {} : { source }),
      ...(scope === undefined ? {} : { scope }),
      ...(device === undefined ? {} : { device }),
    });
  }

  #tell({ state, verdict, lastDown }: BfdStatus): void {
    const { log, changed } = this.#parts;
    const facts = { session: this.target.key, state, peers: this.target.peers };
    if (state === 'Up') log.info(facts, 'BFD session up');
    else if (verdict === 'Down' && !this.#isHolding)
      log.warn({ ...facts, reason: lastDown?.reason, refused: this.#refused?.reason }, 'BFD session down');
    else log.debug(facts, 'BFD session changed');
    changed();
  }

  /** At the end of the process. */
  stop(): void {
    for (let i = 0; i < GOODBYES; i++) this.#step({ type: 'stop' });
    this.#close();
  }

  #close(): void {
    for (const timer of ['machine', 'hold', 'gone'] as const) this.#parts.deadlines.set(this.#key(timer), undefined, () => undefined);
    this.#sender?.close();
    this.#sender = undefined;
    this.#echo.close();
  }

  report(): BfdReport {
    const { state, since, transmitMs, detectionMs, lastDown } = bfdStatus(this.#state);
    const { key, remote, peers, profile } = this.target;
    const { packetsSent, packetsReceived, timesUp, timesDown } = bfdCounters(this.#state);
    return {
      session: key,
      address: remote,
      peers,
      profile: profile.name,
      state,
      since: wallTime(since),
      transmitMs,
      ...(detectionMs === undefined ? {} : { detectionMs }),
      ...this.#lastDown(lastDown, state === 'Up'),
      counters: {
        packetsSent,
        packetsReceived,
        echoesReceived: this.#echo.received,
        echoesSent: this.#echo.sent,
        timesUp,
        timesDown,
      },
    };
  }

  #lastDown(lastDown: BfdStatus['lastDown'], isUp: boolean): Pick<BfdReport, 'lastDown'> {
    const refused = isUp ? undefined : this.#refused;
    const reason = [
      lastDown === undefined ? undefined : downText(lastDown),
      refused === undefined ? undefined : `${REFUSED}: ${refused.reason}`,
    ];
    const at = lastDown?.at ?? refused?.at;
    return at === undefined ? {} : { lastDown: { at: wallTime(at), reason: reason.filter((text) => text !== undefined).join('; ') } };
  }

  /** When a packet was last believed. */
  heardAt(): Instant | undefined {
    return this.#state.heardAt;
  }

  /** Why nothing can be sent. */
  sendError(): string | undefined {
    return this.#sendError;
  }

  problems(): WireProblem[] {
    if (this.isLeaving) return [];
    const error = this.#sendError;
    const { peers } = this.target;
    if (error !== undefined) return peers.map((peer) => ({ reason: 'CannotSendBfd', peer, error }));
    return bfdStatus(this.#state).isKeyAwaited === true ? peers.map((peer) => ({ reason: 'RouterHasOldKey', peer })) : [];
  }

  /** Its own: one that takes the place of a session may run while that still says goodbye. */
  #key(timer: 'machine' | 'hold' | 'gone'): string {
    return `bfd/${this.target.key}/${this.discriminator}/${timer}`;
  }
}

function downText({ reason, remoteDiag }: NonNullable<BfdStatus['lastDown']>): string {
  if (reason !== 'NeighborSignaledDown') return reason;
  const said = Object.entries(BFD_DIAG).find(([, code]) => code === remoteDiag)?.[0] ?? String(remoteDiag);
  return `${reason} (${said})`;
}
