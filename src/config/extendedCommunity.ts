import { ipToBytes, parseIp } from '../net/ip.ts';

/** RFC 4360 §4, §5: the low octet of the type. */
const SUBTYPES: Readonly<Record<string, number>> = { rt: 0x02, soo: 0x03 };

/** The high octet: RFC 4360 §3.1, §3.2 and RFC 5668 §2. */
const TWO_OCTET_AS = 0x00;
const IPV4_ADDRESS = 0x01;
const FOUR_OCTET_AS = 0x02;

/**
 * `rt:64512:100`, `soo:192.0.2.1:7` or `ext:0002fc0000000064`.
 * @returns sixteen hex digits; undefined when it is none of these
 */
export function parseExtended(written: string): string | undefined {
  const raw = /^ext:([0-9a-f]{16})$/i.exec(written)?.[1];
  if (raw !== undefined) return raw.toLowerCase();
  const [, name = '', administrator = '', assigned = ''] = /^(rt|soo):([0-9.]+):(\d{1,10})$/.exec(written) ?? [];
  const subtype = SUBTYPES[name];
  return subtype === undefined ? undefined : encode(subtype, administrator, Number(assigned));
}

function encode(subtype: number, administrator: string, assigned: number): string | undefined {
  const ip = administrator.includes('.') ? parseIp(administrator) : undefined;
  if (ip !== undefined)
    return assigned > 0xffff ? undefined : `${octets(IPV4_ADDRESS, subtype)}${octets(...ipToBytes(ip))}${hex(assigned, 4)}`;
  if (!/^\d{1,10}$/.test(administrator)) return undefined;
  const asn = Number(administrator);
  if (asn <= 0xffff && assigned <= 0xffffffff) return `${octets(TWO_OCTET_AS, subtype)}${hex(asn, 4)}${hex(assigned, 8)}`;
  if (asn <= 0xffff || asn > 0xffffffff || assigned > 0xffff) return undefined;
  return `${octets(FOUR_OCTET_AS, subtype)}${hex(asn, 8)}${hex(assigned, 4)}`;
}

function octets(...values: number[]): string {
  return values.map((value) => hex(value, 2)).join('');
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
