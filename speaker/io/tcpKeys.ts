import { endianness } from 'node:os';
import type { Ip } from '../../src/net/ip.ts';
import type { ListenKey, TcpAoKey } from '../hands.ts';
import { addon } from '../native/addon.ts';
import { IPPROTO_TCP, TCP_AO_ADD_KEY, TCP_AO_DEL_KEY, TCP_MD5SIG, TCP_MD5SIG_EXT } from './constants.ts';
import { socketAddress } from './sockaddr.ts';

const little = endianness() === 'LE';
const TCP_MD5SIG_FLAG_PREFIX = 1;
const SIGNATURE_SIZE = 216;
const AO_SIZE = 288;
const AO_DELETION_SIZE = 144;
/** Of both kinds of key (TCP_MD5SIG_MAXKEYLEN, TCP_AO_MAXKEYLEN). */
const MAX_KEY_BYTES = 80;
/** RFC 5926 §3.1. */
const ALGORITHMS = { 'hmac-sha1-96': 'hmac(sha1)', 'aes-128-cmac-96': 'cmac(aes128)' } as const;
const MAC_BYTES = 12;

/** @throws RangeError for a key that no plan should contain: it was refused before */
function keyBytes(key: string): Uint8Array {
  const encoded = new TextEncoder().encode(key);
  if (encoded.length > MAX_KEY_BYTES) throw new RangeError(`a TCP key has at most ${MAX_KEY_BYTES} bytes`);
  return encoded;
}

/**
 * struct tcp_md5sig (RFC 2385): {sockaddr_storage, flags u8, prefix length u8, key length u16, interface u32, key}. An empty
 * key removes it.
 */
export function md5Signature(peer: Ip, key: string, prefixLength?: number): Uint8Array {
  const bytes = new Uint8Array(SIGNATURE_SIZE);
  bytes.set(socketAddress(peer, 0));
  if (prefixLength !== undefined) bytes.set([TCP_MD5SIG_FLAG_PREFIX, prefixLength], 128);
  const encoded = keyBytes(key);
  new DataView(bytes.buffer).setUint16(130, encoded.length, little);
  bytes.set(encoded, 136);
  return bytes;
}

/**
 * struct tcp_ao_add (RFC 5925): {sockaddr_storage, algorithm char[64], interface i32, set_current and set_rnext bits u32,
 * reserved u16, prefix u8, send id u8, receive id u8, MAC length u8, flags u8, key length u8, key}.
 */
export function aoKey(peer: Ip, { key, sendId, receiveId, algorithm }: TcpAoKey, prefixLength?: number): Uint8Array {
  const bytes = new Uint8Array(AO_SIZE);
  bytes.set(socketAddress(peer, 0));
  bytes.set(new TextEncoder().encode(ALGORITHMS[algorithm]), 128);
  const encoded = keyBytes(key);
  bytes.set([prefixLength ?? (peer.includes(':') ? 128 : 32), sendId, receiveId, MAC_BYTES, 0, encoded.length], 202);
  bytes.set(encoded, 208);
  return bytes;
}

/**
 * struct tcp_ao_del: {sockaddr_storage, interface i32, set_current, set_rnext and del_async bits u32, reserved u16, prefix u8,
 * send id u8, receive id u8, current key u8, next key u8, flags u8}.
 */
export function aoDeletion(peer: Ip, { sendId, receiveId }: TcpAoKey, prefixLength?: number): Uint8Array {
  const bytes = new Uint8Array(AO_DELETION_SIZE);
  bytes.set(socketAddress(peer, 0));
  bytes.set([prefixLength ?? (peer.includes(':') ? 128 : 32), sendId, receiveId], 138);
  return bytes;
}

/** @throws Error with `code`: ENOPROTOOPT where the kernel does not have it */
export function addAoKey(fd: number, peer: Ip, key: TcpAoKey, prefixLength?: number): void {
  addon().setsockopt(fd, IPPROTO_TCP, TCP_AO_ADD_KEY, aoKey(peer, key, prefixLength));
}

/** @param password undefined removes it. @throws Error with `code` */
export function setMd5Key(fd: number, peer: Ip, password: string | undefined, prefixLength?: number): void {
  const option = prefixLength === undefined ? TCP_MD5SIG : TCP_MD5SIG_EXT;
  addon().setsockopt(fd, IPPROTO_TCP, option, md5Signature(peer, password ?? '', prefixLength));
}

/** @throws Error with `code` */
export function setListenKey(fd: number, key: ListenKey): void {
  if ('tcpAo' in key) addAoKey(fd, key.address, key.tcpAo, key.prefixLength);
  else setMd5Key(fd, key.address, key.password, key.prefixLength);
}

/** @throws Error with `code` when there is none */
export function removeListenKey(fd: number, key: ListenKey): void {
  if ('tcpAo' in key) addon().setsockopt(fd, IPPROTO_TCP, TCP_AO_DEL_KEY, aoDeletion(key.address, key.tcpAo, key.prefixLength));
  else setMd5Key(fd, key.address, undefined, key.prefixLength);
}
