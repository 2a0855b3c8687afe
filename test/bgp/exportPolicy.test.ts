import { describe, expect, it } from 'vitest';
import { exportAttributes, exportPolicy } from '../../src/bgp/exportPolicy.ts';
import { type Negotiated, negotiate } from '../../src/bgp/negotiate.ts';
import { NOTHING_WITHHELD, downgrade, makeOpen } from '../../src/bgp/offer.ts';
import { survivor } from '../../src/bgp/collision.ts';
import type { Capability } from '../../src/wire/bgp/capability.ts';
import type { Open } from '../../src/wire/bgp/open.ts';
import type { SessionConfig } from '../../src/bgp/session.ts';
import { A, B, PLAIN, config, ip, mirror } from './simulation.ts';

const offer = (settings: SessionConfig): Open => makeOpen(settings, NOTHING_WITHHELD, false);
const agree = (ours: SessionConfig, theirs: SessionConfig): ReturnType<typeof negotiate> => negotiate(ours, offer(ours), offer(theirs));

function agreed(ours: SessionConfig, theirs: SessionConfig): Negotiated {
  const result = agree(ours, theirs);
  if ('type' in result) throw new Error(`refused: ${result.code}/${result.subcode}`);
  return result;
}

const refusal = (ours: SessionConfig, theirs: SessionConfig): string => {
  const result = agree(ours, theirs);
  return 'type' in result ? `${result.code}/${result.subcode}` : 'accepted';
};

const offeredTypes = (settings: Partial<SessionConfig>): string[] =>
  offer(config(settings)).capabilities.map((one) => (one.type === 'multiprotocol' ? `mp${one.afi}` : one.type));

const refused = (subcode: number, ...data: number[]): Parameters<typeof downgrade>[2] => ({
  type: 'notification',
  code: 2,
  subcode,
  data: Uint8Array.from(data),
});

const types = (settings: SessionConfig, negotiated: Negotiated, route = {}): string[] =>
  exportAttributes({ ...PLAIN, ...route }, exportPolicy(settings, negotiated, A)).map(({ type }) => type);

describe('negotiation', () => {
  it.each<[string, Partial<SessionConfig>, Partial<SessionConfig>, string]>([
    ['the configured AS', {}, {}, 'accepted'],
    ['another AS (RFC 4271 §6.2)', { peerAsn: 65_000 }, {}, '2/2'],
    ['external, and it is', { peerAsn: 'external' }, {}, 'accepted'],
    ['external, and it is not', { peerAsn: 'external' }, { myAsn: 64_512 }, '2/2'],
    ['internal, and it is', { peerAsn: 'internal' }, { myAsn: 64_512 }, 'accepted'],
    ['internal, and it is not', { peerAsn: 'internal' }, {}, '2/2'],
    ['four-octet AS number', { peerAsn: 4_200_000_000 }, { myAsn: 4_200_000_000 }, 'accepted'],
    ['localASN on the other side', { peerAsn: 65_001 }, { localAsn: 65_001 }, 'accepted'],
    ['the same identifier inside an AS (RFC 6286 §2.1)', { peerAsn: 'internal' }, { myAsn: 64_512, routerId: A }, '2/3'],
    ['the same identifier in another AS', {}, { routerId: A }, 'accepted'],
    ['no family in common', { families: ['ipv4'] }, { families: ['ipv6'] }, '2/7'],
    ['no multiprotocol capability means IPv4 (RFC 4760 §8)', { families: ['ipv4'] }, { families: [] }, 'accepted'],
    ['no multiprotocol capability, and IPv6 wanted', { families: ['ipv6'] }, { families: [] }, '2/7'],
    ['roles that fit (RFC 9234 §4.2)', { role: 'customer' }, { role: 'provider' }, 'accepted'],
    ['roles that do not fit', { role: 'customer' }, { role: 'customer' }, '2/11'],
    ['a role on one side only', { role: 'customer' }, {}, 'accepted'],
  ])('%s', (_, ours, theirs, expected) => {
    expect(refusal(config(ours), mirror(theirs))).toBe(expected);
  });

  it('takes the smaller hold time and a third of it (RFC 4271 §4.2)', () => {
    expect(agreed(config({ holdTimeMs: 180_000 }), mirror({ holdTimeMs: 30_000 }))).toMatchObject({
      holdTimeMs: 30_000,
      keepaliveTimeMs: 10_000,
    });
    expect(agreed(config({ keepaliveTimeMs: 5000 }), mirror())).toMatchObject({ holdTimeMs: 90_000, keepaliveTimeMs: 5000 });
    expect(agreed(config({ keepaliveTimeMs: 60_000 }), mirror({ holdTimeMs: 30_000 }))).toMatchObject({ keepaliveTimeMs: 10_000 });
    expect(agreed(config({ holdTimeMs: 0 }), mirror())).toMatchObject({ holdTimeMs: 0, keepaliveTimeMs: 0 });
  });

  it('offers only the configured families, IPv6 next hops only over IPv6, no host name', () => {
    expect(offeredTypes({ families: ['ipv6'] })).toEqual(['mp2', 'routeRefresh', 'extendedMessage', 'fourOctetAs', 'enhancedRouteRefresh']);
    expect(offeredTypes({ families: [] })).not.toContain('mp1');
    expect(offeredTypes({ peerAddress: ip('2001:db8::2') })).toContain('extendedNextHop');
    expect(offeredTypes({ gracefulRestart: { restartTimeSeconds: 60, longLivedStaleSeconds: 3600 } })).toContain(
      'longLivedGracefulRestart',
    );
    expect(offeredTypes({ extendedMessages: false })).not.toContain('extendedMessage');
  });

  it('RFC 7911 §4: sends path identifiers only where the peer wants to receive them', () => {
    const ours = config({ addPath: true });
    const entries = [
      { afi: 1, safi: 1, mode: 1 },
      { afi: 2, safi: 1, mode: 9 },
    ];
    const theirs: Open = {
      ...offer(mirror()),
      capabilities: [...offer(mirror()).capabilities, { type: 'addPath', entries } satisfies Capability],
    };
    expect(negotiate(ours, offer(ours), theirs)).toMatchObject({ addPath: ['ipv4'] });
    expect(agreed(ours, mirror())).toMatchObject({ addPath: [] });
  });

  it('RFC 5492 §3: withholds what was named, then all it can spare, then everything', () => {
    const first = downgrade(config(), NOTHING_WITHHELD, refused(7, 64, 2, 0, 0));
    expect(first).toEqual({ codes: [64], all: false });
    const second = downgrade(config(), first ?? NOTHING_WITHHELD, refused(7));
    expect(second?.codes).toContain(6);
    expect(second?.codes).not.toContain(1);
    const third = downgrade(config(), second ?? NOTHING_WITHHELD, refused(7));
    expect(third?.all).toBe(true);
    expect(downgrade(config(), third ?? NOTHING_WITHHELD, refused(7))).toBeUndefined();
    expect(downgrade(config(), NOTHING_WITHHELD, refused(4))?.all).toBe(true);
    expect(downgrade(config({ myAsn: 4_200_000_000 }), NOTHING_WITHHELD, refused(4))).toBeUndefined();
    expect(downgrade(config(), NOTHING_WITHHELD, refused(2))).toBeUndefined();
    // Only what is named, when it is the AS number and can be spared.
    expect(downgrade(config(), NOTHING_WITHHELD, refused(7, 65, 4, 0, 0, 0xfc, 0))?.codes).toEqual([65]);
  });
});

describe('collision', () => {
  it.each([
    ['higher identifier here', B, 64_512, A, 64_513, 'out'],
    ['higher identifier there', A, 64_512, B, 64_513, 'in'],
    ['compared as numbers, not as text', ip('9.0.0.1'), 1, ip('10.0.0.1'), 1, 'in'],
    ['RFC 6286 §2.3: equal identifiers, higher AS here', A, 64_514, A, 64_513, 'out'],
    ['RFC 6286 §2.3: equal identifiers, higher AS there', A, 64_512, A, 64_513, 'in'],
  ] as const)('%s', (_, ours, ourAsn, theirs, theirAsn, expected) => {
    expect(survivor({ routerId: ours, asn: ourAsn }, { routerId: theirs, asn: theirAsn })).toBe(expected);
  });
});

describe('export', () => {
  const EXTERNAL = agreed(config(), mirror());
  const INTERNAL = agreed(config({ peerAsn: 'internal' }), mirror({ myAsn: 64_512 }));
  const full = {
    med: 5,
    localPref: 200,
    asPathPrepend: 2,
    communities: [0xffffff01, 7, 7],
    largeCommunities: [
      [64_512, 2, 1],
      [64_512, 1, 1],
    ] as const,
    extendedCommunities: ['4004fc0049742400'],
  };
  // draft-ietf-idr-link-bandwidth §2: the AS number in two octets, the bandwidth as an IEEE float.
  it.each([
    ['two octets, not transitive', 64_512, false, '4004fc004b3ebc20'],
    ['two octets, transitive', 64_512, true, '0004fc004b3ebc20'],
    ['four octets: AS_TRANS', 4_200_000_000, false, '40045ba04b3ebc20'],
  ] as const)('a link bandwidth with an AS number of %s', (_, myAsn, transitive, octets) => {
    const route = { ...PLAIN, linkBandwidth: { bytesPerSecond: 12_500_000, transitive } };
    const policy = exportPolicy(config({ myAsn }), agreed(config({ myAsn }), mirror()), A);
    expect(exportAttributes(route, policy)).toContainEqual({ type: 'extendedCommunities', communities: [octets] });
  });

  it('to another AS: our AS number, no LOCAL_PREF', () => {
    const attributes = exportAttributes({ ...PLAIN, ...full }, exportPolicy(config(), EXTERNAL, A));
    expect(attributes).toEqual([
      { type: 'origin', origin: 'igp' },
      { type: 'asPath', segments: [{ kind: 'sequence', asns: [64_512, 64_512, 64_512] }] },
      { type: 'med', med: 5 },
      { type: 'communities', communities: [7, 0xffffff01] },
      { type: 'extendedCommunities', communities: ['4004fc0049742400'] },
      {
        type: 'largeCommunities',
        communities: [
          [64_512, 1, 1],
          [64_512, 2, 1],
        ],
      },
    ]);
  });

  it('inside the AS: empty AS_PATH, LOCAL_PREF as set, 100 otherwise, zero when zero was asked for', () => {
    const policy = exportPolicy(config({ peerAsn: 'internal' }), INTERNAL, A);
    expect(exportAttributes({ ...PLAIN, ...full }, policy)).toContainEqual({ type: 'asPath', segments: [] });
    expect(exportAttributes({ ...PLAIN, ...full }, policy)).toContainEqual({ type: 'localPref', localPref: 200 });
    expect(exportAttributes(PLAIN, policy)).toContainEqual({ type: 'localPref', localPref: 100 });
    expect(exportAttributes({ ...PLAIN, localPref: 0 }, policy)).toContainEqual({ type: 'localPref', localPref: 0 });
  });

  it('shows localASN, and only it', () => {
    const policy = exportPolicy(config({ localAsn: 65_000 }), EXTERNAL, A);
    expect(exportAttributes(PLAIN, policy)).toContainEqual({ type: 'asPath', segments: [{ kind: 'sequence', asns: [65_000] }] });
  });

  it('RFC 6793 §4.2.2: AS4_PATH for a two-byte peer, and only when it says more', () => {
    const narrow: Negotiated = { ...EXTERNAL, as4: false };
    expect(types(config({ myAsn: 4_200_000_000 }), narrow)).toEqual(['origin', 'asPath', 'as4Path']);
    expect(types(config(), narrow)).toEqual(['origin', 'asPath']);
    expect(types(config({ myAsn: 4_200_000_000 }), { ...INTERNAL, as4: false })).toEqual(['origin', 'asPath', 'localPref']);
  });

  it('RFC 9234 §5: OTC towards customers and peers', () => {
    expect(types(config({ role: 'provider' }), EXTERNAL)).toContain('onlyToCustomer');
    expect(types(config({ role: 'peer' }), EXTERNAL)).toContain('onlyToCustomer');
    expect(types(config({ role: 'customer' }), EXTERNAL)).not.toContain('onlyToCustomer');
  });

  it.each<[string, Partial<SessionConfig>, string, object, boolean, object]>([
    [
      'the local address, and the interface’s for the other family',
      {},
      '192.0.2.1',
      { ipv6: ip('2001:db8::1') },
      false,
      { ipv4: ['192.0.2.1'], ipv6: ['2001:db8::1'] },
    ],
    ['the local address over another one of the interface', {}, '192.0.2.1', { ipv4: ip('192.0.2.9') }, false, { ipv4: ['192.0.2.1'] }],
    ['the configured one over all', { nextHop: { ipv4: ip('198.51.100.1') } }, '192.0.2.1', {}, false, { ipv4: ['198.51.100.1'] }],
    ['no IPv4 address, no RFC 8950: nothing for IPv4', {}, '2001:db8::1', {}, false, { ipv6: ['2001:db8::1'] }],
    ['no IPv4 address, RFC 8950: the IPv6 one', {}, '2001:db8::1', {}, true, { ipv4: ['2001:db8::1'], ipv6: ['2001:db8::1'] }],
    ['an IPv4 address is preferred to RFC 8950', {}, '2001:db8::1', { ipv4: A }, true, { ipv4: ['192.0.2.1'], ipv6: ['2001:db8::1'] }],
    ['link-local alone stands in both places', {}, 'fe80::1', {}, true, { ipv4: ['fe80::1', 'fe80::1'], ipv6: ['fe80::1', 'fe80::1'] }],
    ['link-local session, global address: both', {}, 'fe80::1', { ipv6: ip('2001:db8::1') }, false, { ipv6: ['2001:db8::1', 'fe80::1'] }],
    [
      'link-local session, no RFC 8950: the IPv4 address',
      {},
      'fe80::1',
      { ipv4: A },
      false,
      { ipv4: ['192.0.2.1'], ipv6: ['fe80::1', 'fe80::1'] },
    ],
    [
      'RFC 8950 on a link-local session goes before an IPv4 address',
      {},
      'fe80::1',
      { ipv4: A },
      true,
      { ipv4: ['fe80::1', 'fe80::1'], ipv6: ['fe80::1', 'fe80::1'] },
    ],
  ])('next hop: %s', (_, settings, local, others, extendedNextHop, expected) => {
    expect(exportPolicy(config(settings), { ...EXTERNAL, extendedNextHop }, ip(local), others).nextHops).toEqual(expected);
  });
});
