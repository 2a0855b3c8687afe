import { Netmask } from 'netmask';
import { type Family, type Ip, addressBits, ipFamily, ipFromBytes, ipToBytes, parseIp } from './ip.ts';

/** A canonical CIDR prefix, `192.0.2.0/24` or `2001:db8::/64`: host bits are zero, the address is an {@link Ip}. */
export type Prefix = string & { readonly __unit: 'Prefix' };

/** Accepts host bits and masks them off, as MetalLB does. @returns undefined when `text` is no CIDR. */
export function parsePrefix(text: string): Prefix | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text.trim());
  const ip = match?.[1] === undefined ? undefined : parseIp(match[1]);
  if (match?.[2] === undefined || ip === undefined) return undefined;
  const length = Number(match[2]);
  if (length > addressBits(ipFamily(ip))) return undefined;
  return prefixOf(ip, length);
}

/** The prefix of `length` bits that contains `ip`. @param length 0 to 32 or 128, else RangeError (a caller's bug). */
export function prefixOf(ip: Ip, length: number): Prefix {
  const family = ipFamily(ip);
  if (!Number.isInteger(length) || length < 0 || length > addressBits(family))
    throw new RangeError(`${length} is no ${family} prefix length`);
  if (length === addressBits(family)) return `${ip}/${length}` as Prefix;
  if (family === 'ipv4') return `${new Netmask(ip, String(length)).base}/${length}` as Prefix;
  const bytes = ipToBytes(ip);
  for (let i = 0; i < bytes.length; i++) {
    const kept = Math.min(8, Math.max(0, length - i * 8));
    bytes[i] = (bytes[i] ?? 0) & (0xff00 >> kept) & 0xff;
  }
  return `${ipFromBytes(bytes)}/${length}` as Prefix;
}

export function prefixAddress(prefix: Prefix): Ip {
  return prefix.slice(0, prefix.indexOf('/')) as Ip;
}

export function prefixLength(prefix: Prefix): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1));
}

export function prefixFamily(prefix: Prefix): Family {
  return prefix.includes(':') ? 'ipv6' : 'ipv4';
}
