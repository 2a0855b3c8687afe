import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ip } from '../../src/net/ip.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import {
  type AdjRibOut,
  type RibSession,
  createAdjRibOut,
  isDrained,
  pull,
  refresh,
  setDesired,
  startSession,
} from '../../src/bgp/adjRibOut.ts';
import type { ExportPolicy } from '../../src/bgp/exportPolicy.ts';
import { announcedCount, oversizedCount } from '../../src/bgp/ribCounts.ts';
import type { RouteAttributes, RouteSet } from '../../src/bgp/session.ts';
import type { Attribute } from '../../src/wire/bgp/attribute.ts';
import { isMalformed } from '../../src/wire/bgp/malformed.ts';
import { type Message, decodeMessage } from '../../src/wire/bgp/message.ts';
import { type NlriRun, nlriPrefixes } from '../../src/wire/bgp/nlri.ts';
import { endOfRib } from '../../src/wire/bgp/update.ts';
import { PLAIN } from './simulation.ts';

const POLICY: ExportPolicy = {
  asn: 64_512,
  ebgp: true,
  as4: true,
  onlyToCustomer: false,
  nextHops: { ipv4: ['192.0.2.1' as Ip], ipv6: ['2001:db8::1' as Ip] },
};

function session(change: Partial<RibSession> = {}): RibSession {
  return {
    policy: POLICY,
    families: ['ipv4', 'ipv6'],
    addPath: [],
    maxMessage: 4096,
    enhancedRefresh: false,
    envelopes: new Map(),
    ...change,
  };
}

const set = (prefixes: readonly string[], attributes: Partial<RouteAttributes> = {}): RouteSet => ({
  attributes: { ...PLAIN, ...attributes },
  prefixes: prefixes as Prefix[],
});
const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`);
const many6 = (count: number): string[] => Array.from({ length: count }, (_, i) => `2001:db8::${(i + 1).toString(16)}/128`);

function split(bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = ((bytes[at + 16] ?? 0) << 8) | (bytes[at + 17] ?? 0);
    found.push(bytes.subarray(at, at + length));
    at += length;
  }
  return found;
}

/** Reads what the peer would read; fails on anything malformed or too long. */
function read(bytes: Uint8Array, maxMessage = 4096, addPath: readonly ('ipv4' | 'ipv6')[] = []): Message[] {
  return split(bytes).map((one) => {
    expect(one.length).toBeLessThanOrEqual(maxMessage);
    const message = decodeMessage(one, { as4: true, ebgp: true, addPath, extended: maxMessage > 4096 });
    if (isMalformed(message)) throw new Error('malformed');
    if (message.type === 'update' && message.faults.length > 0) throw new Error(`faults: ${JSON.stringify(message.faults)}`);
    return message;
  });
}

function drain(rib: AdjRibOut, chunk = 65_536): Message[] {
  const messages: Message[] = [];
  while (!isDrained(rib)) messages.push(...read(pull(rib, chunk, 9000).bytes));
  return messages;
}

/** The peer's table. */
class Receiver {
  readonly table = new Map<string, string>();

  take(messages: readonly Message[]): this {
    for (const message of messages) if (message.type === 'update') this.#update(message.withdrawn, message.attributes, message.nlri);
    return this;
  }

  #update(withdrawn: NlriRun, attributes: readonly Attribute[], nlri: NlriRun): void {
    const said = JSON.stringify(attributes.filter(({ type }) => type === 'med' || type === 'communities'));
    for (const { prefix } of nlriPrefixes(withdrawn)) this.table.delete(prefix);
    for (const attribute of attributes) {
      if (attribute.type === 'mpUnreach' && attribute.nlri !== undefined)
        for (const { prefix } of nlriPrefixes(attribute.nlri)) this.table.delete(prefix);
      if (attribute.type === 'mpReach' && attribute.nlri !== undefined)
        for (const { prefix } of nlriPrefixes(attribute.nlri)) this.table.set(prefix, said);
    }
    for (const { prefix } of nlriPrefixes(nlri)) this.table.set(prefix, said);
  }
}

interface Wanted {
  readonly prefixes: readonly string[];
  readonly med: number | undefined;
}

/** A prefix belongs to the first set that names it. */
function eachOnce(sets: readonly Wanted[]): Wanted[] {
  const seen = new Set<string>();
  return sets.map(({ prefixes, med }) => {
    const fresh = prefixes.filter((prefix) => !seen.has(prefix));
    for (const prefix of fresh) seen.add(prefix);
    return { prefixes: fresh, med };
  });
}

describe('packing', () => {
  it.each([
    [1000, 4096, 2],
    [10_000, 4096, 13],
    [100_000, 4096, 124],
    [100_000, 65_535, 8],
  ])('%i host routes in messages of %i: %i UPDATEs', (count, maxMessage, expected) => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(many(count))]);
    startSession(rib, session({ maxMessage, families: ['ipv4'] }));
    const chunks: Uint8Array[] = [];
    while (!isDrained(rib)) chunks.push(pull(rib, 262_144, 9000).bytes);
    const messages = chunks.flatMap((bytes) => read(bytes, maxMessage));
    expect(messages).toHaveLength(expected + 1);
    expect(messages.at(-1)?.type === 'update' && endOfRib(messages.at(-1) as Message & { type: 'update' })).toBe('ipv4');
    expect(new Receiver().take(messages).table.size).toBe(count);
    expect(announcedCount(rib)).toBe(count);
  });

  it.each([
    ['ipv4', ['10.0.0.1/32'], 1100],
    ['ipv6', ['2001:db8::1/128'], 1100],
    ['ipv4', ['10.0.0.1/32'], 40_000],
  ] as const)(
    '%s: with more communities than a message holds a route is withdrawn, and said to be (RFC 4271 §9.2)',
    (_, prefixes, count) => {
      const communities = Array.from({ length: count }, (__, i) => i + 1);
      const largeCommunities = communities.map((i) => [64_512, i, i] as const);
      const [other, rib] = [set(['192.0.2.1/32']), createAdjRibOut()];
      startSession(rib, session());
      const receiver = new Receiver();
      for (const attributes of [{}, { communities }, { largeCommunities }, { communities: [1] }]) {
        const fits = attributes.communities?.length !== count && !('largeCommunities' in attributes);
        setDesired(rib, [set(prefixes, attributes), other]);
        const { table } = receiver.take(drain(rib));
        expect([...table.keys()].toSorted()).toEqual([...(fits ? prefixes : []), '192.0.2.1/32'].toSorted());
        expect([announcedCount(rib), oversizedCount(rib)]).toEqual(fits ? [2, 0] : [1, 1]);
      }
    },
  );

  it('10,000 IPv6 host routes, and their withdrawal', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(many6(10_000))]);
    startSession(rib, session());
    const receiver = new Receiver().take(drain(rib));
    expect(receiver.table.size).toBe(10_000);
    setDesired(rib, []);
    const withdrawals = drain(rib);
    expect(withdrawals).toHaveLength(Math.ceil((10_000 * 17) / 4063));
    expect(receiver.take(withdrawals).table.size).toBe(0);
  });

  it('more withdrawals than one message holds', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(many(5000))]);
    startSession(rib, session());
    const receiver = new Receiver().take(drain(rib));
    setDesired(rib, [set(many(1))]);
    expect(receiver.take(drain(rib)).table.size).toBe(1);
  });

  it('stays within what it is asked for, and always makes progress', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(many(50_000))]);
    startSession(rib, session());
    expect(pull(rib, 20_000, 9000).bytes.length).toBeLessThanOrEqual(20_000 + 4096);
    expect(pull(rib, 1, 9000).messages).toBe(1);
    expect(pull(rib, 1_000_000, 3).messages).toBe(3);
  });

  it('RFC 7911: path identifiers', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(['10.0.0.1/32', '10.0.0.2/32'])]);
    startSession(rib, session({ addPath: ['ipv4'], families: ['ipv4'] }));
    const [first] = read(pull(rib, 9000, 10).bytes, 4096, ['ipv4']);
    expect(first?.type === 'update' && nlriPrefixes(first.nlri)).toEqual([
      { pathId: 1, prefix: '10.0.0.1/32' },
      { pathId: 1, prefix: '10.0.0.2/32' },
    ]);
  });

  it('RFC 8950: IPv4 prefixes with an IPv6 next hop travel in MP_REACH_NLRI, and leave in MP_UNREACH_NLRI', () => {
    const rib = createAdjRibOut();
    const policy = { ...POLICY, nextHops: { ipv4: ['2001:db8::1' as Ip] } };
    setDesired(rib, [set(['10.0.0.1/32'])]);
    startSession(rib, session({ policy, families: ['ipv4'] }));
    const [first] = drain(rib);
    expect(first).toMatchObject({
      attributes: [{ type: 'mpReach', afi: 1, nextHops: ['2001:db8::1'] }, { type: 'origin' }, { type: 'asPath' }],
    });
    setDesired(rib, []);
    expect(drain(rib)).toMatchObject([{ attributes: [{ type: 'mpUnreach', afi: 1, nlri: { count: 1 } }] }]);
  });

  it('encodes an array once for all sessions', () => {
    const prefixes = many(10) as Prefix[];
    const runs = [createAdjRibOut(), createAdjRibOut()].map((rib) => {
      setDesired(rib, [{ attributes: PLAIN, prefixes }]);
      startSession(rib, session());
      const [item] = rib.queue;
      return item?.kind === 'announce' ? item.run : undefined;
    });
    expect(runs[0]).toBeDefined();
    expect(runs[0]).toBe(runs[1]);
  });
});

describe('the difference', () => {
  it('is nothing for the same routes', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(many(10))]);
    startSession(rib, session());
    drain(rib);
    setDesired(rib, [set(many(10))]);
    setDesired(rib, [set(many(10), { communities: [] })]);
    expect(isDrained(rib)).toBe(true);
  });

  it('is one prefix when one prefix came', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(many(10_000))]);
    startSession(rib, session());
    drain(rib);
    setDesired(rib, [set([...many(10_000), '192.0.2.99/32'])]);
    const messages = drain(rib);
    expect(messages).toHaveLength(1);
    expect([...new Receiver().take(messages).table.keys()]).toEqual(['192.0.2.99/32']);
  });

  it('finds what moved between sets, changed its order, came and went at once', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32']), set(['10.0.0.4/32'], { med: 1 })]);
    startSession(rib, session());
    const receiver = new Receiver().take(drain(rib));
    setDesired(rib, [set(['10.0.0.5/32', '10.0.0.3/32', '10.0.0.1/32']), set(['10.0.0.2/32'], { med: 1 })]);
    const messages = drain(rib);
    expect([...new Receiver().take(messages).table.keys()].sort()).toEqual(['10.0.0.2/32', '10.0.0.5/32']);
    expect([...receiver.take(messages).table.keys()].sort()).toEqual(['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32', '10.0.0.5/32']);
  });

  it('a prefix that two sets name is not lost when one of them drops it', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(['10.0.0.1/32']), set(['10.0.0.1/32', '10.0.0.2/32'], { med: 1 })]);
    startSession(rib, session());
    const receiver = new Receiver().take(drain(rib));
    setDesired(rib, [set(['10.0.0.1/32']), set(['10.0.0.2/32'], { med: 1 })]);
    expect(receiver.take(drain(rib)).table.has('10.0.0.1/32')).toBe(true);
  });

  it('announces before it withdraws', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(['10.0.0.0/24'])]);
    startSession(rib, session());
    drain(rib);
    setDesired(rib, [set(['10.0.0.0/25'])]);
    const kinds = drain(rib).map((message) => message.type === 'update' && message.nlri.count > 0);
    expect(kinds).toEqual([true, false]);
  });

  it('a route refresh sends one family again, with the bounds of RFC 7313 where they are agreed', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(['10.0.0.1/32', '2001:db8::5/128'])]);
    startSession(rib, session({ enhancedRefresh: true }));
    drain(rib);
    refresh(rib, 'ipv6');
    refresh(rib, 'ipv6');
    const messages = drain(rib);
    expect(messages.map((message) => (message.type === 'routeRefresh' ? `refresh ${message.subtype}` : message.type))).toEqual([
      'refresh 1',
      'update',
      'refresh 2',
    ]);
    expect([...new Receiver().take(messages).table.keys()]).toEqual(['2001:db8::5/128']);
  });

  it.each([true, false])(
    'a refresh that is asked for while it goes on follows once more, however often it was asked (RFC 7313: %s)',
    (enhancedRefresh) => {
      const rib = createAdjRibOut();
      setDesired(rib, [set(many(5000))]);
      startSession(rib, session({ enhancedRefresh }));
      drain(rib);
      for (let i = 0; i < 3; i++) refresh(rib, 'ipv4');
      pull(rib, 4096, 2);
      const { queue } = rib;
      const waiting = queue.length;
      for (let i = 0; i < 100_000; i++) refresh(rib, 'ipv4');
      // Nothing was planned anew.
      expect(rib.queue).toBe(queue);
      expect(rib.queue.length).toBe(waiting);
      const announced = drain(rib).reduce((sum, message) => sum + (message.type === 'update' ? message.nlri.count : 0), 0);
      expect(announced).toBeGreaterThan(5000);
      expect(announced).toBeLessThanOrEqual(10_000);
      expect(rib.queue.length).toBe(0);
    },
  );

  it('RFC 7313 §4: a refresh that is asked for early begins after the End-of-RIB', () => {
    const rib = createAdjRibOut();
    setDesired(rib, [set(['10.0.0.1/32'])]);
    startSession(rib, session({ enhancedRefresh: true }));
    refresh(rib, 'ipv4');
    setDesired(rib, [set(['10.0.0.1/32', '10.0.0.2/32'])]);
    const said = drain(rib).map((message) => {
      if (message.type === 'routeRefresh') return `refresh ${message.subtype}`;
      return message.type === 'update' && endOfRib(message) !== undefined ? `end of ${endOfRib(message)}` : message.type;
    });
    expect(said).toEqual(['update', 'end of ipv4', 'end of ipv6', 'refresh 1', 'update', 'refresh 2']);
  });

  it('whatever is desired in whatever order, and however little is pulled: the peer ends with what is desired', () => {
    const prefix = fc.constantFrom(...many(12), ...many6(6), '10.0.0.0/8', '0.0.0.0/0', '::/0');
    const one = fc.record({ prefixes: fc.uniqueArray(prefix, { maxLength: 12 }), med: fc.constantFrom(undefined, 1, 2) });
    const routes = fc.array(one, { maxLength: 4 }).map(eachOnce);
    const action = fc.oneof(
      routes.map((sets) => ({ kind: 'desired' as const, sets })),
      fc.record({ kind: fc.constant('pull' as const), messages: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant('refresh' as const), family: fc.constantFrom('ipv4' as const, 'ipv6' as const) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 20 }), fc.boolean(), (actions, enhancedRefresh) => {
        const rib = createAdjRibOut();
        const receiver = new Receiver();
        const wanted = new Map<string, string>();
        const said: Message[] = [];
        startSession(rib, session({ maxMessage: 100, enhancedRefresh }));
        for (const one of [...actions, { kind: 'end' as const }]) {
          if (one.kind === 'pull') said.push(...read(pull(rib, 1_000_000, one.messages).bytes));
          if (one.kind === 'refresh') refresh(rib, one.family);
          if (one.kind === 'end') said.push(...drain(rib));
          if (one.kind !== 'desired') continue;
          wanted.clear();
          for (const { prefixes, med } of one.sets) {
            const value = JSON.stringify(med === undefined ? [] : [{ type: 'med', med }]);
            for (const each of prefixes) wanted.set(each, value);
          }
          setDesired(
            rib,
            one.sets.map(({ prefixes, med }) => set(prefixes, med === undefined ? {} : { med })),
          );
        }
        receiver.take(said);
        expect(receiver.table).toEqual(wanted);
        const ends = said
          .flatMap((message) => (message.type === 'update' ? [endOfRib(message)] : []))
          .filter((family) => family !== undefined);
        expect(ends.length).toBe(actions.some(({ kind }) => kind === 'desired') ? 2 : 0);
      }),
      { numRuns: 500 },
    );
  });
});
