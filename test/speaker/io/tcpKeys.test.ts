import { describe, expect, it } from 'vitest';
import { aoDeletion, aoKey, md5Signature } from '../../../speaker/io/tcpKeys.ts';
import { ip } from '../support.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1').replaceAll('\0', '');

describe('struct tcp_md5sig (RFC 2385)', () => {
  it('has the address, the length of the key and the key where Linux reads them', () => {
    const bytes = md5Signature(ip('192.0.2.1'), 'secret');
    expect(bytes).toHaveLength(216);
    expect([...bytes.subarray(0, 8)]).toEqual([2, 0, 0, 0, 192, 0, 2, 1]);
    expect([...bytes.subarray(128, 136)]).toEqual([0, 0, 6, 0, 0, 0, 0, 0]);
    expect(text(bytes.subarray(136))).toBe('secret');
  });

  it('has the flag and the length of a prefix', () => {
    const bytes = md5Signature(ip('2001:db8::'), 'k', 32);
    expect([...bytes.subarray(0, 12)]).toEqual([10, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8]);
    expect([...bytes.subarray(128, 132)]).toEqual([1, 32, 1, 0]);
  });

  it('has no room for more than 80 bytes', () => {
    expect(() => md5Signature(ip('192.0.2.1'), 'x'.repeat(81))).toThrow(RangeError);
    expect(md5Signature(ip('192.0.2.1'), 'x'.repeat(80)).at(-1)).toBe(120);
  });
});

describe('struct tcp_ao_add (RFC 5925)', () => {
  const KEY = { key: 'secret', sendId: 3, receiveId: 4, algorithm: 'aes-128-cmac-96' } as const;

  it('has everything where Linux reads it', () => {
    const bytes = aoKey(ip('192.0.2.1'), KEY);
    expect(bytes).toHaveLength(288);
    expect([...bytes.subarray(0, 8)]).toEqual([2, 0, 0, 0, 192, 0, 2, 1]);
    expect(text(bytes.subarray(128, 192))).toBe('cmac(aes128)');
    expect([...bytes.subarray(192, 202)]).toEqual(Array.from({ length: 10 }, () => 0));
    // prefix, send id, receive id, MAC length, flags, key length
    expect([...bytes.subarray(202, 208)]).toEqual([32, 3, 4, 12, 0, 6]);
    expect(text(bytes.subarray(208))).toBe('secret');
  });

  it.each([
    ['2001:db8::1', undefined, 128],
    ['2001:db8::', 64, 64],
    ['192.0.2.0', 24, 24],
  ])('for %s/%s has prefix length %i', (address, length, expected) => {
    expect(aoKey(ip(address), { ...KEY, algorithm: 'hmac-sha1-96' }, length)[202]).toBe(expected);
    expect(text(aoKey(ip(address), { ...KEY, algorithm: 'hmac-sha1-96' }, length).subarray(128, 192))).toBe('hmac(sha1)');
  });

  it('is taken back by its identifiers', () => {
    const bytes = aoDeletion(ip('192.0.2.1'), KEY);
    expect(bytes).toHaveLength(144);
    expect([...bytes.subarray(138, 144)]).toEqual([32, 3, 4, 0, 0, 0]);
  });
});
