import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Block, blockContains, blockPrefixes, blockSize, blocksOverlap, parseBlock } from '../../src/net/block.ts';
import { type Ip, ipFromBigInt, ipFromBytes, ipToBigInt, ipToBytes, isLinkLocal, parseIp, solicitedNodeGroup } from '../../src/net/ip.ts';
import { macFromBytes, macToBytes, multicastMac } from '../../src/net/mac.ts';
import { parsePrefix, prefixAddress, prefixLength, prefixOf } from '../../src/net/prefix.ts';

const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const v6 = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  // Mostly zeros: the forms with `::`.
  fc
    .array(fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) }), {
      minLength: 16,
      maxLength: 16,
    })
    .map((bytes) => Uint8Array.from(bytes)),
);

describe('ip', () => {
  it.each([
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    [' 192.0.2.1 ', '192.0.2.1'],
  ])('RFC 5952 §4: %s is %s', (written, canonical) => {
    expect(parseIp(written)).toBe(canonical);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.4/32',
    'fe80::1%eth0',
    ':::',
    '1::2::3',
    '12345::',
    'host',
    '1.2.3.4 5',
  ])('takes %j for no address', (written) => {
    expect(parseIp(written)).toBeUndefined();
  });

  it('comes back the same from bytes, text and numbers', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), (bytes) => {
        const ip = ipFromBytes(bytes);
        expect(parseIp(ip)).toBe(ip);
        expect(ipToBytes(ip)).toEqual(bytes);
        expect(ipFromBigInt(ipToBigInt(ip), bytes.length === 4 ? 'ipv4' : 'ipv6')).toBe(ip);
      }),
    );
  });

  it('knows link-local addresses and solicited-node groups (RFC 4291 §2.5.6, §2.7.1)', () => {
    expect(['fe80::1', 'febf::1', '169.254.1.1'].every((ip) => isLinkLocal(ip as Ip))).toBe(true);
    expect(['fec0::1', '2001:db8::1', '10.0.0.1'].some((ip) => isLinkLocal(ip as Ip))).toBe(false);
    expect(solicitedNodeGroup('2001:db8::12:3456' as Ip)).toBe('ff02::1:ff12:3456');
  });
});

describe('mac', () => {
  it('comes back the same from bytes, and maps groups (RFC 2464 §7)', () => {
    const bytes = Uint8Array.of(2, 0, 0xab, 0xcd, 0xef, 1);
    expect(macFromBytes(bytes)).toBe('02:00:ab:cd:ef:01');
    expect(macToBytes(macFromBytes(bytes))).toEqual(bytes);
    expect(multicastMac(ipToBytes('ff02::1:ff12:3456' as Ip))).toBe('33:33:ff:12:34:56');
  });
});

describe('prefix', () => {
  it.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:db8::ffff/65', '2001:db8::/65'],
    ['2001:db8::1/128', '2001:db8::1/128'],
  ])('masks %s off to %s', (written, canonical) => {
    expect(parsePrefix(written)).toBe(canonical);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '2001:db8::/129', '10.0.0.0/-1', '10.0.0.0/8/8', '/8'])('takes %j for no prefix', (written) => {
    expect(parsePrefix(written)).toBeUndefined();
  });

  it('holds the address it is made of, at every length', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), fc.nat(128), (bytes, wanted) => {
        const ip = ipFromBytes(bytes);
        const length = Math.min(wanted, bytes.length * 8);
        const prefix = prefixOf(ip, length);
        const shift = BigInt(bytes.length * 8 - length);
        expect(prefixLength(prefix)).toBe(length);
        expect(ipToBigInt(prefixAddress(prefix)) >> shift).toBe(ipToBigInt(ip) >> shift);
        expect(ipToBigInt(prefixAddress(prefix)) & ((1n << shift) - 1n)).toBe(0n);
      }),
    );
  });
});

describe('block', () => {
  const block = (written: string): Block => {
    const parsed = parseBlock(written);
    if (typeof parsed === 'string') throw new Error(parsed);
    return parsed;
  };

  it.each([
    ['10.0.0.0/33', 'NotACidrOrRange'],
    ['10.0.0.1', 'NotACidrOrRange'],
    ['10.0.0.1-10.0.0.2-10.0.0.3', 'NotACidrOrRange'],
    ['10.0.0.1-fd00::1', 'MixedFamilies'],
    ['10.0.0.2-10.0.0.1', 'EndBeforeStart'],
  ])('%s: %s', (written, error) => {
    expect(parseBlock(written)).toBe(error);
  });

  it('measures, compares and splits', () => {
    expect(blockSize(block('10.0.0.10 - 10.0.0.20'))).toBe(11n);
    expect(blockSize(block('fd00::/64'))).toBe(1n << 64n);
    expect(blockPrefixes(block('10.0.0.10-10.0.0.20'))).toEqual(['10.0.0.10/31', '10.0.0.12/30', '10.0.0.16/30', '10.0.0.20/32']);
    expect(blockPrefixes(block('0.0.0.0/0'))).toEqual(['0.0.0.0/0']);
    expect(blocksOverlap(block('10.0.0.0/24'), block('10.0.0.255-10.0.1.3'))).toBe(true);
    expect(blocksOverlap(block('10.0.0.0/24'), block('10.0.1.0/24'))).toBe(false);
    expect(blocksOverlap(block('0.0.0.0/0'), block('::/0'))).toBe(false);
    expect(blockContains(block('10.0.0.10-10.0.0.20'), '10.0.0.20' as Ip)).toBe(true);
    expect(blockContains(block('10.0.0.10-10.0.0.20'), '10.0.0.21' as Ip)).toBe(false);
  });

  it('is covered exactly by its prefixes', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(5000), (start, more) => {
        const last = BigInt(Math.min(0xffffffff, start + more));
        const prefixes = blockPrefixes({ family: 'ipv4', first: BigInt(start), last, text: '' });
        const size = prefixes.reduce((sum, prefix) => sum + (1n << BigInt(32 - prefixLength(prefix))), 0n);
        expect(size).toBe(last - BigInt(start) + 1n);
        expect(prefixes.every((prefix) => ipToBigInt(prefixAddress(prefix)) >= BigInt(start))).toBe(true);
      }),
    );
  });
});
