import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Ip } from '../../../src/net/ip.ts';
import type { Prefix } from '../../../src/net/prefix.ts';
import { isMalformed } from '../../../src/wire/bgp/malformed.ts';
import { type Message, type MessageContext, decodeMessage, encodeMessage } from '../../../src/wire/bgp/message.ts';
import { encodeNlri, nlriPrefixes } from '../../../src/wire/bgp/nlri.ts';
import { shutdownData, shutdownText } from '../../../src/wire/bgp/notification.ts';
import { endOfRib } from '../../../src/wire/bgp/update.ts';

const FOLDER = new URL('../../vectors/bgp/', import.meta.url);

function readVector(name: string): Uint8Array {
  const [provenance, ...lines] = readFileSync(new URL(`${name}.hex`, FOLDER), 'utf8').split('\n');
  if (provenance?.startsWith('#') !== true) throw new Error(`${name} does not say where it comes from`);
  return Uint8Array.from(Buffer.from(lines.map((line) => line.replace(/#.*/, '').replaceAll(/\s/g, '')).join(''), 'hex'));
}

const CONTEXT: MessageContext = { as4: true, ebgp: false, addPath: [], extended: false };
const ip = (text: string): Ip => text as Ip;
const run = (family: 'ipv4' | 'ipv6', ...prefixes: string[]): ReturnType<typeof encodeNlri> => encodeNlri(prefixes as Prefix[], family);
const NONE = run('ipv4');
const MP4 = { type: 'multiprotocol', afi: 1, safi: 1 } as const;
const MP6 = { type: 'multiprotocol', afi: 2, safi: 1 } as const;

const VECTORS: Readonly<Record<string, { readonly message: Message; readonly as4?: boolean }>> = {
  keepalive: { message: { type: 'keepalive' } },
  openPlain: { message: { type: 'open', asn: 64_512, holdTimeSeconds: 90, routerId: ip('192.0.2.1'), capabilities: [] } },
  openFull: {
    message: {
      type: 'open',
      asn: 23_456,
      holdTimeSeconds: 180,
      routerId: ip('192.0.2.1'),
      capabilities: [
        MP4,
        MP6,
        { type: 'routeRefresh' },
        { type: 'extendedNextHop', entries: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
        { type: 'extendedMessage' },
        { type: 'role', role: 3 },
        {
          type: 'gracefulRestart',
          restarting: true,
          notification: true,
          timeSeconds: 120,
          families: [
            { afi: 1, safi: 1, forwarding: true },
            { afi: 2, safi: 1, forwarding: false },
          ],
        },
        { type: 'fourOctetAs', asn: 4_200_000_001 },
        {
          type: 'addPath',
          entries: [
            { afi: 1, safi: 1, mode: 2 },
            { afi: 2, safi: 1, mode: 3 },
          ],
        },
        { type: 'enhancedRouteRefresh' },
        {
          type: 'longLivedGracefulRestart',
          families: [
            { afi: 1, safi: 1, forwarding: true, staleSeconds: 3600 },
            { afi: 2, safi: 1, forwarding: false, staleSeconds: 86_400 },
          ],
        },
        { type: 'unknown', code: 127, value: Uint8Array.of(0xab, 0xcd) },
      ],
    },
  },
  updateIpv4: {
    message: {
      type: 'update',
      withdrawn: run('ipv4', '198.51.100.0/24'),
      attributes: [
        { type: 'origin', origin: 'igp' },
        {
          type: 'asPath',
          segments: [
            { kind: 'sequence', asns: [64_512, 4_200_000_001] },
            { kind: 'set', asns: [64_513] },
          ],
        },
        { type: 'nextHop', nextHop: ip('192.0.2.1') },
        { type: 'med', med: 100 },
        { type: 'localPref', localPref: 200 },
        { type: 'atomicAggregate' },
        { type: 'communities', communities: [0xfde80001, 0xffffff01] },
        { type: 'extendedCommunities', communities: ['4004fc0049742400'] },
        { type: 'largeCommunities', communities: [[64_512, 1, 2]] },
      ],
      nlri: run('ipv4', '203.0.113.1/32', '0.0.0.0/0'),
      faults: [],
    },
  },
  updateIpv6: {
    message: {
      type: 'update',
      withdrawn: NONE,
      attributes: [
        {
          type: 'mpReach',
          afi: 2,
          safi: 1,
          nextHops: [ip('2001:db8::1'), ip('fe80::1')],
          nlri: run('ipv6', '2001:db8:1::1/128'),
        },
        { type: 'origin', origin: 'incomplete' },
        { type: 'asPath', segments: [{ kind: 'sequence', asns: [64_512] }] },
        { type: 'mpUnreach', afi: 2, safi: 1, nlri: run('ipv6', '2001:db8:2::/64') },
        { type: 'unknown', flags: 0xc0, code: 128, value: Uint8Array.of(1, 2) },
      ],
      nlri: NONE,
      faults: [],
    },
  },
  updateExtendedNextHop: {
    message: {
      type: 'update',
      withdrawn: NONE,
      attributes: [
        {
          type: 'mpReach',
          afi: 1,
          safi: 1,
          nextHops: [ip('2001:db8::1')],
          nlri: run('ipv4', '203.0.113.1/32', '198.51.100.0/24'),
        },
        { type: 'origin', origin: 'igp' },
        { type: 'asPath', segments: [{ kind: 'sequence', asns: [64_512] }] },
      ],
      nlri: NONE,
      faults: [],
    },
  },
  updateAs2: {
    as4: false,
    message: {
      type: 'update',
      withdrawn: NONE,
      attributes: [
        { type: 'origin', origin: 'igp' },
        { type: 'asPath', segments: [{ kind: 'sequence', asns: [23_456, 64_512] }] },
        { type: 'nextHop', nextHop: ip('192.0.2.1') },
        { type: 'as4Path', segments: [{ kind: 'sequence', asns: [4_200_000_001, 64_512] }] },
      ],
      nlri: run('ipv4', '203.0.113.1/32'),
      faults: [],
    },
  },
  endOfRibIpv4: { message: { type: 'update', withdrawn: NONE, attributes: [], nlri: NONE, faults: [] } },
  endOfRibIpv6: {
    message: {
      type: 'update',
      withdrawn: NONE,
      attributes: [{ type: 'mpUnreach', afi: 2, safi: 1, nlri: run('ipv6') }],
      nlri: NONE,
      faults: [],
    },
  },
  notificationShutdown: { message: { type: 'notification', code: 6, subcode: 2, data: shutdownData('drain ä') } },
  routeRefresh: { message: { type: 'routeRefresh', afi: 2, subtype: 1, safi: 1 } },
};

describe('golden messages', () => {
  it('has a message for every vector', () => {
    const files = readdirSync(FOLDER).map((file) => file.replace('.hex', ''));
    expect(Object.keys(VECTORS).sort()).toEqual(files.sort());
  });

  it.each(Object.entries(VECTORS))('%s: decode', (name, { message, as4 = true }) => {
    const decoded = decodeMessage(readVector(name), { ...CONTEXT, as4 });
    expect(decoded).toEqual(message);
  });

  it.each(Object.entries(VECTORS))('%s: encode', (name, { message, as4 = true }) => {
    const room = new Uint8Array(4096).fill(0xa5);
    const encoded = encodeMessage(message, as4, room);
    expect(Buffer.from(encoded).toString('hex')).toBe(Buffer.from(readVector(name)).toString('hex'));
    expect(room.subarray(encoded.length).every((byte) => byte === 0xa5)).toBe(true);
  });
});

describe('what the vectors mean', () => {
  it('reads prefixes, and masks host bits that the sender left set', () => {
    const update = decodeMessage(readVector('updateIpv4'), CONTEXT);
    if (isMalformed(update) || update.type !== 'update') throw new Error('not an UPDATE');
    expect(nlriPrefixes(update.nlri)).toEqual([{ prefix: '203.0.113.1/32' }, { prefix: '0.0.0.0/0' }]);
    expect(nlriPrefixes({ family: 'ipv4', addPath: false, count: 1, bytes: Uint8Array.of(9, 10, 255) })).toEqual([
      { prefix: '10.128.0.0/9' },
    ]);
  });

  it('RFC 4724 §2: knows an End-of-RIB, and no other UPDATE', () => {
    for (const [name, { message }] of Object.entries(VECTORS)) {
      const family = message.type === 'update' ? endOfRib(message) : undefined;
      expect(family).toBe({ endOfRibIpv4: 'ipv4', endOfRibIpv6: 'ipv6' }[name]);
    }
  });

  it('RFC 9003: reads the words, without control characters, and cuts ours between characters', () => {
    expect(shutdownText({ type: 'notification', code: 6, subcode: 2, data: shutdownData('drain ä') })).toBe('drain ä');
    expect(shutdownText({ type: 'notification', code: 6, subcode: 4, data: shutdownData('a\u001b[31mb\u202e') })).toBe('a [31mb');
    expect(shutdownData('é'.repeat(200))).toHaveLength(1 + 254);
    expect(shutdownText({ type: 'notification', code: 6, subcode: 2, data: Uint8Array.of(9, 65) })).toBeUndefined();
    expect(shutdownText({ type: 'notification', code: 6, subcode: 2, data: Uint8Array.of(2, 0xc3, 0x28) })).toBeUndefined();
    expect(shutdownText({ type: 'notification', code: 6, subcode: 3, data: shutdownData('no') })).toBeUndefined();
    expect(shutdownText({ type: 'notification', code: 6, subcode: 9, data: Uint8Array.of(6, 2, ...shutdownData('hard')) })).toBe('hard');
  });

  it('RFC 9072: goes over to the long form when the capabilities need it', () => {
    const capabilities = Array.from({ length: 4 }, () => ({ type: 'unknown' as const, code: 200, value: new Uint8Array(100).fill(7) }));
    const message: Message = { type: 'open', asn: 1, holdTimeSeconds: 0, routerId: ip('1.1.1.1'), capabilities };
    const bytes = encodeMessage(message);
    expect(Buffer.from(bytes.subarray(28, 35)).toString('hex')).toBe('ffff019b020198');
    expect(decodeMessage(bytes, CONTEXT)).toEqual(message);
  });
});
