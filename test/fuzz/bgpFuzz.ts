import type { PeerState } from '../../src/bgp/draft.ts';
import { createPeer, peerCounters, peerDeadline, stepPeer } from '../../src/bgp/peer.ts';
import type { PeerCounters, PeerEffect, PeerEvent } from '../../src/bgp/peerContract.ts';
import { peerStatus } from '../../src/bgp/peerStatus.ts';
import type { FsmStateName, RouteSet, SessionConfig } from '../../src/bgp/session.ts';
import { type Instant, instant } from '../../src/machine.ts';
import type { Ip } from '../../src/net/ip.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import { isMalformed } from '../../src/wire/bgp/malformed.ts';
import { type Message, type MessageContext, decodeHeader, decodeMessage } from '../../src/wire/bgp/message.ts';
import { type NlriRun, nlriPrefixes } from '../../src/wire/bgp/nlri.ts';
import { type Peer, anyMessage, message } from './bgpMessages.ts';
import type { Random } from './random.ts';

/** What came of it; in `states` how many messages came in each state, in `answers` how often each NOTIFICATION went out. */
export interface Tally {
  /** Through a whole machine. */
  messages: number;
  /** Through the decoder alone. */
  decoded: number;
  sessions: number;
  worstMs: number;
  readonly states: Record<string, number>;
  readonly answers: Record<string, number>;
}

export function createTally(): Tally {
  return { messages: 0, decoded: 0, sessions: 0, worstMs: 0, states: {}, answers: {} };
}

/** What the machine did is not what it has to do. */
export class Wrong extends Error {}

function check(holds: boolean, what: () => string): void {
  if (!holds) throw new Wrong(what());
}

const OURS = '192.0.2.1' as Ip;
const THEIRS = '192.0.2.2' as Ip;
const ENDS = { local: OURS, remote: THEIRS, nextHops: { ipv4: OURS, ipv6: '2001:db8::1' as Ip } };
const PREFIXES = Array.from({ length: 30 }, (_, i) => `10.9.${i >> 8}.${i & 255}/32` as Prefix);
const ROUTES: readonly RouteSet[] = [
  { attributes: { communities: [1], largeCommunities: [] }, prefixes: PREFIXES },
  { attributes: { communities: [], largeCommunities: [] }, prefixes: ['2001:db8:1::1/128' as Prefix] },
];

const TARGETS = ['connecting', 'delayed', 'opensent', 'openconfirm', 'established', 'established', 'established', 'established'] as const;
type Target = (typeof TARGETS)[number];

/** One neighbour on its way, and what it has done. */
class Run {
  state: PeerState;
  now: Instant = instant(1000);
  conn = '';
  readonly notices: string[] = [];

  constructor(config: SessionConfig) {
    this.state = createPeer(config);
  }

  step(event: PeerEvent): readonly PeerEffect[] {
    const [state, effects] = stepPeer(this.state, event, { now: this.now, random: () => 0.5 });
    this.state = state;
    check(effects.length < 200, () => `${effects.length} effects of ${event.type}`);
    for (const effect of effects) this.#look(effect);
    return effects;
  }

  get isOpen(): boolean {
    return this.state.out.wire?.conn === this.conn || this.state.in.wire?.conn === this.conn;
  }

  get fsm(): FsmStateName {
    return this.state.in.wire?.conn === this.conn ? this.state.in.fsm.name : this.state.out.fsm.name;
  }

  get context(): MessageContext {
    const wire = this.state.in.wire?.conn === this.conn ? this.state.in.wire : this.state.out.wire;
    const { as4 = true, ebgp = true } = wire?.negotiated ?? {};
    return { as4, ebgp, addPath: [], extended: wire?.framer.extended ?? false };
  }

  get keptBytes(): number {
    return Math.max(
      ...[this.state.in, this.state.out].map(({ wire }) => (wire?.framer.kept.length ?? 0) + (wire?.framer.chunk.length ?? 0)),
    );
  }

  /** All that we say is well-formed. */
  #look(effect: PeerEffect): void {
    if (effect.type !== 'send') return;
    for (let at = 0; at < effect.bytes.length;) {
      const length = ((effect.bytes[at + 16] ?? 0) << 8) | (effect.bytes[at + 17] ?? 0);
      const said = decodeMessage(effect.bytes.subarray(at, at + length), { as4: true, ebgp: true, addPath: [], extended: true });
      check(!isMalformed(said) && length <= 65_535, () => `we said ${Buffer.from(effect.bytes.subarray(at, at + 64)).toString('hex')}`);
      if (!isMalformed(said) && said.type === 'notification') {
        check(length <= 4096, () => `a NOTIFICATION of ${length} bytes`);
        this.notices.push(`${said.code}/${said.subcode}`);
      }
      at += length;
    }
  }
}

interface Plot {
  readonly config: SessionConfig;
  readonly target: Target;
  readonly isDialled: boolean;
  /** The OPEN that leads to the target. */
  readonly open: Uint8Array;
  readonly count: number;
  readonly next: () => Uint8Array;
}

function plot(random: Random): Plot {
  const target = random.pick(TARGETS);
  const extended = random.chance(0.3);
  const peer = { asn: random.pick([64_513, 4_200_000_001]), as4: true, extended };
  const as2 = peer.asn < 65_536 && random.chance(0.2);
  const seen: Peer = as2 ? { ...peer, as4: false } : peer;
  const config: SessionConfig = {
    myAsn: random.chance(0.2) ? peer.asn : 64_512,
    peerAsn: random.chance(0.9) ? peer.asn : random.pick(['external', 'internal'] as const),
    peerAddress: THEIRS,
    peerPort: 179,
    routerId: OURS,
    holdTimeMs: random.pick([0, 3000, 90_000]),
    families: random.pick([['ipv4'], ['ipv4', 'ipv6'], ['ipv4', 'ipv6'], ['ipv4', 'ipv6'], ['ipv6'], []] as const),
    passive: false,
    ebgpMultiHop: random.chance(0.5),
    extendedMessages: random.chance(0.9),
    ...(target === 'delayed' && { delayOpenMs: 500 }),
    ...(random.chance(0.3) && { gracefulRestart: { restartTimeSeconds: 120 } }),
  };
  const wrong = random.pick([0.03, 0.03, 0.1, 0.1, 0.3, 1]);
  const count = target === 'established' ? 1 + random.below(wrong > 0.2 ? 20 : 150) : 1 + random.below(4);
  const next = (): Uint8Array => anyMessage(random, seen, random.chance(0.3) ? 0 : wrong, target === 'established');
  return { config, target, isDialled: random.chance(0.5), open: message(random, 'open', seen, 0), count, next };
}

const KEEPALIVE = Uint8Array.from([...Array.from({ length: 16 }, () => 0xff), 0, 19, 4]);

/** Brings a new neighbour to where the plot wants it; it may well refuse to go there. */
function arrive({ config, target, isDialled, open }: Plot): Run {
  const run = new Run(config);
  run.step({ type: 'desired', routes: ROUTES });
  const dial = run.step({ type: 'start' }).find((effect) => effect.type === 'connect');
  run.conn = isDialled ? (dial?.conn ?? '') : 'in/1';
  if (target === 'connecting' && isDialled) return run;
  run.step({ type: isDialled ? 'tcpConnected' : 'tcpAccepted', conn: run.conn, ...ENDS });
  if (target === 'openconfirm' || target === 'established') run.step({ type: 'bytes', conn: run.conn, data: open });
  if (target === 'established') run.step({ type: 'bytes', conn: run.conn, data: KEEPALIVE });
  return run;
}

const reached = (runs: readonly (NlriRun | undefined)[]): number =>
  runs.reduce((sum, run) => sum + (run === undefined ? 0 : nlriPrefixes(run).length), 0);

/** By how much one message has to move the counters, worked out beside the machine. */
function expectedCounters(before: PeerCounters, said: Message | undefined, isEstablished: boolean): Partial<PeerCounters> {
  const { messagesReceived, updatesReceived, updatesFaulty, prefixesReceived, prefixesWithdrawn } = before;
  const all = { messagesReceived, updatesReceived, updatesFaulty, prefixesReceived, prefixesWithdrawn };
  if (said === undefined || said.type !== 'update' || !isEstablished) return all;
  const reach = said.attributes.map((attribute) => (attribute.type === 'mpReach' ? attribute.nlri : undefined));
  const unreach = said.attributes.map((attribute) => (attribute.type === 'mpUnreach' ? attribute.nlri : undefined));
  return {
    ...all,
    updatesReceived: updatesReceived + 1,
    updatesFaulty: updatesFaulty + (said.faults.length > 0 ? 1 : 0),
    prefixesReceived: prefixesReceived + reached([said.nlri, ...reach]),
    prefixesWithdrawn: prefixesWithdrawn + reached([said.withdrawn, ...unreach]),
  };
}

/** A message whose length says what it is; all others end the stream's meaning, or wait for bytes of the next one. */
function isWhole(bytes: Uint8Array, extended: boolean): boolean {
  return decodeHeader(bytes, 0, extended) === bytes.length;
}

/** Feeds one message as it is, and asks whether the right thing was done. @returns false when nothing more can be told of the stream */
function feed(run: Run, bytes: Uint8Array, tally: Tally): boolean {
  const { fsm, context, isOpen } = run;
  const before = peerCounters(run.state);
  const said = decodeMessage(bytes, context);
  const notices = run.notices.length;
  const started = performance.now();
  run.step({ type: 'bytes', conn: run.conn, data: bytes });
  tally.worstMs = Math.max(tally.worstMs, performance.now() - started);
  if (!isOpen) return false;
  tally.messages++;
  tally.states[fsm] = (tally.states[fsm] ?? 0) + 1;
  const isPlain = isWhole(bytes, context.extended);
  const wasTold = fsm === 'OpenSent' || fsm === 'OpenConfirm' || fsm === 'Established';
  if (isMalformed(said) && (isPlain || decodeHeaderFails(bytes, context.extended)) && wasTold) {
    const [answer] = run.notices.slice(notices);
    check(!run.isOpen && answer !== undefined, () => `${fsm} lived on after ${said.code}/${said.subcode}`);
    const right = answer === `${said.code}/${said.subcode}` || answer?.startsWith('5/') === true;
    check(right, () => `${fsm} answered ${said.code}/${said.subcode} with ${answer}`);
  }
  if (isPlain && wasTold) {
    const after = peerCounters(run.state);
    const expected = expectedCounters(before, isMalformed(said) ? undefined : said, fsm === 'Established');
    const right = Object.entries({ ...expected, messagesReceived: before.messagesReceived + 1 });
    for (const [name, value] of right) check(after[name as keyof PeerCounters] === value, () => `${name} is not ${value}`);
  }
  check(run.keptBytes <= 65_535, () => `${run.keptBytes} bytes are kept`);
  return isPlain;
}

function decodeHeaderFails(bytes: Uint8Array, extended: boolean): boolean {
  return typeof decodeHeader(bytes, 0, extended) !== 'number';
}

/** The same stream, cut anywhere. */
function feedChunks(run: Run, messages: readonly Uint8Array[], random: Random): void {
  const stream = Buffer.concat(messages);
  const most = random.pick([1, 7, 64, 4096, 65_536]);
  for (let at = 0; at < stream.length && run.isOpen;) {
    const size = 1 + random.below(most);
    run.step({ type: 'bytes', conn: run.conn, data: stream.subarray(at, at + size) });
    at += size;
  }
}

/** What a stream leads to, however it was cut. A dial that is on its way while a session comes and goes may or may not be given up. */
function outcome(run: Run): string {
  const { prefixesAnnounced: _, messagesSent: __, updatesSent: ___, ...counters } = peerCounters(run.state);
  const { state, lastError } = peerStatus(run.state);
  return JSON.stringify([state === 'Established', lastError, counters, run.notices]);
}

/** One neighbour from beginning to end. Throws Wrong, or whatever the machine threw. */
export function fuzzBgp(random: Random, tally: Tally): void {
  const story = plot(random);
  tally.sessions++;
  const run = arrive(story);
  if (random.chance(0.15)) {
    compareCuts(run, arrive(story), story, random, tally);
    return;
  }
  let isKnown = true;
  for (let i = 0; i < story.count && run.isOpen; i++) {
    const bytes = story.next();
    isKnown = isKnown && feed(run, bytes, tally);
    if (!isKnown) run.step({ type: 'bytes', conn: run.conn, data: bytes });
    decodeAlone(bytes, random, run.context, tally);
    disturb(run, random);
  }
  for (const notice of run.notices) tally.answers[notice] = (tally.answers[notice] ?? 0) + 1;
  end(run, random);
}

function compareCuts(whole: Run, cut: Run, story: Plot, random: Random, tally: Tally): void {
  const messages = Array.from({ length: Math.min(story.count, 25) }, story.next);
  for (const data of messages) if (whole.isOpen) whole.step({ type: 'bytes', conn: whole.conn, data });
  feedChunks(cut, messages, random);
  tally.messages += messages.length * 2;
  check(outcome(whole) === outcome(cut), () => `whole: ${outcome(whole)}\ncut:   ${outcome(cut)}`);
}

/** Blind changes of a message whose length is right: they get as deep as they can. */
function decodeAlone(bytes: Uint8Array, random: Random, context: MessageContext, tally: Tally): void {
  const mutant = bytes.slice();
  if (mutant.length <= 19) return;
  mutant.fill(0xff, 0, 16);
  mutant[16] = mutant.length >> 8;
  mutant[17] = mutant.length & 255;
  for (let i = 0; i < 24; i++) {
    const at = 19 + random.below(mutant.length - 19);
    const [kept = 0, type = 0] = [mutant[at], mutant[18]];
    mutant[at] = random.byte();
    mutant[18] = random.chance(0.1) ? 1 + random.below(5) : type;
    const said = decodeMessage(mutant, context);
    const data = isMalformed(said) ? said.data : new Uint8Array(0);
    check(data.length <= 4075, () => `${data.length} bytes of data do not fit into a NOTIFICATION`);
    mutant[18] = type;
    // Half of the changes stay, and add up.
    if (random.chance(0.5)) mutant[at] = kept;
    tally.decoded++;
  }
}

/** Time passes, the socket empties, a second connection comes. */
function disturb(run: Run, random: Random): void {
  if (random.chance(0.1)) run.step({ type: 'writable', conn: run.conn });
  if (random.chance(0.05)) {
    run.now = peerDeadline(run.state) ?? run.now;
    run.step({ type: 'tick' });
  }
  if (random.chance(0.01)) run.step({ type: 'tcpAccepted', conn: `in/${2 + random.below(3)}`, ...ENDS });
  if (random.chance(0.01)) run.step({ type: random.pick(['bfdDown', 'bfdUp'] as const) });
}

function end(run: Run, random: Random): void {
  const { conn } = run;
  if (random.chance(0.5)) run.step({ type: 'tcpClosed', conn, reason: 'ECONNRESET' });
  else
    run.step({
      type: 'stop',
      reason: random.pick([{ kind: 'shutdown', text: 'x' }, { kind: 'restart' }, { kind: 'deconfigured' }] as const),
    });
  for (let i = 0; i < 3; i++) {
    run.now = peerDeadline(run.state) ?? run.now;
    run.step({ type: 'tick' });
  }
}
