import { type Instant, type Machine, after, earliest } from '../machine.ts';
import { type Ip } from '../net/ip.ts';
import { type Mac } from '../net/mac.ts';
import { DueHeap, type DueItem } from './dueHeap.ts';
import { goesBefore } from './elector.ts';
import { type Sighting } from './response.ts';

/** A claimant that is none of our speakers. */
export interface ForeignClaim {
  readonly ip: Ip;
  readonly mac: Mac;
  readonly interface: string;
  readonly by: Sighting['by'];
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  readonly count: number;
}

export interface ConflictConfig {
  /** A claimant that has been silent for so long is gone. */
  readonly quietMs: number;
  /** So long after an address was left to another speaker it is asked for, and each time that it is still there after twice as long, up to the other. */
  readonly yieldMs: number;
  readonly longestYieldMs: number;
  /**
   * So long two speakers may both claim: what they know of the cluster is never quite of the same moment, and whoever is told last
   * gives up by itself. Then both say so again, and the one that goes behind gives up when it hears the other after that.
   */
  readonly graceMs: number;
  /** The one that goes before waits so long before it says so to one that it has a session with. */
  readonly answerMs: number;
  /** Claimants that are remembered at most; a flood with made-up MACs must not fill the memory. */
  readonly maxClaims: number;
}

export const CONFLICT_DEFAULTS: ConflictConfig = {
  quietMs: 300_000,
  yieldMs: 400,
  longestYieldMs: 8000,
  graceMs: 200,
  answerMs: 20,
  maxClaims: 1024,
};

/** Who of our own sent it, and all nodes in election order for the address. */
export interface Speaker {
  readonly node: string;
  readonly order: readonly string[];
  /** A session with it is up: by what both know, one of them will give up by itself. */
  readonly isMet: boolean;
  /** It hears nobody, and this node others: whatever the order, it is the one that is cut off. */
  readonly isLost?: boolean;
}

export type ConflictEvent =
  /** `speaker` when the MAC belongs to one. */
  | { readonly kind: 'sighted'; readonly sighting: Sighting; readonly speaker?: Speaker }
  /** It is dead or has no claim any more: what was left to it comes back at once. */
  | { readonly kind: 'speakerGone'; readonly node: string }
  /** The address is not ours any more. */
  | { readonly kind: 'released'; readonly ip: Ip }
  | { readonly kind: 'tick' };

export type ConflictEffect =
  /** Report a foreign claimant: on its first sighting only; its count goes on in the state. */
  | { readonly kind: 'foreign'; readonly claim: ForeignClaim }
  | { readonly kind: 'foreignGone'; readonly claim: ForeignClaim }
  /** Hand each of these to the announcer. */
  | { readonly kind: 'occupied'; readonly ip: Ip; readonly mac: Mac; readonly interface: string }
  /** `speaker`: against one of our own, and not more often than `graceMs` lets it. */
  | { readonly kind: 'defend'; readonly ip: Ip; readonly speaker?: boolean }
  | { readonly kind: 'yield'; readonly ip: Ip; readonly to: string }
  | { readonly kind: 'vouched'; readonly ip: Ip }
  /** `probe`: it may still be there, having been silent. */
  | { readonly kind: 'resume'; readonly ip: Ip; readonly probe?: boolean };

interface Yielded extends DueItem {
  readonly ip: Ip;
  readonly to: string;
}

interface Remembered extends DueItem {
  claim: ForeignClaim;
}

interface Contested extends DueItem {
  readonly ip: Ip;
  /** It was said again that the address is ours. */
  isSaid: boolean;
  /** What each of those that claim it was told. Who comes new into a quarrel does not wait because of those before. */
  readonly told: Map<string, { readonly at: Instant; readonly times: number }>;
  /** Those that have claimed it since it was last said. */
  readonly untold: Set<string>;
}

/** So many times the grace an answer to what was said is waited for. */
const CONTEST_GRACES = 4;
/** Less than it takes for a quarrel to be forgotten. */
const LONGEST_PAUSE_MS = 640;

/** Owned and changed in place as the announcer's is: a healed partition brings one sighting per address. */
export interface ConflictState {
  readonly node: string;
  readonly config: ConflictConfig;
  readonly foreign: Map<string, Remembered>;
  readonly foreignDue: DueHeap<Remembered>;
  readonly yielded: Map<Ip, Yielded>;
  readonly yieldedDue: DueHeap<Yielded>;
  /** How long it was waited last before an address was asked for, and until when that counts. */
  readonly waits: Map<Ip, { readonly ms: number; readonly until: Instant }>;
  /** Claimed by another speaker too. */
  readonly contested: Map<Ip, Contested>;
  readonly contestedDue: DueHeap<Contested>;
}

export function startConflicts(node: string, config: Partial<ConflictConfig> = {}): ConflictState {
  const all = { ...CONFLICT_DEFAULTS, ...config };
  return {
    node,
    config: all,
    foreign: new Map(),
    foreignDue: new DueHeap(),
    yielded: new Map(),
    yieldedDue: new DueHeap(),
    waits: new Map(),
    contested: new Map(),
    contestedDue: new DueHeap(),
  };
}

/** Judges what others say of our addresses. */
export const conflicts: Machine<ConflictState, ConflictEvent, ConflictEffect> = {
  step: (state, event, { now }) => {
    switch (event.kind) {
      case 'sighted': {
        const { sighting, speaker } = event;
        return [state, speaker === undefined ? sightForeign(state, sighting, now) : sightSpeaker(state, sighting, speaker, now)];
      }
      case 'speakerGone':
        return [state, speakerGone(state, event.node)];
      case 'released':
        release(state, event.ip);
        return [state, []];
      case 'tick':
        return [state, expire(state, now)];
    }
  },
  deadline: (state) => earliest(state.foreignDue.first()?.dueAt, state.yieldedDue.first()?.dueAt, state.contestedDue.first()?.dueAt),
};

/** Both compare the same two places in the same order, so exactly one of two speakers goes on. */
function sightSpeaker(state: ConflictState, sighting: Sighting, speaker: Speaker, now: Instant): ConflictEffect[] {
  const { ip } = sighting;
  // Who asks first takes nothing from anybody yet; a node that probes hears the owner of up to now.
  if (sighting.by === 'probe') return [];
  if (isVouched(state, sighting, speaker)) return [{ kind: 'vouched', ip }];
  const isClaimed = sighting.phase === 'claimed';
  if (speaker.isLost === true || !goesBefore(speaker.node, state.node, speaker.order))
    return isClaimed ? answer(state, ip, speaker, now) : [];
  const contested = state.contested.get(ip);
  if (!isClaimed || !speaker.isMet || contested?.isSaid === true) return leaveTo(state, ip, speaker.node, now);
  if (contested === undefined) contest(state, newContest(ip, now), after(now, state.config.graceMs));
  return [];
}

/** It was asked whether a stranger has the address, and one of ours does, of which both know that it is to be this node's. */
function isVouched({ waits }: ConflictState, { ip, phase }: Sighting, { isMet }: Speaker): boolean {
  return phase === 'probing' && isMet && !waits.has(ip);
}

function leaveTo(state: ConflictState, ip: Ip, to: string, now: Instant): ConflictEffect[] {
  const before = state.yielded.get(ip);
  if (before !== undefined) state.yieldedDue.remove(before);
  const yielded: Yielded = { ip, to, dueAt: now, slot: -1 };
  state.yielded.set(ip, yielded);
  const waitMs = before === undefined ? nextWait(state, ip, now) : (state.waits.get(ip)?.ms ?? state.config.yieldMs);
  state.yieldedDue.schedule(yielded, after(now, waitMs));
  return before === undefined ? [{ kind: 'yield', ip, to }] : [];
}

function nextWait({ waits, config }: ConflictState, ip: Ip, now: Instant): number {
  const last = waits.get(ip);
  const ms = last === undefined || last.until < now ? config.yieldMs : Math.min(2 * last.ms, config.longestYieldMs);
  // It is asked for in between, and may be had for a moment.
  waits.set(ip, { ms, until: after(now, 2 * ms + config.yieldMs) });
  return ms;
}

function contest(state: ConflictState, contested: Contested, dueAt: Instant): void {
  contested.isSaid = false;
  state.contested.set(contested.ip, contested);
  state.contestedDue.schedule(contested, dueAt);
}

/**
 * Tells the one that goes behind. Where no session with it is up (parts of a segment that were just joined) nobody else will, so it is told
 * at once; else it may be about to give up by itself. And ever more rarely, or two that do not agree would make a storm.
 */
function answer(state: ConflictState, ip: Ip, { node, isMet }: Speaker, now: Instant): ConflictEffect[] {
  const contested = state.contested.get(ip) ?? newContest(ip, now);
  const { answerMs } = state.config;
  const told = contested.told.get(node);
  contested.untold.add(node);
  const pauseLeft = told === undefined ? 0 : told.at + Math.min(answerMs * 2 ** told.times, LONGEST_PAUSE_MS) - now;
  const waitMs = Math.max(0, isMet ? answerMs : 0, pauseLeft);
  if (waitMs === 0) return say(state, contested, now);
  if (contested.isSaid || contested.dueAt > now + waitMs) contest(state, contested, after(now, waitMs));
  return [];
}

function newContest(ip: Ip, now: Instant): Contested {
  return { ip, isSaid: true, told: new Map(), untold: new Set(), dueAt: now, slot: -1 };
}

function say(state: ConflictState, contested: Contested, now: Instant): ConflictEffect[] {
  contested.isSaid = true;
  for (const node of contested.untold) contested.told.set(node, { at: now, times: (contested.told.get(node)?.times ?? 0) + 1 });
  contested.untold.clear();
  state.contested.set(contested.ip, contested);
  state.contestedDue.schedule(contested, after(now, CONTEST_GRACES * state.config.graceMs));
  return [{ kind: 'defend', ip: contested.ip, speaker: true }];
}

function sightForeign(state: ConflictState, sighting: Sighting, now: Instant): ConflictEffect[] {
  const { ip, mac, by, phase } = sighting;
  const key = `${ip} ${mac} ${sighting.interface}`;
  const known = state.foreign.get(key);
  const effects: ConflictEffect[] = [];
  if (phase === 'probing') effects.push({ kind: 'occupied', ip, mac, interface: sighting.interface });
  else if (by !== 'probe') effects.push({ kind: 'defend', ip });
  if (known === undefined && state.foreign.size >= state.config.maxClaims) return effects;
  const firstSeen = known?.claim.firstSeen ?? now;
  const claim: ForeignClaim = {
    ip,
    mac,
    interface: sighting.interface,
    by,
    firstSeen,
    lastSeen: now,
    count: (known?.claim.count ?? 0) + 1,
  };
  const entry: Remembered = known ?? { claim, dueAt: now, slot: -1 };
  entry.claim = claim;
  state.foreign.set(key, entry);
  state.foreignDue.schedule(entry, after(now, state.config.quietMs));
  if (known === undefined) effects.push({ kind: 'foreign', claim });
  return effects;
}

function speakerGone(state: ConflictState, node: string): ConflictEffect[] {
  // What was said before it went, or while neither heard the other, is no part of a quarrel that comes.
  for (const contested of state.contested.values()) if (contested.isSaid) endContest(state, contested);
  const over = [...state.yielded.values()].filter(({ to }) => to === node);
  for (const { ip } of over) state.waits.delete(ip);
  return resume(state, over);
}

function resume(state: ConflictState, over: readonly Yielded[]): { readonly kind: 'resume'; readonly ip: Ip }[] {
  for (const entry of over) {
    state.yielded.delete(entry.ip);
    state.yieldedDue.remove(entry);
  }
  return over.map(({ ip }) => ({ kind: 'resume', ip }));
}

function release(state: ConflictState, ip: Ip): void {
  state.waits.delete(ip);
  const yielded = state.yielded.get(ip);
  if (yielded !== undefined) resume(state, [yielded]);
  const contested = state.contested.get(ip);
  if (contested !== undefined) endContest(state, contested);
  for (const [key, entry] of state.foreign) if (entry.claim.ip === ip) forget(state, key, entry);
}

function endContest(state: ConflictState, contested: Contested): void {
  state.contested.delete(contested.ip);
  state.contestedDue.remove(contested);
}

function forget(state: ConflictState, key: string, entry: Remembered): void {
  state.foreign.delete(key);
  state.foreignDue.remove(entry);
}

function expire(state: ConflictState, now: Instant): ConflictEffect[] {
  const effects: ConflictEffect[] = [];
  for (let entry = state.foreignDue.first(); entry !== undefined && entry.dueAt <= now; entry = state.foreignDue.first()) {
    const { claim } = entry;
    forget(state, `${claim.ip} ${claim.mac} ${claim.interface}`, entry);
    effects.push({ kind: 'foreignGone', claim });
  }
  for (let entry = state.yieldedDue.first(); entry !== undefined && entry.dueAt <= now; entry = state.yieldedDue.first())
    effects.push(...resume(state, [entry]).map((effect) => ({ ...effect, probe: true })));
  for (let entry = state.contestedDue.first(); entry !== undefined && entry.dueAt <= now; entry = state.contestedDue.first()) {
    if (entry.isSaid) endContest(state, entry);
    else effects.push(...say(state, entry, now));
  }
  return effects;
}
