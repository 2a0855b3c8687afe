import { Address4, Address6 } from 'ip-address';

/**
 * An IP address in its one canonical text form: dotted quad, or RFC 5952 for IPv6, without a zone. Two addresses are the
 * same address exactly when the strings are equal, so an `Ip` can be a map key and travels through JSON as it is.
 */
export type Ip = string & { readonly __unit: 'Ip' };

/** Kubernetes spells them `IPv4` and `IPv6`. */
export type Family = 'ipv4' | 'ipv6';

/**
 * Parses what a person or a peer wrote. Accepts no zone, no prefix length, no IPv4 shorthand or octal.
 * IPv4-mapped IPv6 (`::ffff:1.2.3.4`) stays IPv6.
 * @returns undefined when `text` is no address.
 */
export function parseIp(text: string): Ip | undefined {
  const trimmed = text.trim();
  if (trimmed.includes('/') || trimmed.includes('%')) return undefined;
  if (trimmed.includes(':')) {
    if (!Address6.isValid(trimmed)) return undefined;
    return ipFromBigInt(new Address6(trimmed).bigInt(), 'ipv6');
  }
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(trimmed) || !Address4.isValid(trimmed)) return undefined;
  // Leading zeros are octal to some readers and decimal to others (CVE-2021-28918): refuse them.
  if (trimmed.split('.').some((part) => part.length > 1 && part.startsWith('0'))) return undefined;
  return trimmed as Ip;
}

export function ipFamily(ip: Ip): Family {
  return ip.includes(':') ? 'ipv6' : 'ipv4';
}

export function addressBits(family: Family): 32 | 128 {
  return family === 'ipv4' ? 32 : 128;
}

/** @returns 4 or 16 bytes in network order. */
export function ipToBytes(ip: Ip): Uint8Array {
  const family = ipFamily(ip);
  const bytes = new Uint8Array(family === 'ipv4' ? 4 : 16);
  writeIp(ip, bytes, 0);
  return bytes;
}

/** Writes 4 or 16 bytes at `offset`; the hot path of encoding, so it allocates nothing. @returns the number of bytes. */
export function writeIp(ip: Ip, bytes: Uint8Array, offset: number): 4 | 16 {
  if (ip.includes(':')) {
    writeIpv6(ip, bytes, offset);
    return 16;
  }
  let octet = 0;
  let at = offset;
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i);
    if (code === 46) {
      bytes[at++] = octet;
      octet = 0;
    } else octet = octet * 10 + code - 48;
  }
  bytes[at] = octet;
  return 4;
}

function writeIpv6(ip: Ip, bytes: Uint8Array, offset: number): void {
  let at = offset;
  let group = 0;
  let hasDigits = false;
  let gap = -1;
  for (let i = 0; i < ip.length; i++) {
    const code = ip.charCodeAt(i);
    if (code !== 58) {
      group = (group << 4) | (code < 58 ? code - 48 : code - 87);
      hasDigits = true;
      continue;
    }
    if (hasDigits) {
      bytes[at++] = group >> 8;
      bytes[at++] = group & 0xff;
      group = 0;
      hasDigits = false;
    } else gap = at;
    if (ip.charCodeAt(i + 1) === 58) gap = at;
  }
  if (hasDigits) {
    bytes[at++] = group >> 8;
    bytes[at++] = group & 0xff;
  }
  if (gap === -1) return;
  // What follows `::` goes to the end, and zeros into the gap.
  const tail = at - gap;
  bytes.copyWithin(offset + 16 - tail, gap, at);
  bytes.fill(0, gap, offset + 16 - tail);
}

/** @param length 4 or 16; throws RangeError when `bytes` is shorter (a caller's bug). */
export function ipFromBytes(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): Ip {
  if (length !== 4 && length !== 16) throw new RangeError(`an IP address has 4 or 16 bytes, not ${length}`);
  if (bytes.length < offset + length) throw new RangeError(`an IP address needs ${length} bytes`);
  if (length === 4) return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}` as Ip;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[offset + i] ?? 0) << 8) | (bytes[offset + i + 1] ?? 0));
  return formatGroups(groups);
}

/** RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function formatGroups(groups: readonly number[]): Ip {
  let best = -1;
  let bestLength = 1;
  let start = -1;
  for (let i = 0; i <= 8; i++) {
    if (i < 8 && groups[i] === 0) {
      if (start === -1) start = i;
      continue;
    }
    if (start !== -1 && i - start > bestLength) {
      best = start;
      bestLength = i - start;
    }
    start = -1;
  }
  if (best === -1) return groupsText(groups, 0, 8) as Ip;
  return `${groupsText(groups, 0, best)}::${groupsText(groups, best + bestLength, 8)}` as Ip;
}

function groupsText(groups: readonly number[], from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += (i === from ? '' : ':') + (groups[i] ?? 0).toString(16);
  return text;
}

export function ipToBigInt(ip: Ip): bigint {
  let value = 0n;
  for (const byte of ipToBytes(ip)) value = (value << 8n) | BigInt(byte);
  return value;
}

/** @param value below 2^32 or 2^128; throws RangeError otherwise (a caller's bug). */
export function ipFromBigInt(value: bigint, family: Family): Ip {
  const bits = addressBits(family);
  if (value < 0n || value >> BigInt(bits) !== 0n) throw new RangeError(`${value} is no ${family} address`);
  const bytes = new Uint8Array(bits / 8);
  let rest = value;
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return ipFromBytes(bytes);
}

/** RFC 4291 §2.5.6. */
export function isLinkLocal(ip: Ip): boolean {
  return ipFamily(ip) === 'ipv6' ? /^fe[89ab][0-9a-f]:/.test(ip) : ip.startsWith('169.254.');
}

/** RFC 4291 §2.7.1: ff02::1:ffXX:XXXX with the low 24 bits of the address. @param ip IPv6 */
export function solicitedNodeGroup(ip: Ip): Ip {
  const bytes = ipToBytes(ip);
  const high = (bytes[13] ?? 0).toString(16).padStart(2, '0');
  const low = ((bytes[14] ?? 0) << 8) | (bytes[15] ?? 0);
  return `ff02::1:ff${high}:${low.toString(16)}` as Ip;
}
