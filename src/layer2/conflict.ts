import { type Instant, type Machine, after, earliest } from '../machine.ts';
import { type Ip } from '../net/ip.ts';
import { type Mac } from '../net/mac.ts';
import {
  CONFLICT_DEFAULTS,
  type ConflictConfig,
  type ConflictEffect,
  type ConflictEvent,
  type ConflictState,
  type Contested,
  type ForeignClaim,
  type Remembered,
  type Speaker,
  type Yielded,
} from './conflictState.ts';
import { DueHeap } from './dueHeap.ts';
import { goesBefore } from './elector.ts';
import { type Sighting } from './response.ts';

/** So many times the grace an answer to what was said is waited for. */
const CONTEST_GRACES = 4;
/** Less than it takes for a quarrel to be forgotten. */
const LONGEST_PAUSE_MS = 640;
/** So often it is said that the address is this node's. One that hears nobody either gives up at the first time. */
const OVERRULED_AFTER = 3;

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
      case 'met':
        return [state, forgive(state, event.mac)];
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
  if (speaker.doubt === 'strayed') return leaveTo(state, ip, speaker.node, now);
  const isClaimed = sighting.phase === 'claimed';
  if (speaker.isLost === true || !goesBefore(speaker.node, state.node, speaker.order)) return goOn(state, sighting, speaker, now);
  const contested = state.contested.get(ip);
  const isContradicted = contested?.isSaid === true && contested.before.has(speaker.node);
  if (!isClaimed || !speaker.isMet || isContradicted) return leaveTo(state, ip, speaker.node, now);
  wait(state, contested ?? newContest(ip, now), speaker.node, now);
  return [];
}

/** For it to give up by itself. */
function wait(state: ConflictState, contested: Contested, node: string, now: Instant): void {
  contested.before.add(node);
  if (contested.isSaid) contest(state, contested, after(now, state.config.graceMs));
}

/** It was asked whether a stranger has the address, and one of ours does, of which both know that it is to be this node's. */
function isVouched({ waits }: ConflictState, { ip, phase }: Sighting, { isMet }: Speaker): boolean {
  return phase === 'probing' && isMet && !waits.has(ip);
}

/** The one that goes before, as far as this node knows. */
function goOn(state: ConflictState, { ip, phase }: Sighting, speaker: Speaker, now: Instant): ConflictEffect[] {
  if (isOverruled(state, ip, speaker, now)) return leaveTo(state, ip, speaker.node, now);
  return phase === 'claimed' ? answer(state, ip, speaker, now) : [];
}

/** Who is told again and again and goes on knows what a node cannot know that hears nobody: that the others do hear each other. */
function isOverruled({ contested, waits }: ConflictState, ip: Ip, { node, doubt }: Speaker, now: Instant): boolean {
  if (doubt !== 'alone') return false;
  const left = waits.get(ip);
  return (left !== undefined && left.until >= now) || (contested.get(ip)?.told.get(node)?.times ?? 0) >= OVERRULED_AFTER;
}

function leaveTo(state: ConflictState, ip: Ip, to: string, now: Instant): ConflictEffect[] {
  const before = state.yielded.get(ip);
  if (before !== undefined) state.yieldedDue.remove(before);
  const yielded: Yielded = { ip, to, dueAt: now, slot: -1 };
  state.yielded.set(ip, yielded);
  const waitMs = before === undefined ? nextWait(state, ip, to, now) : (state.waits.get(ip)?.ms ?? state.config.yieldMs);
  state.yieldedDue.schedule(yielded, after(now, waitMs));
  return before === undefined ? [{ kind: 'yield', ip, to }] : [];
}

function nextWait({ waits, config }: ConflictState, ip: Ip, to: string, now: Instant): number {
  const last = waits.get(ip);
  const ms = last === undefined || last.until < now ? config.yieldMs : Math.min(2 * last.ms, config.longestYieldMs);
  // It is asked for in between, and may be had for a moment.
  waits.set(ip, { ms, until: after(now, 2 * ms + config.yieldMs), to });
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
  return { ip, isSaid: true, told: new Map(), untold: new Set(), before: new Set(), dueAt: now, slot: -1 };
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
  // Also of what is being asked for at this moment: that one's answer is then what an owner of up to now says.
  for (const [ip, { to }] of state.waits) if (to === node) state.waits.delete(ip);
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

/** Speakers that begin, or begin anew, claim before they know one another: what comes of that is settled among them. */
function forgive(state: ConflictState, mac: Mac): ConflictEffect[] {
  const over = [...state.foreign].filter(([, { claim }]) => claim.mac === mac);
  for (const [key, entry] of over) forget(state, key, entry);
  return over.map(([, { claim }]) => ({ kind: 'foreignGone', claim }));
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
