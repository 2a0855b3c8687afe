import { array, assert, constantFrom, integer, json, jsonValue, oneof, property, record, shuffledSubarray, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONFIG_KINDS, type ConfigKind, type ParseContext, type RawObjects, parseConfig } from '../../src/config/parse.ts';
import type { ProblemReason } from '../../src/config/problem.ts';

const OLD = '2026-01-01T00:00:00Z';
const YOUNG = '2026-02-01T00:00:00Z';

interface Written {
  readonly kind: ConfigKind;
  readonly raw: unknown;
}

function object(kind: ConfigKind, name: string, spec: unknown, creationTimestamp = YOUNG): Written {
  return { kind, raw: { apiVersion: 'heraldlb.io/v1', kind, metadata: { name, namespace: 'h', creationTimestamp }, spec } };
}

function rawOf(objects: readonly Written[]): RawObjects {
  const of = (kind: ConfigKind) => objects.filter((each) => each.kind === kind).map((each) => each.raw);
  return Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, of(kind)])) as unknown as RawObjects;
}

function parse(objects: readonly Written[], context: Partial<ParseContext> = {}): ReturnType<typeof parseConfig> {
  return parseConfig(rawOf(objects), { generation: 1, ...context });
}

/** One good object of every kind, each older than anything that is wrong. */
const GOOD: readonly Written[] = [
  object('IPAddressPool', 'good', { addresses: ['192.0.2.0/24'] }, OLD),
  object('BGPPeer', 'good', { myASN: 64512, peerASN: 65001, peerAddress: '10.9.0.1' }, OLD),
  object('BGPAdvertisement', 'good', { ipAddressPools: ['good'], communities: ['blue'] }, OLD),
  object('L2Advertisement', 'good', { ipAddressPools: ['good'] }, OLD),
  object('BFDProfile', 'good', {}, OLD),
  object('Community', 'good', { communities: [{ name: 'blue', value: '65000:1' }] }, OLD),
];
const GOOD_ALONE = parse(GOOD);

const LONG = 'x'.repeat(1_000_000);
const JUNK = { a: [{ b: [{ c: [null, { d: {} }] }] }] };

function nested(depth: number): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { deeper: value };
  return value;
}

/** As it comes out of JSON: an own property that is called `__proto__`. */
const POLLUTED: unknown = JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}');

type Row = readonly [what: string, kind: ConfigKind, spec: unknown, reason: ProblemReason, path: string];

const WRONG_SPECS: readonly (readonly [string, unknown])[] = [
  ['a spec that is text', 'all of them'],
  ['a spec that is a number', 17],
  ['a spec that is true', true],
  ['a spec that is a list', []],
  ['a spec that is a list of objects', [{ addresses: ['10.0.0.0/24'] }]],
];

const pool = (what: string, spec: unknown, reason: ProblemReason, path: string): Row => [what, 'IPAddressPool', spec, reason, path];
const blocks = (what: string, addresses: unknown, reason: ProblemReason, path: string): Row => pool(what, { addresses }, reason, path);
const allocation = (what: string, serviceAllocation: unknown, path: string): Row =>
  pool(what, { addresses: ['10.0.0.0/24'], serviceAllocation }, 'InvalidField', `spec.serviceAllocation${path}`);
const peer = (what: string, spec: object, reason: ProblemReason, path: string): Row => [
  what,
  'BGPPeer',
  { myASN: 64512, peerASN: 65001, peerAddress: '10.0.0.1', ...spec },
  reason,
  path,
];
const bgp = (what: string, spec: unknown, reason: ProblemReason, path: string): Row => [what, 'BGPAdvertisement', spec, reason, path];
const l2 = (what: string, spec: unknown, path: string): Row => [what, 'L2Advertisement', spec, 'InvalidField', path];
const bfd = (what: string, spec: unknown, path: string): Row => [what, 'BFDProfile', spec, 'InvalidField', path];
const alias = (what: string, communities: unknown, reason: ProblemReason, path: string): Row => [
  what,
  'Community',
  { communities },
  reason,
  path,
];
const selector = (what: string, value: unknown, path: string): Row => l2(what, { nodeSelectors: [value] }, `spec.nodeSelectors[0]${path}`);

const ROWS: readonly Row[] = [
  ...CONFIG_KINDS.flatMap((kind) => WRONG_SPECS.map(([what, spec]): Row => [`${kind}: ${what}`, kind, spec, 'InvalidField', 'spec'])),

  pool('a pool without a spec', undefined, 'InvalidField', 'spec.addresses'),
  pool('a pool with spec null', null, 'InvalidField', 'spec.addresses'),
  pool('a polluted pool', POLLUTED, 'InvalidField', 'spec.addresses'),
  blocks('addresses null', null, 'InvalidField', 'spec.addresses'),
  blocks('addresses as an object', { 0: '10.0.0.0/24' }, 'InvalidField', 'spec.addresses'),
  blocks('addresses that only look like a list', { length: 1, 0: '10.0.0.0/24' }, 'InvalidField', 'spec.addresses'),
  blocks('a list in the list', [['10.0.0.0/24']], 'InvalidField', 'spec.addresses[0]'),
  blocks('an object in the list', [{ cidr: '10.0.0.0/24' }], 'InvalidField', 'spec.addresses[0]'),
  blocks('null in the list', ['10.0.0.0/24', null], 'InvalidField', 'spec.addresses[1]'),
  blocks('an empty text', [''], 'InvalidField', 'spec.addresses[0]'),
  blocks('a huge text', [LONG], 'InvalidField', 'spec.addresses[0]'),
  blocks(
    'a huge list',
    Array.from({ length: 5000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`),
    'InvalidField',
    'spec.addresses',
  ),
  blocks('garbage without end', [nested(2000)], 'InvalidField', 'spec.addresses[0]'),
  blocks('__proto__ as a block', ['__proto__'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('a name', ['localhost/24'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('a bare address', ['10.0.0.1'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('three ends', ['10.0.0.1-10.0.0.2-10.0.0.3'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('no end', ['10.0.0.1-'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('two slashes', ['10.0.0.0/24/24'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('a negative length', ['10.0.0.0/-1'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('a length in words', ['10.0.0.0/NaN'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('a length with an exponent', ['10.0.0.0/1e1'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('an IPv6 length over 128', ['fd00::/129'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('a byte over 255', ['10.0.0.256/32'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('a zone', ['fe80::%eth0/64'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('NUL bytes', ['10.0.0.0/24\u0000'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('digits of another script', ['١٠.0.0.0/24'], 'InvalidAddressBlock', 'spec.addresses[0]'),
  blocks('the same block twice', ['10.0.0.0/24', '10.0.0.0/24'], 'OverlappingPools', 'spec.addresses[1]'),
  blocks('an overlap behind host bits', ['192.0.2.77/24'], 'OverlappingPools', 'spec.addresses[0]'),
  pool('autoAssign as text', { addresses: ['10.0.0.0/24'], autoAssign: 'true' }, 'InvalidField', 'spec.autoAssign'),
  pool('autoAssign as a number', { addresses: ['10.0.0.0/24'], autoAssign: 1 }, 'InvalidField', 'spec.autoAssign'),
  pool('avoidBuggyIPs as an object', { addresses: ['10.0.0.0/24'], avoidBuggyIPs: {} }, 'InvalidField', 'spec.avoidBuggyIPs'),
  allocation('serviceAllocation as a list', [], ''),
  allocation('serviceAllocation as text', 'team-a', ''),
  allocation('a priority over 32 bits', { priority: 2 ** 31 }, '.priority'),
  allocation('a priority with a fraction', { priority: 1.5 }, '.priority'),
  allocation('an infinite priority', { priority: Number.POSITIVE_INFINITY }, '.priority'),
  allocation('a priority that is NaN', { priority: Number.NaN }, '.priority'),
  allocation('namespaces as text', { namespaces: 'team-a' }, '.namespaces'),
  allocation('a namespace without a name', { namespaces: [''] }, '.namespaces[0]'),
  allocation('namespaceSelectors as one selector', { namespaceSelectors: { matchLabels: {} } }, '.namespaceSelectors'),
  allocation('a serviceSelector that is text', { serviceSelectors: ['app=web'] }, '.serviceSelectors[0]'),

  ['a peer without a spec', 'BGPPeer', undefined, 'InvalidField', 'spec.myASN'],
  peer('myASN as text', { myASN: '64512' }, 'InvalidField', 'spec.myASN'),
  peer('myASN null', { myASN: null }, 'InvalidField', 'spec.myASN'),
  peer('myASN with a fraction', { myASN: 64512.5 }, 'InvalidField', 'spec.myASN'),
  peer('myASN NaN', { myASN: Number.NaN }, 'InvalidField', 'spec.myASN'),
  peer('a negative peerASN', { peerASN: -1 }, 'InvalidField', 'spec.peerASN'),
  peer('peerASN as a list', { peerASN: [65001] }, 'InvalidField', 'spec.peerASN'),
  peer('an unknown dynamicASN', { peerASN: undefined, dynamicASN: '__proto__' }, 'InvalidField', 'spec.dynamicASN'),
  peer('localASN 0', { localASN: 0 }, 'InvalidField', 'spec.localASN'),
  peer('peerAddress as a number', { peerAddress: 167772161 }, 'InvalidField', 'spec.peerAddress'),
  peer('peerAddress with a length', { peerAddress: '10.0.0.1/32' }, 'InvalidField', 'spec.peerAddress'),
  peer('a huge peerAddress', { peerAddress: LONG }, 'InvalidField', 'spec.peerAddress'),
  peer('peerAddress null', { peerAddress: null }, 'ConflictingFields', 'spec.peerAddress'),
  peer('address and interface', { interface: 'eth0' }, 'ConflictingFields', 'spec.peerAddress'),
  peer('an interface name of 16 bytes', { peerAddress: undefined, interface: 'x'.repeat(16) }, 'InvalidField', 'spec.interface'),
  peer('sourceAddress as a name', { sourceAddress: 'eth0' }, 'InvalidField', 'spec.sourceAddress'),
  peer('a port that is text', { peerPort: '179' }, 'InvalidField', 'spec.peerPort'),
  peer('a port over 16384', { peerPort: 16385 }, 'InvalidField', 'spec.peerPort'),
  peer('holdTime as a number', { holdTime: 90 }, 'InvalidField', 'spec.holdTime'),
  peer('a negative holdTime', { holdTime: '-90s' }, 'InvalidField', 'spec.holdTime'),
  peer('a holdTime without a unit', { holdTime: '90' }, 'InvalidField', 'spec.holdTime'),
  peer('a holdTime over 16 bits', { holdTime: '65536s' }, 'InvalidTimer', 'spec.holdTime'),
  peer('a holdTime of 2999 ms', { holdTime: '2999ms' }, 'InvalidTimer', 'spec.holdTime'),
  peer('a keepaliveTime as an object', { keepaliveTime: { seconds: 3 } }, 'InvalidField', 'spec.keepaliveTime'),
  peer('a connectTime with a fraction', { connectTime: '1500ms' }, 'InvalidTimer', 'spec.connectTime'),
  peer('a connectTime over 16 bits', { connectTime: '65536s' }, 'InvalidTimer', 'spec.connectTime'),
  peer('a routerID that is a number', { routerID: 1 }, 'InvalidField', 'spec.routerID'),
  peer('a routerID that is a name', { routerID: 'router' }, 'InvalidField', 'spec.routerID'),
  peer('nodeSelectors as an object', { nodeSelectors: {} }, 'InvalidField', 'spec.nodeSelectors'),
  peer('a password that is a number', { password: 12345 }, 'InvalidField', 'spec.password'),
  peer('a passwordSecret that is text', { passwordSecret: 'bgp' }, 'InvalidField', 'spec.passwordSecret'),
  peer('a passwordSecret with a list for a name', { passwordSecret: { name: ['bgp'] } }, 'InvalidField', 'spec.passwordSecret.name'),
  peer('a bfdProfile that is an object', { bfdProfile: { name: 'fast' } }, 'InvalidField', 'spec.bfdProfile'),
  peer('a bfdProfile called __proto__', { bfdProfile: '__proto__' }, 'UnknownReference', 'spec.bfdProfile'),
  peer('ebgpMultiHop as text', { ebgpMultiHop: 'yes' }, 'InvalidField', 'spec.ebgpMultiHop'),
  peer('enableGracefulRestart as a number', { enableGracefulRestart: 1 }, 'InvalidField', 'spec.enableGracefulRestart'),
  peer('a vrf of 16 bytes', { vrf: 'x'.repeat(16) }, 'InvalidField', 'spec.vrf'),
  peer('dualStackAddressFamily as text', { dualStackAddressFamily: 'both' }, 'InvalidField', 'spec.dualStackAddressFamily'),

  bgp('aggregationLength 0', { aggregationLength: 0 }, 'InvalidField', 'spec.aggregationLength'),
  bgp('aggregationLength 33', { aggregationLength: 33 }, 'InvalidField', 'spec.aggregationLength'),
  bgp('aggregationLength as text', { aggregationLength: '/24' }, 'InvalidField', 'spec.aggregationLength'),
  bgp('aggregationLengthV6 129', { aggregationLengthV6: 129 }, 'InvalidField', 'spec.aggregationLengthV6'),
  bgp('an aggregate over the pool', { aggregationLength: 16 }, 'AggregationShorterThanPool', 'spec.aggregationLength'),
  bgp('an aggregate of chosen Services', { aggregationLength: 24, serviceSelectors: [{}] }, 'ConflictingFields', 'spec.serviceSelectors'),
  bgp('localPref -1', { localPref: -1 }, 'InvalidField', 'spec.localPref'),
  bgp('localPref over 32 bits', { localPref: 2 ** 32 }, 'InvalidField', 'spec.localPref'),
  bgp('another localPref for the same routes', { localPref: 7 }, 'ConflictingLocalPref', 'spec.localPref'),
  bgp('communities as text', { communities: '65000:1' }, 'InvalidField', 'spec.communities'),
  bgp('a community as a number', { communities: [65000] }, 'InvalidField', 'spec.communities[0]'),
  bgp('64 communities', { communities: Array.from({ length: 64 }, (_, i) => `1:${i}`) }, 'InvalidField', 'spec.communities'),
  bgp('half a community', { communities: ['65000:'] }, 'InvalidCommunity', 'spec.communities[0]'),
  bgp('a community over 16 bits', { communities: ['1:2', '65536:1'] }, 'InvalidCommunity', 'spec.communities[1]'),
  bgp('a large community of two parts', { communities: ['large:1:2'] }, 'InvalidCommunity', 'spec.communities[0]'),
  bgp('a large community over 32 bits', { communities: ['large:1:2:4294967296'] }, 'InvalidCommunity', 'spec.communities[0]'),
  bgp('a hexadecimal community', { communities: ['0x1:0x2'] }, 'InvalidCommunity', 'spec.communities[0]'),
  bgp('an alias that nobody made', { communities: ['green'] }, 'UnknownReference', 'spec.communities[0]'),
  bgp('an alias called constructor', { communities: ['constructor'] }, 'UnknownReference', 'spec.communities[0]'),
  bgp('an alias called __proto__', { communities: ['__proto__'] }, 'UnknownReference', 'spec.communities[0]'),
  bgp('peers as an object', { peers: { good: true } }, 'InvalidField', 'spec.peers'),
  bgp('a pool name that is null', { ipAddressPools: [null] }, 'InvalidField', 'spec.ipAddressPools[0]'),

  l2('ipAddressPools as text', { ipAddressPools: 'good' }, 'spec.ipAddressPools'),
  l2('a pool name of a million letters', { ipAddressPools: [LONG] }, 'spec.ipAddressPools[0]'),
  l2('interfaces as text', { interfaces: 'eth0' }, 'spec.interfaces'),
  l2('an interface without a name', { interfaces: [''] }, 'spec.interfaces[0]'),
  l2('an interface name of 16 bytes', { interfaces: ['eth0', 'x'.repeat(16)] }, 'spec.interfaces[1]'),
  l2('a weight of 0', { preferredNodeSelectors: [{ weight: 0, preference: {} }] }, 'spec.preferredNodeSelectors[0].weight'),
  l2('a weight of 101', { preferredNodeSelectors: [{ weight: 101, preference: {} }] }, 'spec.preferredNodeSelectors[0].weight'),
  l2('a preference without a weight', { preferredNodeSelectors: [{ preference: {} }] }, 'spec.preferredNodeSelectors[0].weight'),
  l2('a weight without a preference', { preferredNodeSelectors: [{ weight: 1 }] }, 'spec.preferredNodeSelectors[0].preference'),
  selector('a selector that is a list', [], ''),
  selector('a selector that is garbage in depth', { matchExpressions: nested(201) }, '.matchExpressions[0].key'),
  selector('matchLabels as a list', { matchLabels: ['a'] }, '.matchLabels'),
  selector('a label that is a number', { matchLabels: { zone: 1 } }, '.matchLabels.zone'),
  selector('a label that is an object', { matchLabels: { zone: JUNK } }, '.matchLabels.zone'),
  selector('matchExpressions as an object', { matchExpressions: {} }, '.matchExpressions'),
  selector('an expression without a key', { matchExpressions: [{ operator: 'Exists' }] }, '.matchExpressions[0].key'),
  selector('an unknown operator', { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] }, '.matchExpressions[0].operator'),
  selector(
    'an operator called constructor',
    { matchExpressions: [{ key: 'a', operator: 'constructor' }] },
    '.matchExpressions[0].operator',
  ),
  selector('values as text', { matchExpressions: [{ key: 'a', operator: 'In', values: 'b' }] }, '.matchExpressions[0].values'),
  selector('a value as a number', { matchExpressions: [{ key: 'a', operator: 'In', values: [1] }] }, '.matchExpressions[0].values[0]'),
  // The API server refuses these four by CEL; MetalLB's own CRDs do not, and the objects are read as they are.
  selector('In without values', { matchExpressions: [{ key: 'a', operator: 'In' }] }, '.matchExpressions[0].values'),
  selector('NotIn with no value', { matchExpressions: [{ key: 'a', operator: 'NotIn', values: [] }] }, '.matchExpressions[0].values'),
  selector('Exists with values', { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }, '.matchExpressions[0].values'),
  selector(
    'DoesNotExist with values',
    { matchExpressions: [{ key: 'a', operator: 'DoesNotExist', values: ['b'] }] },
    '.matchExpressions[0].values',
  ),

  bfd('a receiveInterval of 1 ms', { receiveInterval: 1 }, 'spec.receiveInterval'),
  bfd('a transmitInterval over a minute', { transmitInterval: 60_001 }, 'spec.transmitInterval'),
  bfd('a transmitInterval as a duration', { transmitInterval: '300ms' }, 'spec.transmitInterval'),
  bfd('a multiplier of 1', { detectMultiplier: 1 }, 'spec.detectMultiplier'),
  bfd('a multiplier of 256', { detectMultiplier: 256 }, 'spec.detectMultiplier'),
  bfd('an echoInterval that is a list', { echoInterval: [50] }, 'spec.echoInterval'),
  bfd('a TTL of 255', { minimumTtl: 255 }, 'spec.minimumTtl'),
  bfd('echoMode as text', { echoMode: 'on' }, 'spec.echoMode'),

  alias('communities as an object', { green: '1:2' }, 'InvalidField', 'spec.communities'),
  alias('an alias that is text', ['green'], 'InvalidField', 'spec.communities[0]'),
  alias('an alias without a value', [{ name: 'green' }], 'InvalidField', 'spec.communities[0].value'),
  alias('an alias without a name', [{ value: '1:2' }], 'InvalidField', 'spec.communities[0].name'),
  alias('an alias with a number', [{ name: 'green', value: 65000 }], 'InvalidField', 'spec.communities[0].value'),
  alias('an alias with words', [{ name: 'green', value: 'b:c' }], 'InvalidCommunity', 'spec.communities[0].value'),
  alias('an alias over 16 bits', [{ name: 'green', value: '65536:0' }], 'InvalidCommunity', 'spec.communities[0].value'),
  alias('an alias that is taken', [{ name: 'blue', value: '1:2' }], 'DuplicateEntry', 'spec.communities[0].name'),
];

describe(`${ROWS.length} malformed objects`, () => {
  it('are many, and no two are called the same', () => {
    expect(ROWS.length).toBeGreaterThanOrEqual(100);
    expect(new Set(ROWS.map(([what, kind]) => `${kind} ${what}`)).size).toBe(ROWS.length);
  });

  it.each(ROWS)('%s (%s)', (_, kind, spec, reason, path) => {
    const { config, problems, objects } = parse([...GOOD, object(kind, 'bad', spec)]);
    expect(problems.map((problem) => [problem.object.name, problem.reason, problem.path])).toContainEqual(['bad', reason, path]);
    expect(problems.every((problem) => problem.object.name === 'bad' && problem.object.kind === kind)).toBe(true);
    // Short enough for a condition, whatever somebody wrote.
    for (const problem of problems) expect(problem.message.length).toBeLessThan(1024);
    expect(config).toEqual(GOOD_ALONE.config);
    expect(objects).toContainEqual({ kind, name: 'bad', namespace: 'h' });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('what is no object at all', () => {
  it.each([
    ['null', null],
    ['text', 'x'],
    ['a number', 1],
    ['NaN', Number.NaN],
    ['a list', []],
    ['true', true],
    ['nothing', undefined],
  ])('%s is reported and left out', (_, raw) => {
    for (const kind of CONFIG_KINDS) {
      const { config, problems } = parse([...GOOD, { kind, raw }]);
      expect(config).toEqual(GOOD_ALONE.config);
      expect(problems).toMatchObject([{ object: { kind, name: '?' }, reason: 'InvalidField', path: '', severity: 'error' }]);
    }
  });

  it.each([
    ['no metadata', {}],
    ['metadata as a list', { metadata: [] }],
    ['a name that is a number', { metadata: { name: 1 } }],
    ['an empty name', { metadata: { name: '' } }],
  ])('%s is reported and left out', (_, raw) => {
    for (const kind of CONFIG_KINDS) {
      const { config, problems } = parse([...GOOD, { kind, raw }]);
      expect(config).toEqual(GOOD_ALONE.config);
      expect(problems).toMatchObject([{ object: { kind, name: '?' }, reason: 'InvalidField', path: 'metadata.name' }]);
    }
  });

  it('takes labels that are no text, and a time that is none, for absent', () => {
    const metadata = { name: 'odd', labels: { a: 1, b: 'c', d: null }, creationTimestamp: 17 };
    const { config, problems } = parse([{ kind: 'IPAddressPool', raw: { metadata, spec: { addresses: ['10.0.0.0/24'] } } }]);
    expect(problems).toEqual([]);
    expect(config.pools[0]).toMatchObject({ name: 'odd', labels: { b: 'c' } });
  });
});

it('the good objects are good', () => {
  expect(GOOD_ALONE.problems).toEqual([]);
  const { pools, peers, bgpAdvertisements, l2Advertisements, bfdProfiles } = GOOD_ALONE.config;
  for (const list of [pools, peers, bgpAdvertisements, l2Advertisements, bfdProfiles])
    expect(list.map(({ name }) => name)).toEqual(['good']);
  expect(bgpAdvertisements[0]?.communities).toEqual([65000 * 65536 + 1]);
});

describe('properties', () => {
  const anything = oneof(
    jsonValue({ maxDepth: 4 }),
    json().map((text): unknown => JSON.parse(text)),
    record({ metadata: jsonValue(), spec: jsonValue() }),
    record({ metadata: record({ name: string() }), spec: jsonValue() }),
  );
  const written = record({ kind: constantFrom(...CONFIG_KINDS), raw: anything });

  it('no JSON makes it throw, and twice the same gives the same', () => {
    assert(
      property(array(written, { maxLength: 6 }), (objects) => {
        const first = parse([...GOOD, ...objects]);
        expect(parse([...GOOD, ...objects])).toEqual(first);
        expect(first.config.pools.some(({ name }) => name === 'good')).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('the order of the objects does not matter', () => {
    const rows = ROWS.map(([, kind, spec], i) => object(kind, `bad-${i}`, spec, i % 3 === 0 ? OLD : YOUNG));
    const more = [
      object('IPAddressPool', 'a', { addresses: ['10.0.0.0/16'] }),
      object('IPAddressPool', 'b', { addresses: ['10.0.128.0/24'] }),
      object('BGPAdvertisement', 'c', { localPref: 5 }, OLD),
      object('Community', 'd', { communities: [{ name: 'blue', value: '9:9' }] }),
    ];
    assert(
      property(shuffledSubarray([...rows, ...more], { maxLength: 20 }), integer(), (objects, turn) => {
        const once = [...GOOD, ...objects];
        const at = Math.abs(turn) % once.length;
        const other = [...once.slice(at), ...once.slice(0, at)].toReversed();
        expect(parse(other)).toEqual(parse(once));
      }),
      { numRuns: 150 },
    );
  });
});
