import type { Family } from '../net/ip.ts';
import { type NlriRun, lengthAt } from '../wire/bgp/nlri.ts';
import { type Envelope, attributesKey, envelopeKey, isClassic, makeEnvelope } from './encodedRoutes.ts';
import type { ExportPolicy } from './exportPolicy.ts';
import { type PrefixKey, RunBuilder, firstOf, packedRoutes, prefixKey, withPathIds } from './packedRoutes.ts';
import type { PackedSet, RouteAttributes, RouteSet } from './session.ts';
import { diffTables } from './tableDiff.ts';
import { type Marker, type Packing, writeMarker, writeRun } from './updatePacker.ts';

/**
 * RFC 4271 §3.2: what this peer is to hold (`desired`), what it has been told, and the UPDATEs in between.
 *
 * This is a mutable value that its peer machine owns: a table of 100,000 prefixes is not copied per step. The whole desired
 * set is handed over; the difference is worked out here, and written only when there is room in the socket. Nothing is kept
 * per prefix: a table is a few attribute sets and the bytes of their prefixes.
 */
export interface AdjRibOut {
  /** undefined: nobody has said yet what is desired, so that not even an End-of-RIB can be sent. */
  desired: readonly PackedSet[] | undefined;
  session: RibSession | undefined;
  /** What the peer held when the queue was last empty. */
  holds: readonly PackedSet[];
  /** Work done since then. */
  sent: Work[];
  /** Work to be done, in order. */
  queue: Item[];
  /** Families whose End-of-RIB is still to be sent (RFC 4724 §3). */
  endOfRib: Set<Family>;
  /** Families whose whole table was asked for (RFC 2918) and is not yet out. */
  refreshing: Set<Family>;
  /** Withdrawn because their family has no next hop any more. */
  leaving: Set<NlriRun>;
  /** Of these, those that were asked for once more. */
  refreshAgain: Set<Family>;
}

export interface RibSession {
  readonly policy: ExportPolicy;
  /** That were negotiated and have a next hop. */
  readonly families: readonly Family[];
  readonly addPath: readonly Family[];
  readonly maxMessage: number;
  readonly enhancedRefresh: boolean;
  /** By attribute key and family. */
  readonly envelopes: Map<string, Envelope>;
}

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

type Item = Work | { readonly kind: 'marker'; readonly marker: Marker };

interface Work {
  readonly kind: 'announce' | 'withdraw';
  /** Without path identifiers. */
  readonly run: NlriRun;
  /** As it is sent. */
  readonly nlri: NlriRun;
  /** Absent: withdrawn. */
  readonly attributes?: RouteAttributes;
  bytesDone: number;
  prefixesDone: number;
}

export function createAdjRibOut(): AdjRibOut {
  return {
    desired: undefined,
    session: undefined,
    holds: [],
    sent: [],
    queue: [],
    endOfRib: new Set(),
    refreshing: new Set(),
    leaving: new Set(),
    refreshAgain: new Set(),
  };
}

/** A session is up, and the peer holds nothing of ours. */
export function startSession(rib: AdjRibOut, session: RibSession): void {
  stopSession(rib);
  rib.session = session;
  rib.endOfRib = new Set(session.families);
  if (rib.desired !== undefined) plan(rib, session, rib.desired);
}

export function stopSession(rib: AdjRibOut): void {
  rib.session = undefined;
  rib.holds = [];
  rib.sent = [];
  rib.queue = [];
  rib.endOfRib.clear();
  rib.refreshing.clear();
  rib.leaving.clear();
  rib.refreshAgain.clear();
}

/** Hands over all that the peer is to hold. No prefix may stand in two sets: it would get the attributes of either. */
export function setDesired(rib: AdjRibOut, routes: readonly (RouteSet | PackedSet)[]): void {
  const desired = packedRoutes(routes);
  if (rib.desired === desired) return;
  rib.desired = desired;
  if (rib.session !== undefined) plan(rib, rib.session, desired);
}

/**
 * Sends the whole table of a family again (RFC 2918 §4). A peer that asks while it is being told is told once more, and once only,
 * however often it asks: the answer costs a peer's reading, and asking costs nothing that grows with the table.
 */
export function refresh(rib: AdjRibOut, family: Family): void {
  const { session, desired } = rib;
  if (session === undefined || desired === undefined || !session.families.includes(family)) return;
  if (rib.refreshing.has(family)) {
    const waiting = rib.queue.some((item) => item.kind === 'marker' && item.marker.kind === 'begin' && item.marker.family === family);
    if (!waiting) rib.refreshAgain.add(family);
    return;
  }
  rib.refreshing.add(family);
  rib.queue.push(...refreshed(session, desired, family));
}

/** RFC 7313 §4: between bounds, where that was agreed on. */
function refreshed(session: RibSession, desired: readonly PackedSet[], family: Family): Item[] {
  const end: Item = { kind: 'marker', marker: { kind: session.enhancedRefresh ? 'end' : 'done', family } };
  const begin: Item[] = session.enhancedRefresh ? [{ kind: 'marker', marker: { kind: 'begin', family } }] : [];
  return [...begin, ...wholeTable(session, desired, [family]), end];
}

/**
 * Other next hops from now on, on the same session: families whose next hop is another are told again, those that have none any
 * more are withdrawn, and those that have one now begin.
 */
export function changePolicy(rib: AdjRibOut, policy: ExportPolicy, families: readonly Family[]): void {
  const before = rib.session;
  if (before === undefined) return;
  const changed = FAMILIES.filter((family) => String(policy.nextHops[family]) !== String(before.policy.nextHops[family]));
  if (changed.length === 0) return;
  keepStarted(rib);
  const held = heldNow(rib);
  const gone = before.families.filter((family) => !families.includes(family));
  for (const { nlri } of held) if (gone.includes(nlri.family)) rib.leaving.add(nlri);
  for (const family of gone) {
    rib.endOfRib.delete(family);
    rib.refreshing.delete(family);
  }
  for (const family of families) if (!before.families.includes(family)) rib.endOfRib.add(family);
  rib.session = { ...before, policy, families, envelopes: new Map() };
  rib.holds = held.filter(({ nlri }) => !changed.includes(nlri.family));
  rib.sent = [];
  rib.queue = [];
  if (rib.desired !== undefined) plan(rib, rib.session, rib.desired);
}

/** What is half told counts as told, as far as it goes. */
function keepStarted(rib: AdjRibOut): void {
  for (const item of rib.queue) if (item.kind !== 'marker' && item.prefixesDone > 0) rib.sent.push(item);
}

export function isDrained(rib: AdjRibOut): boolean {
  return rib.queue.length === 0;
}

/** Replaces the queue by what leads from what the peer holds to what it is to hold. */
function plan(rib: AdjRibOut, session: RibSession, desired: readonly PackedSet[]): void {
  keepStarted(rib);
  const { changed, gone } = diffTables(rib.sent.length === 0 ? rib.holds : heldNow(rib), desired);
  // New owners of an address space come before the old ones go: nothing is dark in between.
  rib.queue = [...rib.leaving].map((run) => workOf(session, run));
  rib.queue.push(...wholeTable(session, changed, session.families));
  for (const run of gone) if (session.families.includes(run.family)) rib.queue.push(workOf(session, run));
  // RFC 7313 §4: no refresh begins before the End-of-RIB.
  for (const family of rib.endOfRib) rib.queue.push({ kind: 'marker', marker: { kind: 'endOfRib', family } });
  for (const family of rib.refreshing) rib.queue.push(...refreshed(session, desired, family));
  settle(rib);
}

function wholeTable(session: RibSession, desired: readonly PackedSet[], families: readonly Family[]): Item[] {
  return desired.filter(({ nlri }) => families.includes(nlri.family)).map(({ attributes, nlri }) => workOf(session, nlri, attributes));
}

/** @param attributes absent: the prefixes are withdrawn */
function workOf(session: RibSession, run: NlriRun, attributes?: RouteAttributes): Work {
  const nlri = session.addPath.includes(run.family) ? withPathIds(run) : run;
  const done = { bytesDone: 0, prefixesDone: 0 };
  return attributes === undefined ? { kind: 'withdraw', run, nlri, ...done } : { kind: 'announce', run, nlri, attributes, ...done };
}

/** With an empty queue the peer holds what it is to hold. */
function settle(rib: AdjRibOut): void {
  if (rib.queue.length > 0 || rib.desired === undefined) return;
  rib.holds = rib.desired;
  rib.sent = [];
}

/** What a peer holds that a new desired set finds half told. */
function heldNow(rib: AdjRibOut): PackedSet[] {
  const told = new Map<PrefixKey, { readonly attributes: RouteAttributes; readonly run: NlriRun; readonly at: number }>();
  const tell = (run: NlriRun, attributes: RouteAttributes | undefined): void => {
    for (let at = 0; at < run.bytes.length; at += lengthAt(run, at)) {
      if (attributes === undefined) told.delete(prefixKey(run, at));
      else told.set(prefixKey(run, at), { attributes, run, at });
    }
  };
  for (const { attributes, nlri } of rib.holds) tell(nlri, attributes);
  for (const { attributes, run, prefixesDone } of rib.sent) tell(firstOf(run, prefixesDone), attributes);
  const builders = new Map<string, { readonly attributes: RouteAttributes; readonly builder: RunBuilder }>();
  for (const { attributes, run, at } of told.values()) {
    const key = `${run.family} ${attributesKey(attributes)}`;
    const known = builders.get(key) ?? { attributes, builder: new RunBuilder(run.family) };
    builders.set(key, known);
    known.builder.add(run.bytes, at, at + lengthAt(run, at));
  }
  return [...builders.values()].flatMap(({ attributes, builder }) => {
    const nlri = builder.run();
    return nlri === undefined ? [] : [{ attributes, nlri }];
  });
}

export interface Pulled {
  readonly bytes: Uint8Array;
  readonly messages: number;
  /** The bounds of a refresh are messages of their own. */
  readonly updates: number;
}

/**
 * Writes the next UPDATEs.
 * @returns as many whole messages as fit into `maxBytes` and `maxMessages`, at least one when there is work.
 */
export function pull(rib: AdjRibOut, maxBytes: number, maxMessages: number): Pulled {
  const { session } = rib;
  const packing: Packing = { chunks: [], bytes: 0, messages: 0, updates: 0 };
  while (packing.bytes < maxBytes && packing.messages < maxMessages) {
    const [item] = rib.queue;
    if (item === undefined || session === undefined) break;
    if (!advance(rib, session, item, packing, maxBytes, maxMessages)) continue;
    rib.queue.shift();
    if (item.kind !== 'marker') {
      rib.sent.push(item);
      rib.leaving.delete(item.run);
    }
    settle(rib);
  }
  return { bytes: join(packing), messages: packing.messages, updates: packing.updates };
}

/** @returns whether the item is done. */
function advance(rib: AdjRibOut, session: RibSession, item: Item, packing: Packing, maxBytes: number, maxMessages: number): boolean {
  if (item.kind === 'marker') {
    const { kind, family } = item.marker;
    if (kind === 'endOfRib') rib.endOfRib.delete(family);
    writeMarker(packing, item.marker);
    if (kind === 'end' || kind === 'done') rib.refreshing.delete(family);
    if (!rib.refreshing.has(family) && rib.refreshAgain.delete(family)) refresh(rib, family);
    return true;
  }
  const { family } = item.nlri;
  const classic = isClassic(family, session.policy);
  const envelope = item.attributes === undefined ? undefined : envelopeOf(session, item.attributes, family);
  if (item.kind === 'announce' && envelope === undefined) return true;
  const done = writeRun(
    packing,
    { nlri: item.nlri, from: item.bytesDone, envelope, classic, maxMessage: session.maxMessage },
    maxBytes,
    maxMessages,
  );
  item.bytesDone += done.bytes;
  item.prefixesDone += done.prefixes;
  return item.bytesDone >= item.nlri.bytes.length;
}

function envelopeOf(session: RibSession, attributes: RouteAttributes, family: Family): Envelope | undefined {
  const name = envelopeKey(attributes, family);
  const known = session.envelopes.get(name) ?? makeEnvelope(attributes, family, session.policy);
  if (known !== undefined) session.envelopes.set(name, known);
  return known;
}

function join(packing: Packing): Uint8Array {
  const [only, ...more] = packing.chunks;
  if (only !== undefined && more.length === 0) return only;
  const bytes = new Uint8Array(packing.bytes);
  let at = 0;
  for (const chunk of packing.chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
