import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONFIG_KINDS, type ConfigKind, type ParseContext, type RawObjects, parseConfig } from '../../src/config/parse.ts';
import type { SecretView } from '../../src/config/secret.ts';
import { selectorMatches } from '../../src/config/selector.ts';

interface Written {
  readonly kind: ConfigKind;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: unknown;
}

function rawOf(objects: readonly Written[]): RawObjects {
  return Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, objects.filter((object) => object.kind === kind)])) as unknown as RawObjects;
}

function object(kind: ConfigKind, name: string, spec: unknown, metadata: object = {}): Written {
  return { kind, metadata: { name, namespace: 'h', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata }, spec };
}

const YOUNG = { creationTimestamp: '2026-02-01T00:00:00Z' };

function pool(name: string, addresses: unknown, metadata: object = {}): Written {
  return object('IPAddressPool', name, { addresses }, metadata);
}

function peer(name: string, spec: object = {}, metadata: object = {}): Written {
  return object('BGPPeer', name, { myASN: 64512, peerASN: 65001, peerAddress: '10.9.0.1', ...spec }, metadata);
}

function parse(objects: readonly Written[], context: Partial<ParseContext> = {}): ReturnType<typeof parseConfig> {
  return parseConfig(rawOf(objects), { generation: 1, ...context });
}

function said({ problems }: ReturnType<typeof parseConfig>): string[] {
  return problems.map(({ object: { name }, severity, reason, path }) => `${name} ${severity} ${reason} ${path}`);
}

function namesOf(values: readonly { readonly name: string }[]): string[] {
  return values.map(({ name }) => name);
}

const site = (name: string): object => ({ nodeSelectors: [{ matchLabels: { site: name } }] });

const adv = (name: string, spec: object, metadata: object = {}): Written => object('BGPAdvertisement', name, spec, metadata);

const blocks = ({ config }: ReturnType<typeof parse>): string[] =>
  config.pools.map(({ name, blocks: list }) => `${name} ${list.map(({ text }) => text).join()}`);

describe('selectors', () => {
  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('see no label %s that nobody wrote', (key) => {
    expect(selectorMatches({ matchExpressions: [{ key, operator: 'Exists' }] }, {})).toBe(false);
    expect(selectorMatches({ matchExpressions: [{ key, operator: 'DoesNotExist' }] }, {})).toBe(true);
    expect(selectorMatches({ matchExpressions: [{ key, operator: 'NotIn', values: ['x'] }] }, {})).toBe(true);
    const inherited = Object.create({ rack: 'a' }) as Record<string, string>;
    expect(selectorMatches({ matchLabels: { rack: 'a' } }, inherited)).toBe(false);
    expect(selectorMatches({ matchLabels: { constructor: 'a' } }, Object.fromEntries([['constructor', 'a']]))).toBe(true);
  });
});

describe('fields without (full) effect', () => {
  it.each([
    ['vrf', 'red', /made and accepted on this device/],
    ['disableMP', true, /has no effect/],
  ])('%s is warned about', (field, value, text) => {
    const result = parse([peer('p', { [field]: value })]);
    expect(said(result)).toEqual([`p warning NotYetEffective spec.${field}`]);
    expect(result.problems[0]?.message).toMatch(text);
    expect(namesOf(result.config.peers)).toEqual(['p']);
  });

  it.each([{ enableGracefulRestart: true }, { localASN: 64999 }, { peerASN: undefined, dynamicASN: 'external' }])(
    'nothing is said of %o: it works',
    (spec) => {
      expect(said(parse([peer('p', spec)]))).toEqual([]);
    },
  );
});

describe('objects without a name', () => {
  it('are left out', () => {
    const result = parse([pool('a', ['10.0.0.0/24']), pool('?', ['10.3.0.0/24'], { ...YOUNG, name: undefined })]);
    expect(said(result)).toEqual(['? error InvalidField metadata.name']);
    expect(namesOf(result.config.pools)).toEqual(['a']);
  });
});

describe('peers of one router', () => {
  it.each([
    ['no selectors', {}, {}, 1],
    ['one with selectors', site('a'), {}, 1],
    ['selectors on both', site('a'), site('b'), 2],
    ['another VRF', {}, { vrf: 'red' }, 2],
    ['another source address', {}, { sourceAddress: '10.9.0.9' }, 2],
    ['the same source address', { sourceAddress: '10.9.0.9' }, { sourceAddress: '10.9.0.9' }, 1],
    ['another address', {}, { peerAddress: '10.9.0.2' }, 2],
    ['the same interface', { peerAddress: undefined, interface: 'eth0' }, { peerAddress: undefined, interface: 'eth0' }, 1],
    ['another interface', { peerAddress: undefined, interface: 'eth0' }, { peerAddress: undefined, interface: 'eth1' }, 2],
  ])('%s', (_, older, younger, count) => {
    // The younger one comes first by name: age decides.
    const result = parse([peer('a', younger, YOUNG), peer('b', older)]);
    expect(namesOf(result.config.peers)).toEqual(count === 2 ? ['a', 'b'] : ['b']);
    const errors = said(result).filter((text) => text.includes(' error '));
    const field = 'interface' in older ? 'interface' : 'peerAddress';
    expect(errors).toEqual(count === 2 ? [] : [`a error DuplicateEntry spec.${field}`]);
  });

  it('are told apart by name where they are of one age', () => {
    expect(said(parse([peer('b'), peer('a')]))).toEqual(['b error DuplicateEntry spec.peerAddress']);
  });

  it('never push out a session that nobody touched', () => {
    const before = parse([peer('old'), peer('new', { peerAddress: '10.9.0.2' }, YOUNG)]).config;
    const result = parse([peer('old', { peerAddress: '10.9.0.2' }), peer('new', { peerAddress: '10.9.0.2' }, YOUNG)], { previous: before });
    expect(said(result)).toEqual(['old error DuplicateEntry spec.peerAddress']);
    expect(result.config.peers.map(({ name, address }) => `${name} ${address}`)).toEqual(['new 10.9.0.2', 'old 10.9.0.1']);
  });
});

describe('last good versions', () => {
  const p = pool('p', ['10.0.0.0/24']);
  const q = pool('q', ['10.1.0.0/24']);
  const bad = { aggregationLength: 99 };

  it('name no pool and no peer that is gone', () => {
    const routers = [peer('r1'), peer('r2', { peerAddress: '10.9.0.2' })];
    const good = { ipAddressPools: ['p', 'q'], peers: ['r1', 'r2'] };
    const previous = parse([p, q, ...routers, adv('a', good)]).config;
    const result = parse([p, peer('r1'), adv('a', { ...good, ...bad })], { previous });
    expect(result.config.bgpAdvertisements).toMatchObject([{ name: 'a', pools: ['p'], peers: ['r1'] }]);
    // An empty list of peers would mean all of them.
    const noPeers = parse([p, peer('r3', { peerAddress: '10.9.0.3' }), adv('a', { ...good, ...bad })], { previous: result.config });
    expect(noPeers.config.bgpAdvertisements).toEqual([]);
    const back = parse([p, q, ...routers, adv('a', { ...good, ...bad })], { previous: noPeers.config });
    expect(back.config.bgpAdvertisements).toMatchObject([{ name: 'a', pools: ['p', 'q'], peers: ['r1', 'r2'] }]);
  });

  it('of layer 2 neither', () => {
    const previous = parse([p, q, object('L2Advertisement', 'l', { ipAddressPools: ['q'] })]).config;
    expect(previous.l2Advertisements).toHaveLength(1);
    expect(parse([p, object('L2Advertisement', 'l', { ipAddressPools: 'q' })], { previous }).config.l2Advertisements).toEqual([]);
  });

  it('announce no aggregate that its pool has become smaller than', () => {
    const written = adv('a', { aggregationLength: 24 });
    const previous = parse([p, q, written]).config;
    const result = parse([p, pool('q', ['10.1.0.0/26']), written], { previous });
    expect(said(result)).toEqual(['a error AggregationShorterThanPool spec.aggregationLength']);
    expect(result.config.bgpAdvertisements).toMatchObject([{ name: 'a', pools: ['p'] }]);
  });

  it('lose no place to an advertisement that came later', () => {
    const previous = parse([p, adv('x', { localPref: 100 })]).config;
    const result = parse([p, adv('x', bad), adv('a', { localPref: 200 })], { previous });
    expect(said(result)).toContain('a error ConflictingLocalPref spec.localPref');
    expect(result.config.bgpAdvertisements).toMatchObject([{ name: 'x', localPref: 100 }]);
  });

  it('contradict no other one', () => {
    const labelled = (tier: string): Written => pool('q', ['10.1.0.0/24'], { labels: { tier } });
    const some = adv('a', { localPref: 200, ipAddressPoolSelectors: [{ matchLabels: { tier: 'x' } }] });
    const other = { localPref: 100, ipAddressPoolSelectors: [{ matchLabels: { tier: 'y' } }, { matchLabels: { tier: 'z' } }] };
    const previous = parse([labelled('x'), pool('s', ['10.2.0.0/24'], { labels: { tier: 'y' } }), some, adv('b', other)]).config;
    expect(previous.bgpAdvertisements).toHaveLength(2);
    const result = parse([labelled('z'), pool('s', ['10.2.0.0/24'], { labels: { tier: 'x' } }), some, adv('b', { ...other, ...bad })], {
      previous,
    });
    expect(said(result)).toContain('b error ConflictingLocalPref ');
    expect(result.config.bgpAdvertisements).toMatchObject([{ name: 'a', pools: ['s'] }]);
  });

  it('belong to one object, not to a name', () => {
    const previous = parse([pool('p', ['10.0.0.0/24'], { uid: 'one' })]).config;
    expect(parse([pool('p', ['nope'], { uid: 'one' })], { previous }).config.pools).toHaveLength(1);
    expect(parse([pool('p', ['nope'], { uid: 'two' })], { previous }).config.pools).toEqual([]);
  });

  it('survive a second faulty edit, and a fresh good one replaces them', () => {
    const first = parse([p]).config;
    const second = parse([pool('p', ['nope'])], { previous: first }).config;
    const third = parse([pool('p', ['worse'])], { previous: second }).config;
    expect(third.pools).toEqual(first.pools);
    const fourth = parse([pool('p', ['10.7.0.0/24'])], { previous: third }).config;
    const fifth = parse([pool('p', ['nope'])], { previous: fourth }).config;
    expect(fifth.pools[0]?.blocks.map(({ text }) => text)).toEqual(['10.7.0.0/24']);
  });

  it('of a peer name no BFDProfile that is gone', () => {
    const profile = object('BFDProfile', 'fast', {});
    const previous = parse([profile, peer('r', { bfdProfile: 'fast' })]).config;
    expect(previous.peers[0]?.bfdProfile).toBe('fast');
    const result = parse([peer('r', { bfdProfile: 'fast' })], { previous });
    expect(result.config.peers).toHaveLength(1);
    expect(result.config.peers[0]).not.toHaveProperty('bfdProfile');
  });
});

describe('an edited pool', () => {
  const young = pool('young', ['10.5.0.0/24'], YOUNG);

  it('takes nothing from one that nobody touched, though it is older', () => {
    const previous = parse([pool('old', ['10.0.0.0/24']), young]).config;
    const edited = [pool('old', ['10.0.0.0/24', '10.5.0.0/16']), young];
    const result = parse(edited, { previous });
    expect(said(result)).toEqual(['old error OverlappingPools spec.addresses[1]']);
    expect(blocks(result)).toEqual(['old 10.0.0.0/24', 'young 10.5.0.0/24']);
    // The next parse of the same objects says the same; without a history age decides.
    const again = parse(edited, { previous: result.config });
    expect([said(again), blocks(again)]).toEqual([said(result), blocks(result)]);
    expect(blocks(parse(edited))).toEqual(['old 10.0.0.0/24,10.5.0.0/16']);
  });

  it('may take what another one gives up at the same time', () => {
    const previous = parse([pool('a', ['10.0.0.0/24', '10.1.0.0/24']), pool('b', ['10.2.0.0/24'])]).config;
    const result = parse([pool('a', ['10.0.0.0/24']), pool('b', ['10.2.0.0/24', '10.1.0.0/24'])], { previous });
    expect(said(result)).toEqual([]);
    expect(blocks(result)).toEqual(['a 10.0.0.0/24', 'b 10.2.0.0/24,10.1.0.0/24']);
  });

  it('takes nothing from the last good version of one that was edited at the same time', () => {
    const previous = parse([pool('a', ['10.0.0.0/24']), pool('b', ['10.1.0.0/24']), pool('c', ['10.2.0.0/24'])]).config;
    // c wants what is b's and gives up its own range, which a wants.
    const result = parse([pool('a', ['10.0.0.0/24', '10.2.0.0/24']), pool('b', ['10.1.0.0/24']), pool('c', ['10.1.0.0/25'])], { previous });
    expect(said(result)).toEqual(['a error OverlappingPools spec.addresses[1]', 'c error OverlappingPools spec.addresses[0]']);
    expect(blocks(result)).toEqual(['a 10.0.0.0/24', 'b 10.1.0.0/24', 'c 10.2.0.0/24']);
  });
});

describe('Community', () => {
  const advertisement = object('BGPAdvertisement', 'x', { communities: ['blue'] });
  const names = (communities: unknown): Written => object('Community', 'c', { communities });
  const blue = { name: 'blue', value: '1:1' };
  const everything = pool('p', ['10.0.0.0/24']);

  it.each([
    ['a name that is none', { name: 7, value: '1:2' }, 'InvalidField', '.name'],
    ['no value', { name: 'red' }, 'InvalidField', '.value'],
    ['a value that is none', { name: 'red', value: '99999:1' }, 'InvalidCommunity', '.value'],
    ['text', 'red', 'InvalidField', ''],
    ['a name that is a community itself', { name: '65000:1', value: '1:2' }, 'InvalidCommunity', '.name'],
    ['an alias twice', { name: 'blue', value: '1:2' }, 'DuplicateEntry', '.name'],
  ])('keeps the other aliases beside an entry with %s', (_, entry, reason, path) => {
    const result = parse([everything, names([blue, entry]), advertisement]);
    expect(said(result)).toEqual([`c warning ${reason} spec.communities[1]${path}`]);
    expect(result.config.bgpAdvertisements[0]?.communities).toEqual([65537]);
  });

  it('goes on in its last good version', () => {
    const previous = parse([everything, names([blue])]).config;
    const result = parse([everything, names('none'), advertisement], { previous });
    expect(said(result)).toEqual(['c error InvalidField spec.communities']);
    expect(result.config.bgpAdvertisements[0]?.communities).toEqual([65537]);
  });

  it('never renames what is a community itself', () => {
    const result = parse([
      everything,
      names([{ name: '65000:1', value: '1:1' }]),
      object('BGPAdvertisement', 'x', { communities: ['65000:1'] }),
    ]);
    expect(result.config.bgpAdvertisements[0]?.communities).toEqual([65000 * 65536 + 1]);
  });

  it('gives a name to the older of two objects', () => {
    const result = parse([
      everything,
      object('Community', 'b', { communities: [{ name: 'blue', value: '2:2' }] }, YOUNG),
      names([blue]),
      advertisement,
    ]);
    expect(said(result)).toEqual(['b warning DuplicateEntry spec.communities[0].name']);
    expect(result.config.bgpAdvertisements[0]?.communities).toEqual([65537]);
  });
});

describe('what the schema lets through', () => {
  const p = pool('p', ['10.0.0.0/24']);

  it.each<[ConfigKind, object, string]>([
    ['L2Advertisement', { ipAddresPools: ['x'] }, 'UnknownField spec.ipAddresPools'],
    ['L2Advertisement', { nodeSelectors: [{ matchLabel: { a: 'b' } }] }, 'UnknownField spec.nodeSelectors[0].matchLabel'],
    ['L2Advertisement', { interfaces: ['e', 'e'] }, 'DuplicateEntry spec.interfaces[1]'],
    ['BGPAdvertisement', { ipAddressPools: ['p', 'p'] }, 'DuplicateEntry spec.ipAddressPools[1]'],
    ['BGPAdvertisement', { communities: ['1:1', '2:2', '1:1'] }, 'DuplicateEntry spec.communities[2]'],
    ['Community', { communities: [{ name: 'a', value: '1:1', values: '2:2' }] }, 'UnknownField spec.communities[0].values'],
  ])('%s %o', (kind, spec, expected) => {
    expect(said(parse([p, object(kind, 'x', spec)]))).toEqual([`x warning ${expected}`]);
  });

  it('names a namespace twice', () => {
    const spec = { addresses: ['10.0.0.0/24'], serviceAllocation: { namespaces: ['a', 'a'] } };
    expect(said(parse([object('IPAddressPool', 'x', spec)]))).toEqual(['x warning DuplicateEntry spec.serviceAllocation.namespaces[1]']);
  });

  it('does not let a label key fall out of a selector', () => {
    const spec: unknown = JSON.parse('{"nodeSelectors":[{"matchLabels":{"__proto__":"a"}}]}');
    const result = parse([p, object('L2Advertisement', 'x', spec)]);
    expect(said(result)).toEqual(['x error InvalidField spec.nodeSelectors[0].matchLabels.__proto__']);
    expect(result.config.l2Advertisements).toEqual([]);
  });

  it.each<ConfigKind>(['L2Advertisement', 'BGPAdvertisement'])('two of %s that say the same', (kind) => {
    const result = parse([p, object(kind, 'a', { ipAddressPools: ['p'] }, YOUNG), object(kind, 'b', { ipAddressPools: ['p'] })]);
    expect(said(result)).toEqual(['a warning DuplicateEntry ']);
    expect(result.problems[0]?.message).toContain(`${kind} b`);
  });
});

describe('authentication of BFD', () => {
  const profile = (auth: object) => object('BFDProfile', 'f', { auth });
  const basic = (password?: string) =>
    new Map([['s', { type: 'kubernetes.io/basic-auth', ...(password === undefined ? {} : { password }) }]]);
  const passwordSecret = { name: 's' };

  it.each([
    ['SimplePassword', 'simplePassword', 16],
    ['KeyedMD5', 'keyedMd5', 16],
    ['MeticulousKeyedMD5', 'meticulousMd5', 16],
    ['KeyedSHA1', 'keyedSha1', 20],
    ['MeticulousKeyedSHA1', 'meticulousSha1', 20],
  ])('%s has the key of its Secret, as long as it may be', (type, kind, longest) => {
    const password = 'ü'.padEnd(longest - 1, 'x');
    const result = parse([profile({ type, keyID: 7, passwordSecret })], { secrets: basic(password) });
    expect(said(result)).toEqual([]);
    expect(result.config.bfdProfiles[0]?.auth).toEqual({ type: kind, keyId: 7, password });
    const long = parse([profile({ type, passwordSecret })], { secrets: basic(`${password}x`) });
    expect(said(long)).toEqual(['f error InvalidSecret spec.auth.passwordSecret.name']);
    expect(long.problems[0]?.message).not.toContain(password);
  });

  it.each<[string, ReadonlyMap<string, SecretView>, string]>([
    ['no Secret', new Map(), 'UnknownReference'],
    ['a Secret of another type', new Map([['s', { type: 'Opaque', password: 'x' }]]), 'InvalidSecret'],
    ['a Secret without a password', basic(), 'InvalidSecret'],
    ['an empty password', basic(''), 'InvalidSecret'],
  ])('is never left out for %s: the last good version goes on', (_, secrets, reason) => {
    const objects = [profile({ type: 'KeyedMD5', passwordSecret }), peer('r', { bfdProfile: 'f' })];
    const before = parse(objects, { secrets: basic('tulip') });
    const now = parse(objects, { secrets, previous: before.config });
    expect(said(now)[0]).toBe(`f error ${reason} spec.auth.passwordSecret.name`);
    expect(now.config.bfdProfiles).toEqual(before.config.bfdProfiles);
    expect(now.config.peers).toEqual(before.config.peers);
    expect(parse(objects, { secrets }).config.bfdProfiles).toEqual([]);
  });

  it.each<[string, ReadonlyMap<string, SecretView>, string]>([
    ['no Secret', new Map(), 'UnknownReference'],
    ['an empty password', basic(''), 'InvalidSecret'],
  ])('takes the peers with it that never had it, and says which Secret is why: %s', (_, secrets, reason) => {
    const objects = [profile({ type: 'KeyedMD5', passwordSecret }), peer('r', { bfdProfile: 'f' })];
    const plain = parse([object('BFDProfile', 'f', {}), peer('r', {})], { secrets });
    const found = parse(objects, { secrets });
    expect(said(found)).toEqual([`f error ${reason} spec.auth.passwordSecret.name`, 'r error InvalidSecret spec.bfdProfile']);
    expect(found.problems[1]?.message).toContain('BFDProfile f is not in force: spec.auth.passwordSecret.name: ');
    expect(found.config.peers).toEqual([]);
    // One that has worked without does so still.
    expect(parse(objects, { secrets, previous: plain.config }).config.peers).toMatchObject([{ name: 'r', bfdProfile: 'f' }]);
  });

  it('is not judged where Secrets are not read', () => {
    const result = parse([profile({ type: 'KeyedMD5', passwordSecret })]);
    expect([said(result), result.config.bfdProfiles.length]).toEqual([[], 1]);
  });
});

describe('peers', () => {
  const secrets = new Map([['s', { type: 'kubernetes.io/basic-auth', password: 'x' }]]);

  it.each([
    ['another namespace', 'other', ['r error InvalidSecret spec.passwordSecret.namespace']],
    ['its own namespace', 'h', []],
    ['an empty one', '', []],
  ])('take a Secret of %s', (_, namespace, expected) => {
    const result = parse([peer('r', { passwordSecret: { name: 's', namespace } })], { secrets });
    expect(said(result)).toEqual(expected);
    expect(result.config.peers.map(({ password }) => password)).toEqual(expected.length === 0 ? ['x'] : []);
  });

  it.each([
    [{ keepaliveTime: '500ms' }, 'keepaliveTime'],
    [{ keepaliveTime: '7h' }, 'keepaliveTime'],
    [{ holdTime: '2s' }, 'holdTime'],
    [{ holdTime: '65536s' }, 'holdTime'],
    [{ connectTime: '1500ms' }, 'connectTime'],
  ])('with %o are told which field is wrong', (timers, field) => {
    const result = parse([peer('r', timers)]);
    expect(said(result)).toEqual([`r error InvalidTimer spec.${field}`]);
    expect(result.problems[0]?.message).toContain(Object.values(timers)[0]);
  });
});

interface EditedPool {
  readonly age: string;
  readonly addresses: readonly string[];
  readonly uid: string;
}

function edited(pools: Readonly<Record<string, EditedPool>>): Written[] {
  return Object.entries(pools).map(([name, { age, addresses, uid }]) => pool(name, addresses, { creationTimestamp: age, uid }));
}

/** The pools of two lists that are in both, to the letter. */
function untouched(before: readonly Written[], after: readonly Written[]): string[] {
  const known = new Set(before.map((entry) => JSON.stringify(entry)));
  return after.filter((entry) => known.has(JSON.stringify(entry))).map(({ metadata }) => String(metadata['name']));
}

describe('whatever is edited', () => {
  const block = fc.integer({ min: 0, max: 5 }).map((third) => `10.0.${third}.0/24`);
  const some = fc.uniqueArray(block, { minLength: 1, maxLength: 3 });
  const addresses = fc.oneof({ weight: 5, arbitrary: some }, { weight: 1, arbitrary: some.map((): string[] => ['wrong']) });
  const age = fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z');
  const step = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.record({ age, addresses, uid: fc.constantFrom('one', 'two') }), {
    noNullPrototype: true,
  });

  it('pools never overlap, nobody untouched loses, and the order does not matter', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 4 }), (steps) => {
        let before = parse([]);
        let written: Written[] = [];
        for (const current of steps) {
          const next = edited(current);
          const result = parse(next, { previous: before.config });
          const texts = result.config.pools.flatMap(({ blocks }) => blocks.map(({ text }) => text));
          expect(new Set(texts).size).toBe(texts.length);
          const same = untouched(written, next);
          expect(result.config.pools).toEqual(expect.arrayContaining(before.config.pools.filter(({ name }) => same.includes(name))));
          const turned = parse(next.toReversed(), { previous: before.config });
          expect([said(turned), turned.config]).toEqual([said(result), result.config]);
          const again = parse(next, { previous: result.config });
          expect(again.config).toEqual(result.config);
          expect(new Set(again.problems.map(({ object: { name } }) => name))).toEqual(
            new Set(result.problems.map(({ object: { name } }) => name)),
          );
          [before, written] = [result, next];
        }
      }),
      { numRuns: 300 },
    );
  });
});
