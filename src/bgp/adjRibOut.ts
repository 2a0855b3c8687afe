import type { Family } from '../net/ip.ts';
import type { Prefix } from '../net/prefix.ts';
import { type Envelope, type FamilyRun, attributesKey, encodedRun, isClassic, makeEnvelope } from './encodedRoutes.ts';
import type { ExportPolicy } from './exportPolicy.ts';
import type { RouteAttributes, RouteSet } from './session.ts';
import { type Marker, type Packing, writeMarker, writeRun } from './updatePacker.ts';

/**
 * RFC 4271 §3.2: what this peer is to hold (`desired`), what it has been told, and the UPDATEs in between.
 *
 * This is a mutable value that its peer machine owns: a table of 100,000 prefixes is not copied per step. The whole desired
 * set is handed over; the difference is worked out here, and written only when there is room in the socket. Nothing is kept
 * per prefix until a second desired set arrives: a first table is a few runs of bytes.
 */
export interface AdjRibOut {
  /** undefined: nobody has said yet what is desired, so that not even an End-of-RIB can be sent. */
  desired: readonly RouteSet[] | undefined;
  session: RibSession | undefined;
  /** What the peer holds, without what `sent` adds to it. Values are attribute keys. */
  told: Map<Prefix, string>;
  /** Work done since `told` was last brought up to date. */
  sent: Item[];
  /** Work to be done, in order. */
  queue: Item[];
  /** Families whose End-of-RIB is still to be sent (RFC 4724 §3). */
  endOfRib: Set<Family>;
  /** Families whose whole table was asked for (RFC 2918) and is not yet out. */
  refreshing: Set<Family>;
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

type Item =
  | {
      readonly kind: 'announce';
      readonly run: FamilyRun;
      readonly key: string;
      readonly attributes: RouteAttributes;
      bytesDone: number;
      prefixesDone: number;
    }
  | { readonly kind: 'withdraw'; readonly run: FamilyRun; bytesDone: number; prefixesDone: number }
  | { readonly kind: 'marker'; readonly marker: Marker };

export function createAdjRibOut(): AdjRibOut {
  return {
    desired: undefined,
    session: undefined,
    told: new Map(),
    sent: [],
    queue: [],
    endOfRib: new Set(),
    refreshing: new Set(),
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
  rib.told = new Map();
  rib.sent = [];
  rib.queue = [];
  rib.endOfRib.clear();
  rib.refreshing.clear();
}

/** Hands over all that the peer is to hold; a prefix that stands in several sets gets the attributes of the last. */
export function setDesired(rib: AdjRibOut, routes: readonly RouteSet[]): void {
  if (rib.desired !== undefined && sameRoutes(rib.desired, routes)) return;
  rib.desired = routes;
  if (rib.session !== undefined) plan(rib, rib.session, routes);
  // The bytes will be wanted the moment a session comes up.
  else for (const { prefixes } of routes) for (const family of ['ipv4', 'ipv6'] as const) encodedRun(prefixes, family, false);
}

/** Sends the whole table of a family again (RFC 2918 §4), once however often it is asked for before it is out. */
export function refresh(rib: AdjRibOut, family: Family): void {
  const { session, desired } = rib;
  if (session === undefined || desired === undefined || !session.families.includes(family)) return;
  const waiting = rib.queue.some((item) => item.kind === 'marker' && item.marker.kind === 'begin' && item.marker.family === family);
  if (waiting) return;
  rib.refreshing.add(family);
  // RFC 7313 §4: a refresh that is under way is begun anew.
  plan(rib, session, desired);
}

export function isDrained(rib: AdjRibOut): boolean {
  return rib.queue.length === 0;
}

/** Prefixes that the peer has been told of and not been told to forget; exact when drained. */
export function announcedCount(rib: AdjRibOut): number {
  if (rib.session === undefined) return 0;
  let count = 0;
  for (const { prefixes } of rib.desired ?? []) {
    for (const family of rib.session.families) count += encodedRun(prefixes, family, rib.session.addPath.includes(family))?.nlri.count ?? 0;
  }
  for (const item of rib.queue) if (item.kind === 'announce') count -= item.run.nlri.count - item.prefixesDone;
  return Math.max(0, count);
}

/** Replaces the queue by what leads from what the peer holds to what it is to hold. */
function plan(rib: AdjRibOut, session: RibSession, desired: readonly RouteSet[]): void {
  catchUp(rib);
  rib.queue = rib.told.size === 0 ? wholeTable(session, desired, session.families) : difference(rib, session, desired);
  for (const family of rib.refreshing) {
    if (session.enhancedRefresh) rib.queue.push({ kind: 'marker', marker: { kind: 'begin', family } });
    rib.queue.push(...wholeTable(session, desired, [family]));
    rib.queue.push({ kind: 'marker', marker: { kind: session.enhancedRefresh ? 'end' : 'done', family } });
  }
  for (const family of rib.endOfRib) rib.queue.push({ kind: 'marker', marker: { kind: 'endOfRib', family } });
}

function wholeTable(session: RibSession, desired: readonly RouteSet[], families: readonly Family[]): Item[] {
  return desired.flatMap(({ attributes, prefixes }) => {
    const key = attributesKey(attributes);
    return families.flatMap((family) => {
      const run = encodedRun(prefixes, family, session.addPath.includes(family));
      return run === undefined ? [] : [announce(run, key, attributes)];
    });
  });
}

function announce(run: FamilyRun, key: string, attributes: RouteAttributes): Item {
  return { kind: 'announce', run, key, attributes, bytesDone: 0, prefixesDone: 0 };
}

function difference(rib: AdjRibOut, session: RibSession, desired: readonly RouteSet[]): Item[] {
  const keys = desired.map((set) => attributesKey(set.attributes));
  const wanted = new Map<Prefix, string>();
  desired.forEach((set, i) => {
    for (const prefix of set.prefixes) wanted.set(prefix, keys[i] ?? '');
  });
  // New owners of an address space come before the old ones go: nothing is dark in between.
  const changed = desired.map(({ attributes, prefixes }, i) => {
    const key = keys[i] ?? '';
    return { attributes, prefixes: prefixes.filter((prefix) => wanted.get(prefix) === key && rib.told.get(prefix) !== key) };
  });
  const gone = [...rib.told.keys()].filter((prefix) => !wanted.has(prefix));
  const withdrawn = session.families.flatMap((family): Item[] => {
    const run = encodedRun(gone, family, session.addPath.includes(family));
    return run === undefined ? [] : [{ kind: 'withdraw', run, bytesDone: 0, prefixesDone: 0 }];
  });
  return [...wholeTable(session, changed, session.families), ...withdrawn];
}

/** Enters what was sent since the last time into `told`. */
function catchUp(rib: AdjRibOut): void {
  const begun = rib.queue.filter((item) => item.kind !== 'marker' && item.prefixesDone > 0);
  for (const item of [...rib.sent, ...begun]) {
    if (item.kind === 'marker') continue;
    const { prefixes } = item.run;
    for (let i = 0; i < item.prefixesDone; i++) {
      const prefix = prefixes[i];
      if (prefix === undefined) break;
      if (item.kind === 'announce') rib.told.set(prefix, item.key);
      else rib.told.delete(prefix);
    }
  }
  rib.sent = [];
}

function sameRoutes(a: readonly RouteSet[], b: readonly RouteSet[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((set, i) => sameSet(set, b[i]));
}

function sameSet(a: RouteSet, b: RouteSet | undefined): boolean {
  if (b === undefined || a.prefixes.length !== b.prefixes.length) return false;
  if (attributesKey(a.attributes) !== attributesKey(b.attributes)) return false;
  return a.prefixes === b.prefixes || a.prefixes.every((prefix, i) => prefix === b.prefixes[i]);
}

/**
 * Writes the next UPDATEs.
 * @returns as many whole messages as fit into `maxBytes` and `maxMessages`, at least one when there is work.
 */
export function pull(rib: AdjRibOut, maxBytes: number, maxMessages: number): { readonly bytes: Uint8Array; readonly messages: number } {
  const { session } = rib;
  const packing: Packing = { chunks: [], bytes: 0, messages: 0 };
  while (packing.bytes < maxBytes && packing.messages < maxMessages) {
    const [item] = rib.queue;
    if (item === undefined || session === undefined) break;
    if (!advance(rib, session, item, packing, maxBytes, maxMessages)) continue;
    rib.queue.shift();
    if (item.kind !== 'marker') rib.sent.push(item);
  }
  return { bytes: join(packing), messages: packing.messages };
}

/** @returns whether the item is done. */
function advance(rib: AdjRibOut, session: RibSession, item: Item, packing: Packing, maxBytes: number, maxMessages: number): boolean {
  if (item.kind === 'marker') {
    const { kind, family } = item.marker;
    if (kind === 'endOfRib') rib.endOfRib.delete(family);
    if (kind === 'end' || kind === 'done') rib.refreshing.delete(family);
    writeMarker(packing, item.marker);
    return true;
  }
  const { family } = item.run;
  const classic = isClassic(family, session.policy);
  const envelope = item.kind === 'announce' ? envelopeOf(session, item.key, item.attributes, family) : undefined;
  if (item.kind === 'announce' && envelope === undefined) return true;
  const done = writeRun(
    packing,
    { run: item.run, from: item.bytesDone, envelope, classic, maxMessage: session.maxMessage },
    maxBytes,
    maxMessages,
  );
  item.bytesDone += done.bytes;
  item.prefixesDone += done.prefixes;
  return item.bytesDone >= item.run.nlri.bytes.length;
}

function envelopeOf(session: RibSession, key: string, attributes: RouteAttributes, family: Family): Envelope | undefined {
  const name = `${family} ${key}`;
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
