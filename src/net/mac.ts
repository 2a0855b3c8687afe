/** A 48-bit MAC address as lower-case text, `aa:bb:cc:dd:ee:ff`. */
export type Mac = string & { readonly __unit: 'Mac' };

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff' as Mac;
export const ZERO_MAC = '00:00:00:00:00:00' as Mac;

/** @param bytes at least 6 bytes from `offset`; throws RangeError otherwise (a caller's bug). */
export function macFromBytes(bytes: Uint8Array, offset = 0): Mac {
  if (bytes.length < offset + 6) throw new RangeError('a MAC address needs 6 bytes');
  let text = '';
  for (let i = 0; i < 6; i++) {
    const octet = bytes[offset + i] ?? 0;
    text += (i === 0 ? '' : ':') + (octet < 16 ? '0' : '') + octet.toString(16);
  }
  return text as Mac;
}

export function macToBytes(mac: Mac): Uint8Array {
  const bytes = new Uint8Array(6);
  for (let i = 0; i < 6; i++) bytes[i] = (digit(mac, i * 3) << 4) | digit(mac, i * 3 + 1);
  return bytes;
}

/** There are several addresses in each of thousands of frames. */
function digit(mac: Mac, at: number): number {
  const code = mac.charCodeAt(at);
  return (code & 15) + (code > 57 ? 9 : 0);
}

/** RFC 2464 §7: an IPv6 multicast group maps to 33:33 and the group's low 32 bits. @param group 16 bytes */
export function multicastMac(group: Uint8Array): Mac {
  return macFromBytes(Uint8Array.of(0x33, 0x33, group[12] ?? 0, group[13] ?? 0, group[14] ?? 0, group[15] ?? 0));
}
