import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipFromBytes } from '../../../src/net/ip.ts';
import { prefixOf } from '../../../src/net/prefix.ts';
import type { Attribute, LargeCommunity } from '../../../src/wire/bgp/attribute.ts';
import type { Capability } from '../../../src/wire/bgp/capability.ts';
import { createFramer, feedFramer, nextMessage } from '../../../src/wire/bgp/framer.ts';
import { type Malformed, isMalformed } from '../../../src/wire/bgp/malformed.ts';
import { type Message, type MessageContext, decodeMessage, encodeMessage } from '../../../src/wire/bgp/message.ts';
import { type NlriRun, encodeNlri, nlriPrefixes } from '../../../src/wire/bgp/nlri.ts';
import { CORPUS } from './malformedCorpus.ts';

const u8 = fc.integer({ min: 0, max: 255 });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const asn = fc.integer({ min: 1, max: 0xffffffff });
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const ip4 = bytesOf(4).map((bytes) => ipFromBytes(bytes));
const ip6 = bytesOf(16).map((bytes) => ipFromBytes(bytes));
const hostIp4 = bytesOf(4).map((bytes) => ipFromBytes(Uint8Array.of(1 + ((bytes[0] ?? 0) % 126), ...bytes.subarray(1))));
const hex = (length: number): fc.Arbitrary<string> => bytesOf(length).map((bytes) => Buffer.from(bytes).toString('hex'));
const prefix4 = fc.tuple(ip4, fc.integer({ min: 0, max: 32 })).map(([ip, length]) => prefixOf(ip, length));
const prefix6 = fc.tuple(ip6, fc.integer({ min: 0, max: 128 })).map(([ip, length]) => prefixOf(ip, length));
const run4 = fc.array(prefix4, { maxLength: 20 }).map((prefixes) => encodeNlri(prefixes, 'ipv4'));
const run6 = fc.array(prefix6, { maxLength: 20 }).map((prefixes) => encodeNlri(prefixes, 'ipv6'));

const unicast = { safi: fc.constant(1), afi: fc.constantFrom(1, 2) };
const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ type: fc.constant('multiprotocol' as const), afi: u16, safi: u8 }),
  fc.constantFrom({ type: 'routeRefresh' as const }, { type: 'extendedMessage' as const }, { type: 'enhancedRouteRefresh' as const }),
  fc.record({ type: fc.constant('role' as const), role: u8 }),
  fc.record({ type: fc.constant('fourOctetAs' as const), asn: u32 }),
  fc.record({ type: fc.constant('addPath' as const), entries: fc.array(fc.record({ ...unicast, mode: u8 }), { maxLength: 4 }) }),
  fc.record({
    type: fc.constant('extendedNextHop' as const),
    entries: fc.array(fc.record({ ...unicast, nextHopAfi: u16 }), { maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant('gracefulRestart' as const),
    restarting: fc.boolean(),
    notification: fc.boolean(),
    timeSeconds: fc.integer({ min: 0, max: 4095 }),
    families: fc.array(fc.record({ ...unicast, forwarding: fc.boolean() }), { maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant('longLivedGracefulRestart' as const),
    families: fc.array(fc.record({ ...unicast, forwarding: fc.boolean(), staleSeconds: fc.integer({ min: 0, max: 0xffffff }) }), {
      maxLength: 4,
    }),
  }),
  fc.record({
    type: fc.constant('unknown' as const),
    code: fc.integer({ min: 128, max: 255 }),
    value: fc.uint8Array({ maxLength: 100 }),
  }),
);

const segments = fc.array(
  fc.record({ kind: fc.constantFrom('sequence' as const, 'set' as const), asns: fc.array(asn, { minLength: 1, maxLength: 255 }) }),
  { maxLength: 3 },
);
const largeCommunity = fc.tuple(u32, u32, u32) as fc.Arbitrary<LargeCommunity>;
const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  fc.record({ type: fc.constant('origin' as const), origin: fc.constantFrom('igp' as const, 'egp' as const, 'incomplete' as const) }),
  fc.record({ type: fc.constant('asPath' as const), segments }),
  fc.record({ type: fc.constant('nextHop' as const), nextHop: hostIp4 }),
  fc.record({ type: fc.constant('med' as const), med: u32 }),
  fc.record({ type: fc.constant('localPref' as const), localPref: u32 }),
  fc.constant({ type: 'atomicAggregate' as const }),
  fc.record({ type: fc.constant('aggregator' as const), asn, address: ip4 }),
  fc.record({ type: fc.constant('communities' as const), communities: fc.array(u32, { minLength: 1, maxLength: 100 }) }),
  fc.record({ type: fc.constant('originatorId' as const), originatorId: ip4 }),
  fc.record({ type: fc.constant('clusterList' as const), clusterIds: fc.array(ip4, { minLength: 1, maxLength: 5 }) }),
  fc.record({
    type: fc.constant('mpReach' as const),
    afi: fc.constant(2),
    safi: fc.constant(1),
    nextHops: fc.array(ip6, { minLength: 1, maxLength: 2 }),
    nlri: run6,
  }),
  fc.record({ type: fc.constant('mpUnreach' as const), afi: fc.constant(2), safi: fc.constant(1), nlri: run6 }),
  fc.record({ type: fc.constant('extendedCommunities' as const), communities: fc.array(hex(8), { minLength: 1, maxLength: 5 }) }),
  fc.record({ type: fc.constant('as4Path' as const), segments }),
  fc.record({ type: fc.constant('largeCommunities' as const), communities: fc.array(largeCommunity, { minLength: 1, maxLength: 30 }) }),
  fc.record({ type: fc.constant('onlyToCustomer' as const), asn: u32 }),
  fc.record({
    type: fc.constant('unknown' as const),
    flags: fc.constantFrom(0x80, 0xc0, 0xe0),
    code: fc.integer({ min: 200, max: 255 }),
    value: fc.uint8Array({ maxLength: 400 }),
  }),
);

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('open' as const),
    asn: fc.integer({ min: 1, max: 0xffff }),
    holdTimeSeconds: fc.integer({ min: 3, max: 0xffff }),
    routerId: hostIp4,
    capabilities: fc.array(capability, { maxLength: 10 }),
  }),
  fc.record({ type: fc.constant('notification' as const), code: u8, subcode: u8, data: fc.uint8Array({ maxLength: 300 }) }),
  fc.constant({ type: 'keepalive' as const }),
  fc.record({ type: fc.constant('routeRefresh' as const), afi: u16, subtype: u8, safi: u8 }),
  fc.record({
    type: fc.constant('update' as const),
    withdrawn: run4,
    attributes: fc.uniqueArray(attribute, { selector: (one) => (one.type === 'unknown' ? one.code : one.type), maxLength: 12 }),
    nlri: run4,
    faults: fc.constant([]),
  }),
);

const CONTEXT: MessageContext = { as4: true, ebgp: false, addPath: [], extended: true };

describe('encode and decode', () => {
  it('are each other’s inverse', () => {
    fc.assert(
      fc.property(message, (original) => {
        const decoded = decodeMessage(encodeMessage(original), CONTEXT);
        // A random set of attributes lacks mandatory ones now and then; the rest must be as it was.
        expect('faults' in decoded ? { ...decoded, faults: [] } : decoded).toEqual(original);
      }),
      { numRuns: 400 },
    );
  });

  it('prefixes of both families, with and without path identifiers', () => {
    fc.assert(
      fc.property(fc.array(prefix4), fc.array(prefix6), fc.option(u32, { nil: undefined }), (four, six, pathId) => {
        for (const [family, prefixes] of [
          ['ipv4', four],
          ['ipv6', six],
        ] as const) {
          const run: NlriRun = encodeNlri(prefixes, family, pathId);
          expect(run.count).toBe(prefixes.length);
          expect(nlriPrefixes(run)).toEqual(prefixes.map((prefix) => (pathId === undefined ? { prefix } : { pathId, prefix })));
        }
      }),
    );
  });
});

const context = fc.record({
  as4: fc.boolean(),
  ebgp: fc.boolean(),
  addPath: fc.constantFrom<('ipv4' | 'ipv6')[]>([], ['ipv4'], ['ipv4', 'ipv6']),
  extended: fc.boolean(),
});

/** A valid header in front of any body. */
const framed = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 200 })).map(([type, body]) => {
  const bytes = new Uint8Array(19 + body.length).fill(0xff);
  bytes.set([bytes.length >> 8, bytes.length & 255, type], 16);
  bytes.set(body, 19);
  return bytes;
});

/** A good or a bad message with some bytes changed. */
const mutated = fc
  .tuple(
    fc.oneof(
      message.map((one) => encodeMessage(one)),
      fc.constantFrom(...CORPUS.map(({ bytes }) => bytes)),
    ),
    fc.array(fc.tuple(fc.nat(), u8), { maxLength: 6 }),
    fc.nat(40),
  )
  .map(([bytes, changes, cut]) => {
    const copy = bytes.slice(0, cut < 20 ? bytes.length : Math.max(19, bytes.length - cut + 20));
    for (const [at, value] of changes) copy[19 + (at % Math.max(1, copy.length - 19))] = value;
    copy[16] = copy.length >> 8;
    copy[17] = copy.length & 255;
    return copy;
  });

/** What is wrong with a result of decoding; undefined when nothing is. */
function complaint(result: Message | Malformed): string | undefined {
  if (isMalformed(result)) {
    const sound = result.action === 'session-reset' && result.code > 0;
    return sound ? undefined : `${result.code} ${result.action}`;
  }
  if (result.type !== 'update') return undefined;
  const soft = result.faults.every(({ action }) => action === 'treat-as-withdraw' || action === 'attribute-discard');
  const readable = nlriPrefixes(result.nlri).length === result.nlri.count;
  return soft && readable ? undefined : JSON.stringify(result);
}

describe('decoding anything', () => {
  it.each([
    ['any bytes', fc.uint8Array({ maxLength: 400 })],
    ['any body behind a good header', framed],
    ['mutations of good and bad messages', mutated],
  ])('%s: a message or Malformed, nothing else', (_, bytes) => {
    fc.assert(
      fc.property(bytes as fc.Arbitrary<Uint8Array>, context, (input, settings) => {
        expect(complaint(decodeMessage(input, settings))).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });
});

function collect(chunks: readonly Uint8Array[]): string[] {
  const framer = createFramer();
  framer.extended = true;
  const found: string[] = [];
  for (const chunk of chunks) {
    feedFramer(framer, chunk);
    for (;;) {
      const next = nextMessage(framer);
      if (next === undefined) break;
      if (isMalformed(next)) return [...found, `${next.code}/${next.subcode}`];
      found.push(Buffer.from(next).toString('hex'));
    }
  }
  return found;
}

describe('the framer', () => {
  const stream = fc.array(message, { minLength: 1, maxLength: 6 }).map((messages) => messages.map((one) => encodeMessage(one).slice()));

  it('finds the same messages wherever the stream is cut', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }), (messages, sizes) => {
        const bytes = Buffer.concat(messages);
        const chunks: Uint8Array[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          chunks.push(Uint8Array.from(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(collect(chunks)).toEqual(messages.map((one) => Buffer.from(one).toString('hex')));
      }),
      { numRuns: 100 },
    );
  });

  it('finds two messages cut at every single byte', () => {
    const messages = [
      encodeMessage({ type: 'notification', code: 6, subcode: 2, data: new Uint8Array(9) }),
      encodeMessage({ type: 'keepalive' }),
    ];
    const bytes = Uint8Array.from(Buffer.concat(messages));
    for (let at = 0; at <= bytes.length; at++)
      expect(collect([bytes.slice(0, at), bytes.slice(at)])).toEqual(messages.map((one) => Buffer.from(one).toString('hex')));
    expect(collect([...bytes].map((byte) => Uint8Array.of(byte)))).toHaveLength(2);
  });

  it('keeps one message at most, and is linear at one byte per chunk', () => {
    const framer = createFramer();
    framer.extended = true;
    const big = new Uint8Array(65_535).fill(0xff);
    big.set([0xff, 0xff, 2], 16);
    let copied = 0;
    for (let i = 0; i < big.length - 1; i++) {
      feedFramer(framer, big.subarray(i, i + 1));
      const before = framer.kept;
      expect(nextMessage(framer)).toBeUndefined();
      if (framer.kept !== before) copied += framer.keptLength;
      if (framer.kept.length > 65_535) throw new Error('kept too much');
    }
    expect(copied).toBeLessThan(100);
  });
});
