import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { isFault } from '../../src/wire/frameFault.ts';
import { decodeArp, encodeArp } from '../../src/wire/arp.ts';
import { decodeEthernet, encodeEthernet } from '../../src/wire/ethernet.ts';
import { icmpv6Checksum } from '../../src/wire/checksum.ts';
import { decodeNdp, encodeNdp } from '../../src/wire/ndp.ts';
import { ipFromBytes } from '../../src/net/ip.ts';
import { macFromBytes } from '../../src/net/mac.ts';
import { ClaimTable } from '../../src/layer2/claimTable.ts';
import { announcementFrames, probeFrame } from '../../src/layer2/gratuitous.ts';
import { solicitedGroups } from '../../src/layer2/groups.ts';
import { type InterfaceView, viewInterface } from '../../src/layer2/link.ts';
import { respond as respondInto } from '../../src/layer2/responder.ts';
import { type Response } from '../../src/layer2/response.ts';
import { CLIENT_MAC, OUR_MAC, ip, link, mac } from './support.ts';
import { vector } from './vectors.ts';

const V4 = ip('192.0.2.10');
const V6 = ip('2001:db8::10');
const eth0 = viewInterface(link());

function table(phase: 'probing' | 'claimed' = 'claimed', interfaces?: string[]): ClaimTable {
  const claims = new ClaimTable();
  for (const address of [V4, V6]) claims.set({ ip: address, phase, ...(interfaces && { interfaces }) });
  claims.setOwnMacs([OUR_MAC, mac('02:00:00:00:00:0b')]);
  return claims;
}

/** The frame with some bytes written over: [offset, hex]. */
function patched(name: string, ...changes: readonly (readonly [number, string])[]): Uint8Array {
  const frame = vector(name);
  for (const [at, bytes] of changes) frame.set(Buffer.from(bytes, 'hex'), at);
  return frame;
}

/** Likewise, with the ICMPv6 checksum made right again. */
function repaired(name: string, ...changes: readonly (readonly [number, string])[]): Uint8Array {
  const frame = patched(name, ...changes, [56, '0000']);
  const length = ((frame[18] ?? 0) << 8) | (frame[19] ?? 0);
  const sum = icmpv6Checksum(frame, 14, Math.min(length, frame.length - 54));
  frame[56] = sum >> 8;
  frame[57] = sum & 0xff;
  return frame;
}

/** With what was written. */
function respond(
  frame: Uint8Array,
  iface: InterfaceView,
  claims: ClaimTable,
  out = new Uint8Array(128),
): Response & { frame?: Uint8Array } {
  const response = respondInto(frame, iface, claims, out);
  return response.kind === 'reply' ? { ...response, frame: out.subarray(0, response.length) } : response;
}

const reason = (response: Response): string => (response.kind === 'drop' ? response.reason.reason : response.kind);

describe('golden answers', () => {
  test.each([
    ['RFC 826 request', 'arp/request', 'arp/reply', false],
    ['RFC 4861 §7.2.4 solicitation', 'ndp/solicitation', 'ndp/advertisement', false],
    ['RFC 4862 §5.4.3 DAD is answered to all nodes (W23)', 'ndp/dad', 'ndp/dadAnswer', true],
  ])('%s', (_, question, answer, defended) => {
    const response = respond(vector(question), eth0, table());
    expect(response).toMatchObject({ kind: 'reply', defended });
    // A dirty buffer shows every byte that the encoder forgets.
    const dirty = new Uint8Array(128).fill(0xa5);
    const into = respond(vector(question), eth0, table(), dirty);
    for (const got of [response, into])
      expect(Buffer.from(got.frame ?? []).toString('hex')).toBe(Buffer.from(vector(answer)).toString('hex'));
  });

  it('answers an ARP probe as a defender (RFC 5227 §2.4), to the asker', () => {
    const response = respond(vector('arp/probe'), eth0, table());
    const reply = response.frame === undefined ? undefined : decodeArp(response.frame.subarray(14));
    expect(response).toMatchObject({ kind: 'reply', claim: { ip: V4 }, defended: true });
    expect(reply).toEqual({ operation: 'reply', senderMac: OUR_MAC, senderIp: V4, targetMac: CLIENT_MAC, targetIp: '0.0.0.0' });
  });

  it('answers a unicast question to its own MAC, and padded ones', () => {
    expect(respond(patched('arp/request', [0, '02000000000a']), eth0, table()).kind).toBe('reply');
    const padded = new Uint8Array(60);
    padded.set(vector('arp/request'));
    expect(respond(padded, eth0, table()).kind).toBe('reply');
  });

  it('answers a solicitation without link-layer option to its Ethernet source', () => {
    const payload = encodeNdp({ kind: 'solicitation', source: ip('2001:db8::1'), destination: V6, target: V6 });
    const frame = encodeEthernet({ destination: OUR_MAC, source: CLIENT_MAC, etherType: 0x86dd, payload });
    const response = respond(frame, eth0, table());
    expect(macFromBytes(response.frame ?? new Uint8Array(6))).toBe(CLIENT_MAC);
  });

  test.each([
    ['RFC 5227 §2.3 announcement', announcementFrames(V4, link())[0], 'arp/announcement'],
    ['RFC 4861 §7.2.6 unsolicited', announcementFrames(V6, link('eth0', { mac: CLIENT_MAC }))[0], 'ndp/unsolicited'],
    ['RFC 5227 §2.1.1 probe', probeFrame(V4, link('eth0', { mac: CLIENT_MAC })), 'arp/probe'],
    ['RFC 4862 §5.4.2 DAD', probeFrame(V6, link('eth0', { mac: CLIENT_MAC })), 'ndp/dad'],
  ])('encodes %s', (_, frame, name) => {
    expect(Buffer.from(frame ?? []).toString('hex')).toBe(Buffer.from(vector(name)).toString('hex'));
  });
});

const arpRows: readonly (readonly [string, Uint8Array, string])[] = [
  ['empty', new Uint8Array(0), 'EthernetTooShort'],
  ['one byte', new Uint8Array(1), 'EthernetTooShort'],
  ['13 bytes', vector('arp/request').subarray(0, 13), 'EthernetTooShort'],
  ['Ethernet header alone', vector('arp/request').subarray(0, 14), 'ArpTooShort'],
  ['ARP of 1 byte', vector('arp/request').subarray(0, 15), 'ArpTooShort'],
  ['ARP of 8 bytes', vector('arp/request').subarray(0, 22), 'ArpTooShort'],
  ['ARP without its last byte', vector('arp/request').subarray(0, 41), 'ArpTooShort'],
  ['802.1Q tag', patched('arp/request', [12, '8100']), 'VlanTagged'],
  ['802.1ad tag', patched('arp/request', [12, '88a8']), 'VlanTagged'],
  ['old QinQ tag', patched('arp/request', [12, '9100']), 'VlanTagged'],
  ['RARP', patched('arp/request', [12, '8035']), 'EtherTypeUnknown'],
  ['IPv4', patched('arp/request', [12, '0800']), 'EtherTypeUnknown'],
  ['802.3 length field', patched('arp/request', [12, '001c']), 'EtherTypeUnknown'],
  ['source MAC is broadcast', patched('arp/request', [6, 'ffffffffffff']), 'SourceMacIsGroup'],
  ['source MAC is multicast', patched('arp/request', [6, '01005e000001']), 'SourceMacIsGroup'],
  ['hardware type 0', patched('arp/request', [14, '0000']), 'ArpHardwareType'],
  ['hardware type 6 (IEEE 802)', patched('arp/request', [14, '0006']), 'ArpHardwareType'],
  ['hardware type 0x0100 (swapped)', patched('arp/request', [14, '0100']), 'ArpHardwareType'],
  ['protocol type 0', patched('arp/request', [16, '0000']), 'ArpProtocolType'],
  ['protocol type IPv6', patched('arp/request', [16, '86dd']), 'ArpProtocolType'],
  ['hardware length 0', patched('arp/request', [18, '00']), 'ArpHardwareLength'],
  ['hardware length 8', patched('arp/request', [18, '08']), 'ArpHardwareLength'],
  ['hardware length 255', patched('arp/request', [18, 'ff']), 'ArpHardwareLength'],
  ['protocol length 0', patched('arp/request', [19, '00']), 'ArpProtocolLength'],
  ['protocol length 16', patched('arp/request', [19, '10']), 'ArpProtocolLength'],
  ['operation 0', patched('arp/request', [20, '0000']), 'ArpOperation'],
  ['operation 3 (reverse request)', patched('arp/request', [20, '0003']), 'ArpOperation'],
  ['operation 8 (inverse request)', patched('arp/request', [20, '0008']), 'ArpOperation'],
  ['operation 0x0101', patched('arp/request', [20, '0101']), 'ArpOperation'],
  ['operation 65535', patched('arp/request', [20, 'ffff']), 'ArpOperation'],
  ['sender MAC is broadcast', patched('arp/request', [22, 'ffffffffffff']), 'ArpSenderMacIsGroup'],
  ['sender MAC is multicast', patched('arp/request', [22, '01005e000001']), 'ArpSenderMacIsGroup'],
  ['to another station', patched('arp/request', [0, '0200000000ee']), 'NotForUs'],
  ['to an IPv4 group', patched('arp/request', [0, '01005e000001']), 'NotForUs'],
  ['for another address', patched('arp/request', [38, 'c000020b']), 'NotClaimed'],
  ['for 0.0.0.0', patched('arp/request', [38, '00000000']), 'NotClaimed'],
  ['for the broadcast address', patched('arp/request', [38, 'ffffffff']), 'NotClaimed'],
  ['from our own interface', patched('arp/request', [22, '02000000000a']), 'OwnFrame'],
  ['from another interface of ours', patched('arp/request', [22, '02000000000b']), 'OwnFrame'],
  ['a reply that nobody asked for', patched('arp/reply', [0, '02000000000a'], [22, '0200000000c1'], [28, 'c0000209']), 'NoQuestion'],
];

const ndpRows: readonly (readonly [string, Uint8Array, string])[] = [
  ['Ethernet header alone', vector('ndp/solicitation').subarray(0, 14), 'Ipv6TooShort'],
  ['IPv6 of 39 bytes', vector('ndp/solicitation').subarray(0, 53), 'Ipv6TooShort'],
  ['IPv6 header alone, payload declared', vector('ndp/solicitation').subarray(0, 54), 'Ipv6PayloadLength'],
  ['last byte missing', vector('ndp/solicitation').subarray(0, 85), 'Ipv6PayloadLength'],
  ['payload length 65535', patched('ndp/solicitation', [18, 'ffff']), 'Ipv6PayloadLength'],
  ['payload length 0', patched('ndp/solicitation', [18, '0000']), 'NdpTooShort'],
  ['payload length 23', patched('ndp/solicitation', [18, '0017']), 'NdpTooShort'],
  ['payload length 1', patched('ndp/solicitation', [18, '0001']), 'NdpTooShort'],
  ['version 4', patched('ndp/solicitation', [14, '45']), 'Ipv6Version'],
  ['version 0', patched('ndp/solicitation', [14, '00']), 'Ipv6Version'],
  ['next header UDP', patched('ndp/solicitation', [20, '11']), 'Ipv6NextHeader'],
  ['next header ICMPv4', patched('ndp/solicitation', [20, '01']), 'Ipv6NextHeader'],
  ['hop-by-hop header before it', patched('ndp/solicitation', [20, '00']), 'Ipv6NextHeader'],
  ['RFC 6980 §5 fragment', patched('ndp/solicitation', [20, '2c']), 'Ipv6NextHeader'],
  ['source is multicast', patched('ndp/solicitation', [22, 'ff02']), 'Ipv6SourceIsMulticast'],
  ['RFC 4861 §7.1.1 hop limit 254', patched('ndp/solicitation', [21, 'fe']), 'NdpHopLimit'],
  ['hop limit 64', patched('ndp/solicitation', [21, '40']), 'NdpHopLimit'],
  ['hop limit 0', patched('ndp/solicitation', [21, '00']), 'NdpHopLimit'],
  ['echo request', repaired('ndp/solicitation', [54, '80']), 'NdpType'],
  ['router solicitation', repaired('ndp/solicitation', [54, '85']), 'NdpType'],
  ['redirect', repaired('ndp/solicitation', [54, '89']), 'NdpType'],
  ['code 1', repaired('ndp/solicitation', [55, '01']), 'NdpCode'],
  ['code 255', repaired('ndp/advertisement', [0, '02000000000a'], [55, 'ff']), 'NdpCode'],
  ['checksum 0', patched('ndp/solicitation', [56, '0000']), 'NdpChecksum'],
  ['checksum off by one bit', patched('ndp/solicitation', [85, 'c0']), 'NdpChecksum'],
  ['checksum over another source', patched('ndp/solicitation', [37, '02']), 'NdpChecksum'],
  ['checksum over another destination', patched('ndp/solicitation', [53, '11']), 'NdpChecksum'],
  ['target is multicast', repaired('ndp/solicitation', [62, 'ff02']), 'NdpTargetIsMulticast'],
  ['option length 0', repaired('ndp/solicitation', [79, '00']), 'NdpOptionLengthZero'],
  ['unknown option of length 0', repaired('ndp/solicitation', [78, 'fe00']), 'NdpOptionLengthZero'],
  ['option beyond the end', repaired('ndp/solicitation', [79, '02']), 'NdpOptionTooLong'],
  ['option of 2040 bytes', repaired('ndp/solicitation', [79, 'ff']), 'NdpOptionTooLong'],
  ['option of one byte', repaired('ndp/solicitation', [18, '0019']), 'NdpOptionTooLong'],
  ['option cut after 7 bytes', repaired('ndp/solicitation', [18, '001f']), 'NdpOptionTooLong'],
  ['link-layer address is a group', repaired('ndp/solicitation', [80, '01']), 'NdpLinkLayerIsGroup'],
  ['RFC 4861 §7.1.1 DAD with link-layer option', repaired('ndp/solicitation', [22, '00'.repeat(16)]), 'NdpUnspecifiedWithLinkLayer'],
  ['RFC 4861 §7.1.1 DAD to all nodes', repaired('ndp/dad', [38, 'ff020000000000000000000000000001']), 'NdpUnspecifiedDestination'],
  ['DAD to a unicast address', repaired('ndp/dad', [38, '20010db8000000000000000000000010']), 'NdpUnspecifiedDestination'],
  ['RFC 4861 §7.1.2 solicited to a group', repaired('ndp/unsolicited', [58, '60']), 'NdpSolicitedMulticast'],
  ['advertisement from nobody', repaired('ndp/unsolicited', [22, '00'.repeat(16)]), 'NdpUnspecifiedSource'],
  ['to another station', patched('ndp/solicitation', [0, '0200000000ee']), 'NotForUs'],
  ['to all routers', patched('ndp/solicitation', [0, '333300000002']), 'NotForUs'],
  ['for another address', repaired('ndp/solicitation', [77, '11']), 'NotClaimed'],
  ['for an address that ends alike', repaired('ndp/solicitation', [69, '01']), 'NotClaimed'],
  ['for ::', repaired('ndp/solicitation', [62, '00'.repeat(16)]), 'NotClaimed'],
  ['from our own interface', repaired('ndp/solicitation', [80, '02000000000b']), 'OwnFrame'],
  ['advertisement of a strange address', repaired('ndp/unsolicited', [77, '99']), 'NoQuestion'],
  ['tagged', patched('ndp/solicitation', [12, '8100']), 'VlanTagged'],
];

describe('malformed and foreign frames', () => {
  test.each(arpRows)('ARP: %s', (_, frame, code) => expect(reason(respond(frame, eth0, table()))).toBe(code));
  test.each(ndpRows)('NDP: %s', (_, frame, code) => expect(reason(respond(frame, eth0, table()))).toBe(code));

  it('a link-layer option of 16 bytes is no Ethernet address', () => {
    const frame = new Uint8Array(94);
    frame.set(patched('ndp/solicitation', [18, '0028'], [79, '02']));
    frame.set([0, 0], 56);
    const sum = icmpv6Checksum(frame, 14, 40);
    frame.set([sum >> 8, sum & 0xff], 56);
    expect(reason(respond(frame, eth0, table()))).toBe('NdpLinkLayerLength');
  });

  it('there are more than 60 of them', () => expect(arpRows.length + ndpRows.length).toBeGreaterThan(60));

  test.each(['arp/request', 'ndp/solicitation'])('%s: interface down, unfit, not selected, still probing', (name) => {
    const frame = vector(name);
    expect(reason(respond(frame, viewInterface(link('eth0', { up: false })), table()))).toBe('InterfaceUnfit');
    expect(reason(respond(frame, viewInterface(link('eth0', { arp: false, ndp: false })), table()))).toBe('InterfaceUnfit');
    expect(reason(respond(frame, eth0, table('claimed', ['eth1'])))).toBe('InterfaceNotSelected');
    expect(reason(respond(frame, eth0, table('claimed', ['eth0'])))).toBe('reply');
    expect(reason(respond(frame, eth0, table('probing')))).toBe('StillProbing');
    const released = table();
    released.delete(V4);
    released.delete(V6);
    expect(reason(respond(frame, eth0, released))).toBe('NotClaimed');
  });
});

describe('conflicts (RFC 5227 §2.4, RFC 4862 §5.4.4)', () => {
  const foreign = '0200000000c1';
  test.each([
    ['ARP announcement', patched('arp/announcement', [6, foreign], [22, foreign]), 'arp-request', V4],
    ['ARP reply to us', patched('arp/reply', [0, '02000000000a'], [22, foreign]), 'arp-reply', V4],
    ['ordinary request sent with our address', patched('arp/request', [28, 'c000020a'], [38, 'c0000201']), 'arp-request', V4],
    ['unsolicited advertisement', vector('ndp/unsolicited'), 'advertisement', V6],
  ])('%s', (_, frame, by, address) => {
    const sighting = { ip: address, mac: CLIENT_MAC, interface: 'eth0', by, phase: 'claimed' };
    expect(respond(frame, eth0, table())).toEqual({ kind: 'conflict', sighting });
    expect(respond(frame, eth0, table('claimed', ['eth1'])).kind).toBe('drop');
  });

  test.each(['arp/probe', 'ndp/dad'])('%s while we probe ourselves', (name) => {
    expect(respond(vector(name), eth0, table('probing'))).toMatchObject({ kind: 'conflict', sighting: { by: 'probe', phase: 'probing' } });
  });

  it('our own announcement, heard on another interface, is none', () => {
    const eth1 = viewInterface(link('eth1', { mac: mac('02:00:00:00:00:0b') }));
    for (const address of [V4, V6])
      for (const frame of announcementFrames(address, link())) expect(reason(respond(frame, eth1, table()))).toBe('OwnFrame');
  });
});

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const anyMac = bytes(6).map((raw) => macFromBytes(Uint8Array.of((raw[0] ?? 0) & 0xfe, ...raw.subarray(1))));
const any4 = bytes(4).map((raw) => ipFromBytes(raw));
const any6 = bytes(16).map((raw) => ipFromBytes(Uint8Array.of(0x20, ...raw.subarray(1))));

describe('properties', () => {
  it('arbitrary bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        expect(['reply', 'drop', 'conflict']).toContain(respond(raw, eth0, table()).kind);
        for (const decode of [decodeEthernet, decodeArp, decodeNdp]) expect(decode(raw)).toBeTypeOf('object');
      }),
      { numRuns: 2000 },
    );
  });

  it('damaged real frames never throw, at any length', () => {
    const names = ['arp/request', 'arp/reply', 'ndp/solicitation', 'ndp/unsolicited', 'ndp/dad'];
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.nat(90),
        fc.array(fc.tuple(fc.nat(85), fc.nat(255)), { maxLength: 4 }),
        (name, cut, hits) => {
          const frame = vector(name).subarray(0, cut);
          for (const [at, value] of hits) if (at < frame.length) frame[at] = value;
          expect(['reply', 'drop', 'conflict']).toContain(respond(frame, eth0, table()).kind);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('ARP: decode after encode is identity', () => {
    const arp = fc.record({
      operation: fc.constantFrom('request' as const, 'reply' as const),
      senderMac: anyMac,
      senderIp: any4,
      targetMac: anyMac,
      targetIp: any4,
    });
    fc.assert(
      fc.property(arp, (value) => {
        expect(decodeArp(encodeArp(value))).toEqual(value);
      }),
    );
  });

  it('NDP: decode after encode is identity', () => {
    const common = { source: any6, destination: any6, target: any6 };
    const ndp = fc.oneof(
      fc.record(
        { kind: fc.constant('solicitation' as const), ...common, linkLayer: anyMac },
        { requiredKeys: ['kind', 'source', 'destination', 'target'] },
      ),
      fc.record(
        {
          kind: fc.constant('advertisement' as const),
          ...common,
          router: fc.boolean(),
          solicited: fc.boolean(),
          override: fc.boolean(),
          linkLayer: anyMac,
        },
        { requiredKeys: ['kind', 'source', 'destination', 'target', 'router', 'solicited', 'override'] },
      ),
    );
    fc.assert(
      fc.property(ndp, (value) => {
        expect(decodeNdp(encodeNdp(value))).toEqual(value);
      }),
    );
  });

  it('Ethernet: decode after encode is identity', () => {
    const header = fc.record({ destination: anyMac, source: anyMac, etherType: fc.constantFrom(0x0806, 0x86dd), payload: fc.uint8Array() });
    fc.assert(
      fc.property(header, (value) => {
        const decoded = decodeEthernet(encodeEthernet(value));
        expect(isFault(decoded)).toBe(false);
        expect(decoded).toEqual(value);
      }),
    );
  });
});

it('joins each solicited-node group once per fit interface (W11)', () => {
  const claims = [V4, V6, ip('2001:db8:1::10'), ip('2001:db8::11')].map((address) => ({ ip: address, phase: 'claimed' as const }));
  const groups = solicitedGroups(claims, [link(), link('eth1', { up: false })]);
  expect([...groups].map(([name, set]) => [name, [...set]])).toEqual([['eth0', ['ff02::1:ff00:10', 'ff02::1:ff00:11']]]);
});
