import { endianness } from 'node:os';
import { type Ip, ipFamily, ipFromBytes, writeIp } from '../../src/net/ip.ts';
import { AF_INET, AF_INET6, AF_PACKET } from './constants.ts';

const little = endianness() === 'LE';

/** An int in the machine's byte order, as setsockopt takes it. */
export function intOption(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, little);
  return bytes;
}

/** struct sockaddr_in or sockaddr_in6. @param scope interface index of a link-local address */
export function socketAddress(ip: Ip, port: number, scope = 0): Uint8Array {
  const v4 = ipFamily(ip) === 'ipv4';
  const bytes = new Uint8Array(v4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, v4 ? AF_INET : AF_INET6, little);
  view.setUint16(2, port);
  writeIp(ip, bytes, v4 ? 4 : 8);
  if (!v4) view.setUint32(24, scope, little);
  return bytes;
}

/** The other way round; undefined for an address of any other family. */
export function readSocketAddress(bytes: Uint8Array): { readonly ip: Ip; readonly port: number } | undefined {
  if (bytes.length < 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const family = view.getUint16(0, little);
  const port = view.getUint16(2);
  if (family === AF_INET) return { ip: ipFromBytes(bytes, 4, 4), port };
  return family === AF_INET6 && bytes.length >= 28 ? { ip: ipFromBytes(bytes, 8, 16), port } : undefined;
}

/** struct sockaddr_ll for bind. @param protocol an EtherType; 0 receives nothing */
export function linkAddress(index: number, protocol: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_PACKET, little);
  view.setUint16(2, protocol);
  view.setInt32(4, index, little);
  return bytes;
}
