import { ipToBytes } from './ip.ts';
import { type Prefix, prefixAddress, prefixLength } from './prefix.ts';

/** A prefix as it is quick to compare with: thousands of addresses are looked for in a few of these. */
export interface Subnet {
  readonly bytes: Uint8Array;
  readonly length: number;
}

export function subnetOf(prefix: Prefix): Subnet {
  return { bytes: ipToBytes(prefixAddress(prefix)), length: prefixLength(prefix) };
}

/** @param address 4 or 16 bytes; of the other family it is in no subnet of this one */
export function subnetContains({ bytes, length }: Subnet, address: Uint8Array): boolean {
  if (bytes.length !== address.length) return false;
  for (let i = 0; i * 8 < length; i++) {
    const kept = Math.min(8, length - i * 8);
    const mask = (0xff00 >> kept) & 0xff;
    if (((bytes[i] ?? 0) & mask) !== ((address[i] ?? 0) & mask)) return false;
  }
  return true;
}
