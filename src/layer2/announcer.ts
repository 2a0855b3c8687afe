import { type Context, type Instant, type Machine, after, instant, jitter } from '../machine.ts';
import { type Ip } from '../net/ip.ts';
import {
  ANNOUNCER_DEFAULTS,
  type AnnouncerConfig,
  type AnnouncerEffect,
  type AnnouncerEvent,
  type AnnouncerState,
  type Claim,
  type WantedClaim,
  sameNames,
} from './announcerState.ts';
import { DueHeap } from './dueHeap.ts';
import { type Link, isFit, isSelected, sameLink } from './link.ts';
import { makeBucket, readyAt, refill } from './tokenBucket.ts';

type Effects = AnnouncerEffect[];

/** So many announcements are worth a wake-up; fewer wait for one another while the rate limit holds. */
const BATCH = 100;
/** More may come within so long. */
const CATCH_UP_MS = 500;
/** So many go out in one step, which takes a few milliseconds: a BFD packet that waits longer may come too late. */
const MOST_AT_ONCE = 128;

export function startAnnouncer(now: Instant, config: Partial<AnnouncerConfig> = {}): AnnouncerState {
  const all = { ...ANNOUNCER_DEFAULTS, ...config };
  return {
    config: all,
    claims: new Map(),
    due: new DueHeap(),
    bucket: makeBucket(all.pacePerSecond, all.paceBurst, now),
    links: new Map(),
  };
}

/** Probes for, takes, announces and releases the addresses of one node. Its state is changed in place. */
export const announcer: Machine<AnnouncerState, AnnouncerEvent, AnnouncerEffect> = {
  step: (state, event, context) => {
    const effects: Effects = [];
    handle(state, event, context.now, effects);
    // Every event may have made something due, and what is due goes out with it; at the deadline, where there is much to do besides.
    if (!isOneOfMany(event)) sendDue(state, context, effects);
    return [state, effects];
  },
  deadline: (state) => {
    const first = state.due.first();
    if (first === undefined) return undefined;
    if (state.bucket.tokens >= 1) return first.dueAt;
    return instant(Math.max(first.dueAt, readyAt(state.bucket, BATCH)));
  },
};

/** What frames of others bring comes by the thousand while they are read, and many claims have taken their time. */
function isOneOfMany(event: AnnouncerEvent): boolean {
  if (event.kind === 'claims') return event.claims.length > MOST_AT_ONCE;
  return event.kind === 'defend' || event.kind === 'yield' || event.kind === 'release';
}

function handle(state: AnnouncerState, event: AnnouncerEvent, now: Instant, effects: Effects): void {
  switch (event.kind) {
    case 'links':
      return changeLinks(state, event.links, now, effects);
    case 'claims':
      return changeClaims(state, event.claims, event.gone, now, effects);
    case 'tick':
      return undefined;
    case 'refresh':
      return refresh(state, now);
    case 'release':
    case 'occupied':
    case 'vouched':
    case 'defend':
    case 'yield':
    case 'resume': {
      const claim = state.claims.get(event.ip);
      return claim === undefined ? undefined : changeOne(state, claim, event, now, effects);
    }
  }
}

function changeOne(
  state: AnnouncerState,
  claim: Claim,
  event: Extract<AnnouncerEvent, { readonly ip: Ip }>,
  now: Instant,
  effects: Effects,
): void {
  switch (event.kind) {
    case 'release':
      return release(state, claim, effects);
    case 'occupied':
      if (claim.phase !== 'probing') return undefined;
      claim.phase = 'refused';
      const { refusedFirstMs, refusedRetryMs } = state.config;
      state.due.schedule(claim, after(now, Math.min(refusedRetryMs, refusedFirstMs * 2 ** claim.refusals)));
      claim.refusals += 1;
      effects.push({ kind: 'silence', ip: claim.ip }, { kind: 'refused', ip: claim.ip, mac: event.mac, interface: event.interface });
      return undefined;
    case 'vouched':
      if (claim.phase !== 'probing') return undefined;
      claim.held = true;
      return begin(state, claim, now, effects);
    case 'defend':
      return defend(state, claim, event.speaker === true, now, effects);
    case 'yield':
      if (claim.phase === 'yielded') return undefined;
      claim.phase = 'yielded';
      state.due.remove(claim);
      effects.push({ kind: 'silence', ip: claim.ip });
      return undefined;
    case 'resume':
      if (claim.phase !== 'yielded') return undefined;
      claim.asks = event.probe === true;
      if (claim.asks) claim.held = false;
      return begin(state, claim, now, effects);
  }
}

function defend(state: AnnouncerState, claim: Claim, isAgainstSpeaker: boolean, now: Instant, effects: Effects): void {
  if (claim.phase !== 'claimed' || isQuiet(claim)) return;
  // RFC 5227 §2.4 (c): two defenders must not talk each other into a storm.
  if (!isAgainstSpeaker && claim.defendedAt !== undefined && now - claim.defendedAt < state.config.defendIntervalMs) return;
  claim.defendedAt = now;
  for (const link of linksOf(state, claim)) effects.push({ kind: 'announce', ip: claim.ip, interface: link.name });
}

function changeClaims(
  state: AnnouncerState,
  wanted: readonly WantedClaim[],
  gone: readonly Ip[] | undefined,
  now: Instant,
  effects: Effects,
): void {
  for (const ip of gone ?? missing(state, wanted)) {
    const claim = state.claims.get(ip);
    if (claim !== undefined) release(state, claim, effects);
  }
  for (const want of wanted) {
    const claim = state.claims.get(want.ip);
    if (claim === undefined) {
      const fresh = newClaim(want, now);
      state.claims.set(want.ip, fresh);
      begin(state, fresh, now, effects);
      continue;
    }
    changeWish(state, claim, want, now, effects);
  }
}

function changeWish(state: AnnouncerState, claim: Claim, want: WantedClaim, now: Instant, effects: Effects): void {
  const moved = !sameNames(claim.wanted.interfaces, want.interfaces);
  const isToBegin = isQuiet(claim) || moved;
  // It was to be asked for, and nobody has answered for it yet: a later wish changes nothing of that.
  claim.wanted = claim.wanted.probe && !claim.held && !want.probe ? { ...want, probe: true } : want;
  if (!isQuiet(claim)) {
    if (isToBegin && claim.phase !== 'refused' && claim.phase !== 'yielded') begin(state, claim, now, effects);
    return;
  }
  state.due.remove(claim);
  // What is only kept for another node is kept where it may be announced still, and nowhere else.
  if (moved && claim.phase === 'claimed' && linksOf(state, claim).length === 0) begin(state, claim, now, effects);
}

function missing(state: AnnouncerState, wanted: readonly WantedClaim[]): Ip[] {
  const kept = new Set(wanted.map(({ ip }) => ip));
  return [...state.claims.keys()].filter((ip) => !kept.has(ip));
}

function release(state: AnnouncerState, claim: Claim, effects: Effects): void {
  state.due.remove(claim);
  state.claims.delete(claim.ip);
  effects.push({ kind: 'silence', ip: claim.ip });
}

/** The burst from its beginning, for all that is held. */
function refresh(state: AnnouncerState, now: Instant): void {
  for (const claim of state.claims.values()) {
    if (claim.phase !== 'claimed' || isQuiet(claim)) continue;
    claim.sent = 0;
    state.due.schedule(claim, firstDue(state, claim, now));
  }
}

const isQuiet = ({ wanted }: Claim): boolean => wanted.quiet === true;

function newClaim(wanted: WantedClaim, now: Instant): Claim {
  return {
    ip: wanted.ip,
    wanted,
    phase: 'waiting',
    sent: 0,
    held: false,
    asks: false,
    defendedAt: undefined,
    refusals: 0,
    noted: undefined,
    dueAt: now,
    slot: -1,
  };
}

function changeLinks(state: AnnouncerState, links: readonly Link[], now: Instant, effects: Effects): void {
  const before = state.links;
  state.links = new Map(links.map((link) => [link.name, link]));
  const fresh = links.filter((link) => link.up && !sameLink(before.get(link.name), link));
  const lost = [...before.values()].filter((link) => link.up && state.links.get(link.name)?.up !== true);
  if (fresh.length === 0 && lost.length === 0) return;
  for (const claim of state.claims.values()) {
    if (claim.phase === 'refused' || claim.phase === 'yielded' || isQuiet(claim)) continue;
    const concerned = (link: Link): boolean => isSelected(link.name, claim.wanted.interfaces);
    // An interface that appeared, came back or changed its MAC must hear of every address (switches and hosts know the old one).
    // Where another one is left on the same segment, the hosts know the MAC of the one that is gone.
    if (fresh.some(concerned) || (claim.phase !== 'waiting' && lost.some(concerned))) begin(state, claim, now, effects);
  }
}

/** Starts, or starts again, with a claim: probe if it must be, else hold it at once. */
function begin(state: AnnouncerState, claim: Claim, now: Instant, effects: Effects): void {
  const interfaces = claim.wanted.interfaces === undefined ? {} : { interfaces: claim.wanted.interfaces };
  claim.sent = 0;
  if (linksOf(state, claim).length === 0) {
    const wasAnswering = claim.phase === 'claimed' || claim.phase === 'probing';
    claim.phase = 'waiting';
    state.due.remove(claim);
    if (wasAnswering) effects.push({ kind: 'silence', ip: claim.ip });
    effects.push({ kind: 'stranded', ip: claim.ip, ...interfaces });
    return;
  }
  claim.phase = (claim.wanted.probe || claim.asks) && !claim.held && state.config.probeCount > 0 ? 'probing' : 'claimed';
  if (claim.phase === 'claimed') {
    claim.held = true;
    claim.refusals = 0;
  }
  effects.push({ kind: 'answer', ip: claim.ip, phase: claim.phase, ...interfaces });
  state.due.schedule(claim, firstDue(state, claim, now));
}

function firstDue(state: AnnouncerState, claim: Claim, now: Instant): Instant {
  return claim.phase === 'claimed' ? after(now, state.config.burstDelaysMs[0] ?? 0) : now;
}

function sendDue(state: AnnouncerState, context: Context, effects: Effects): void {
  refill(state.bucket, context.now);
  const least = state.bucket.tokens - MOST_AT_ONCE;
  for (;;) {
    const claim = state.due.first();
    if (claim === undefined || claim.dueAt > context.now || state.bucket.tokens < 1 || state.bucket.tokens <= least) return;
    if (claim.phase === 'refused') {
      begin(state, claim, context.now, effects);
      continue;
    }
    if (claim.phase === 'probing') probe(state, claim, context.now, effects);
    else announce(state, claim, context, effects);
  }
}

function probe(state: AnnouncerState, claim: Claim, now: Instant, effects: Effects): void {
  if (claim.sent >= state.config.probeCount) {
    claim.held = true;
    begin(state, claim, now, effects);
    return;
  }
  send(state, claim, 'probe', effects);
  state.due.schedule(claim, after(now, claim.asks ? state.config.askIntervalMs : state.config.probeIntervalMs));
}

function announce(state: AnnouncerState, claim: Claim, context: Context, effects: Effects): void {
  send(state, claim, 'announce', effects);
  const delays = state.config.burstDelaysMs;
  const next = delays[claim.sent];
  if (next !== undefined) {
    // The rate limit may have held this one back: the gap is kept.
    state.due.schedule(claim, after(context.now, next - (delays[claim.sent - 1] ?? 0) + backlogMs(state)));
  } else if (state.config.repeatMs > 0) {
    // Spread, so that thousands that were taken at once do not repeat at once.
    state.due.schedule(claim, after(context.now, jitter(state.config.repeatMs, 0.75, 1, context.random)));
  } else state.due.remove(claim);
}

/** Of thousands that are taken at once each is announced once before any is a second time. */
function backlogMs({ bucket, due, config }: AnnouncerState): number {
  return bucket.tokens >= MOST_AT_ONCE ? 0 : CATCH_UP_MS + (due.size * 1000) / config.pacePerSecond;
}

function send(state: AnnouncerState, claim: Claim, kind: 'probe' | 'announce', effects: Effects): void {
  claim.sent++;
  for (const link of linksOf(state, claim)) {
    state.bucket.tokens--;
    effects.push({ kind, ip: claim.ip, interface: link.name });
  }
}

function linksOf(state: AnnouncerState, claim: Claim): Link[] {
  const fit: Link[] = [];
  for (const link of state.links.values()) if (isFit(link, claim.ip) && isSelected(link.name, claim.wanted.interfaces)) fit.push(link);
  return fit;
}
