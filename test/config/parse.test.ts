import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { labConfig } from '../lab/manifests.ts';
import { documents } from '../support/apiClient.ts';
import { CONFIG_KINDS, type ConfigKind, type RawObjects, parseConfig } from '../../src/config/parse.ts';

function kindOf(object: unknown): string {
  return (object as { kind?: string }).kind ?? '';
}

function rawOf(objects: readonly unknown[]): RawObjects {
  return Object.fromEntries(
    CONFIG_KINDS.map((kind) => [kind, objects.filter((object) => kindOf(object) === kind)]),
  ) as unknown as RawObjects;
}

function object(kind: ConfigKind, name: string, spec: unknown, created = '2026-01-01T00:00:00Z'): unknown {
  return { apiVersion: 'heraldlb.io/v1', kind, metadata: { name, namespace: 'heraldlb-system', creationTimestamp: created }, spec };
}

const pool = (name: string, addresses: unknown, created?: string): unknown => object('IPAddressPool', name, { addresses }, created);
const good = pool('good', ['192.0.2.0/24']);
const parse = (...objects: unknown[]) => parseConfig(rawOf(objects), { generation: 1 });

function peer(spec: object): unknown {
  return object('BGPPeer', 'p', { myASN: 64512, peerASN: 65001, peerAddress: '10.0.0.1', ...spec });
}

describe('parseConfig', () => {
  it('reads the lab configuration without a problem', () => {
    const { config, problems } = parse(...documents(labConfig()));
    expect(problems).toEqual([]);
    expect(config.pools.map((entry) => entry.name)).toEqual(['bgp', 'segment']);
    expect(config.peers[0]).toMatchObject({
      name: 'bird',
      myAsn: 64512,
      peerAsn: 65002,
      holdTimeMs: 3000,
      keepaliveTimeMs: 1000,
      port: 179,
      dualStackAddressFamily: true,
    });
    expect(config.bgpAdvertisements[0]).toMatchObject({ pools: ['bgp'], aggregationLength: 32, communities: [] });
  });

  it('takes an advertisement without a spec as one for everything', () => {
    const { config, problems } = parse(good, parseYaml('{apiVersion: heraldlb.io/v1, kind: L2Advertisement, metadata: {name: all}}'));
    expect(problems).toEqual([]);
    expect(config.l2Advertisements[0]).toMatchObject({ pools: 'all', nodeSelectors: [], interfaces: [] });
  });

  it.each([
    ['a block that is none', ['10.0.0.0/33'], 'InvalidAddressBlock', 'spec.addresses[0]'],
    ['a range of two families', ['10.0.0.1-fd00::1'], 'InvalidAddressBlock', 'spec.addresses[0]'],
    ['a range that ends before it starts', ['10.0.0.9-10.0.0.1'], 'InvalidAddressBlock', 'spec.addresses[0]'],
    ['overlap in itself', ['10.0.0.0/24', '10.0.0.7/32'], 'OverlappingPools', 'spec.addresses[1]'],
    ['overlap with an older pool', ['192.0.2.128/25'], 'OverlappingPools', 'spec.addresses[0]'],
    ['no list', 'all of them', 'InvalidField', 'spec.addresses'],
    ['no text in the list', [17], 'InvalidField', 'spec.addresses[0]'],
    ['an empty list', [], 'InvalidField', 'spec.addresses'],
    ['null', null, 'InvalidField', 'spec.addresses'],
  ])('leaves out a pool with %s, and only that one', (_, addresses, reason, path) => {
    const { config, problems } = parse(good, pool('new', addresses, '2026-01-02T00:00:00Z'));
    expect(config.pools.map((entry) => entry.name)).toEqual(['good']);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ reason, path, severity: 'error', object: { kind: 'IPAddressPool', name: 'new' } });
  });

  it('goes on with the last good version of an object that has become bad', () => {
    const before = parse(pool('p', ['10.0.0.0/24'])).config;
    const { config, problems } = parseConfig(rawOf([pool('p', ['10.0.0.0/99'])]), { generation: 2, previous: before });
    expect(config.pools).toEqual(before.pools);
    expect(problems.map((problem) => problem.reason)).toEqual(['InvalidAddressBlock']);
  });

  it.each([
    ['hold time of 1 s', { holdTime: '1s' }, 'InvalidTimer', 'spec.holdTime'],
    ['keepalive over hold', { holdTime: '9s', keepaliveTime: '10s' }, 'InvalidTimer', 'spec.keepaliveTime'],
    ['connect time of half a second', { connectTime: '500ms' }, 'InvalidTimer', 'spec.connectTime'],
    ['a time that is none', { holdTime: 'soon' }, 'InvalidField', 'spec.holdTime'],
    ['AS 0', { myASN: 0 }, 'InvalidField', 'spec.myASN'],
    ['an AS over 32 bits', { peerASN: 4294967296 }, 'InvalidField', 'spec.peerASN'],
    ['both kinds of AS', { dynamicASN: 'external' }, 'ConflictingFields', 'spec.peerASN'],
    ['no AS', { peerASN: undefined }, 'ConflictingFields', 'spec.peerASN'],
    ['no address', { peerAddress: undefined }, 'ConflictingFields', 'spec.peerAddress'],
    ['an address that is none', { peerAddress: 'router' }, 'InvalidField', 'spec.peerAddress'],
    ['a source of another family', { sourceAddress: 'fd00::1' }, 'ConflictingFields', 'spec.sourceAddress'],
    ['port 0', { peerPort: 0 }, 'InvalidField', 'spec.peerPort'],
    ['multihop on iBGP', { peerASN: 64512, ebgpMultiHop: true }, 'ConflictingFields', 'spec.ebgpMultiHop'],
    ['an IPv6 router id', { routerID: 'fd00::1' }, 'InvalidField', 'spec.routerID'],
    ['router id zero', { routerID: '0.0.0.0' }, 'InvalidField', 'spec.routerID'],
    ['an unknown BFD profile', { bfdProfile: 'fast' }, 'UnknownReference', 'spec.bfdProfile'],
    ['two passwords', { password: 'a', passwordSecret: { name: 's' } }, 'ConflictingFields', 'spec.password'],
    ['an address and a range', { listenRange: '10.0.0.0/8' }, 'ConflictingFields', 'spec.peerAddress'],
    ['a range that is none', { peerAddress: undefined, listenRange: 'all' }, 'InvalidField', 'spec.listenRange'],
    ['GTSM and multihop', { ttlSecurityHops: 1, ebgpMultiHop: true }, 'ConflictingFields', 'spec.ttlSecurityHops'],
    ['TCP-AO without a key', { tcpAO: { sendID: 1, receiveID: 1 } }, 'ConflictingFields', 'spec.tcpAO'],
    ['a role on iBGP', { peerASN: 64512, localRole: 'customer' }, 'ConflictingFields', 'spec.localRole'],
    [
      'a restart time over 12 bits',
      { enableGracefulRestart: true, gracefulRestartTime: '4096s' },
      'InvalidTimer',
      'spec.gracefulRestartTime',
    ],
    ['a delay over 16 bits', { delayOpenTime: '65536s' }, 'InvalidTimer', 'spec.delayOpenTime'],
  ])('leaves out a peer with %s', (_, spec, reason, path) => {
    const { config, problems } = parse(good, peer(spec));
    expect(config.peers).toEqual([]);
    expect(config.pools).toHaveLength(1);
    expect(problems.filter((problem) => problem.severity === 'error')).toMatchObject([{ reason, path }]);
  });

  it('reads what a session can do beyond the fields of MetalLB', () => {
    const { config, problems } = parse(
      peer({
        peerAddress: undefined,
        listenRange: '10.9.0.0/24',
        addressFamilies: ['ipv6', 'ipv4'],
        password: 'x',
        tcpAO: { sendID: 1, receiveID: 2 },
        ttlSecurityHops: 1,
        delayOpenTime: '1500ms',
        localRole: 'rs-client',
        addPaths: true,
        extendedMessages: false,
        enableGracefulRestart: true,
        gracefulRestartTime: '90s',
        longLivedStaleTime: '1h',
      }),
    );
    expect(problems).toEqual([]);
    expect(config.peers[0]).toMatchObject({
      listenRange: '10.9.0.0/24',
      families: ['ipv4', 'ipv6'],
      tcpAo: { sendId: 1, receiveId: 2, algorithm: 'hmac-sha1-96' },
      ttlSecurityHops: 1,
      delayOpenMs: 1500,
      role: 'rsClient',
      addPath: true,
      extendedMessages: false,
      restartTimeSeconds: 90,
      longLivedStaleSeconds: 3600,
    });
  });

  it('warns of restart times that have no effect', () => {
    const { config, problems } = parse(peer({ gracefulRestartTime: '90s' }));
    expect(config.peers).toHaveLength(1);
    expect(problems).toMatchObject([{ reason: 'ConflictingFields', path: 'spec.gracefulRestartTime', severity: 'warning' }]);
  });

  it('never shows a password', () => {
    const { problems } = parse(peer({ password: 'x'.repeat(90) }));
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).not.toContain('xxx');
  });

  it('refuses two preferences for one route, and keeps the older advertisement', () => {
    const one = object('BGPAdvertisement', 'b-older', { localPref: 100 }, '2026-01-01T00:00:00Z');
    const two = object('BGPAdvertisement', 'a-younger', { localPref: 200 }, '2026-01-02T00:00:00Z');
    const { config, problems } = parse(good, two, one);
    expect(config.bgpAdvertisements.map((entry) => entry.name)).toEqual(['b-older']);
    expect(problems).toMatchObject([{ reason: 'ConflictingLocalPref', object: { name: 'a-younger' } }]);
  });

  it('resolves communities, aliases and well-known names', () => {
    const community = object('Community', 'names', { communities: [{ name: 'blue', value: 'large:64512:1:2' }] });
    const advertisement = object('BGPAdvertisement', 'a', { communities: ['blue', 'no-export', '65000:1'] });
    const { config, problems } = parse(good, community, advertisement);
    expect(problems).toEqual([]);
    expect(config.bgpAdvertisements[0]).toMatchObject({ communities: [65000 * 65536 + 1, 0xffffff01], largeCommunities: [[64512, 1, 2]] });
  });

  it.each([
    ['rt:64512:100', '0002fc0000000064'],
    ['soo:64512:4294967295', '0003fc00ffffffff'],
    ['rt:192.0.2.1:7', '0102c00002010007'],
    ['rt:4200000000:7', '0202fa56ea000007'],
    ['ext:0002FC0000000064', '0002fc0000000064'],
  ])('writes %s as RFC 4360 and RFC 5668 have it', (written, octets) => {
    const { config, problems } = parse(good, object('BGPAdvertisement', 'a', { communities: [written] }));
    expect(problems).toEqual([]);
    expect(config.bgpAdvertisements[0]).toMatchObject({ communities: [], extendedCommunities: [octets] });
  });

  it.each([
    'rt:4294967296:1',
    'rt:64512:4294967296',
    'rt:4200000000:65536',
    'soo:192.0.2.1:65536',
    'rt:192.0.2:1',
    'rt:1',
    'ext:12',
    'ro:1:2',
  ])('refuses %s', (written) => {
    const { problems } = parse(good, object('BGPAdvertisement', 'a', { communities: [written] }));
    expect(problems).toMatchObject([{ reason: expect.stringMatching(/InvalidCommunity|InvalidValue|SchemaViolation/), severity: 'error' }]);
  });

  it('reads what is said of the routes, and leaves out what is said anyway', () => {
    const spec = {
      med: 0,
      asPathPrepend: 2,
      origin: 'incomplete',
      gracefulShutdown: true,
      onlyWithEndpoints: true,
      linkBandwidth: { perEndpoint: '0.5Gbps' },
    };
    const [read] = parse(good, object('BGPAdvertisement', 'a', spec)).config.bgpAdvertisements;
    expect(read).toMatchObject({ ...spec, linkBandwidth: { bytesPerEndpoint: 62_500_000, transitive: false } });
    const silent = { asPathPrepend: 0, origin: 'igp', gracefulShutdown: false, onlyWithEndpoints: false };
    const [plain] = parse(good, object('BGPAdvertisement', 'a', silent)).config.bgpAdvertisements;
    expect(plain).toEqual(parse(good, object('BGPAdvertisement', 'a', {})).config.bgpAdvertisements[0]);
  });

  it.each([
    ['8bps', 1],
    ['100kbps', 12_500],
    ['1.5Mbps', 187_500],
    ['100Gbps', 12_500_000_000],
    ['1Tbps', 125_000_000_000],
  ])('reads %s as %d bytes a second', (perEndpoint, bytesPerEndpoint) => {
    const [read] = parse(good, object('BGPAdvertisement', 'a', { linkBandwidth: { perEndpoint } })).config.bgpAdvertisements;
    expect(read?.linkBandwidth).toEqual({ bytesPerEndpoint, transitive: false });
  });

  it('says when a selector selects nothing, and when a field has no effect yet', () => {
    const { config, problems } = parse(good, object('L2Advertisement', 'typo', { ipAddressPools: ['godo'] }), peer({ vrf: 'red' }));
    expect(problems.map((problem) => [problem.object.name, problem.reason, problem.severity])).toEqual([
      ['p', 'NotYetEffective', 'warning'],
      ['typo', 'UnknownReference', 'warning'],
      ['typo', 'SelectsNothing', 'warning'],
    ]);
    expect(config.l2Advertisements[0]?.pools).toEqual([]);
  });

  it('keeps of a pool what a host can have, and says what it leaves out', () => {
    const { config, problems } = parse(pool('all', ['0.0.0.0/0']), pool('fine', ['2001:db8::/64']));
    expect(config.pools.map(({ name, excluded }) => [name, excluded?.map(({ text }) => text)])).toEqual([
      ['all', ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32']],
      ['fine', undefined],
    ]);
    expect(problems.map((problem) => [problem.object.name, problem.message])).toEqual([
      ['all', '0.0.0.0/0 contains unspecified, loopback, multicast, broadcast addresses, which are never given'],
    ]);
    expect(parse(pool('six', ['::/0'])).config.pools[0]?.excluded?.map(({ text }) => text)).toEqual([
      '::/128',
      '::1/128',
      '::ffff:0:0/96',
      'fe80::/10',
      'ff00::/8',
    ]);
  });
});
