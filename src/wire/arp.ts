import { type Ip, ipFromBytes, writeIp } from '../net/ip.ts';
import { type Mac, macFromBytes, macToBytes } from '../net/mac.ts';
import { copyMac } from './ethernet.ts';
import { type FrameFault } from './frameFault.ts';

/*
 * RFC 826 for IPv4 over Ethernet
 *  0      2      4   5   6        8            14           18           24          28
 * +------+------+---+---+--------+------------+------------+------------+-----------+
 * | hrd  | pro  |hln|pln| opcode | sender MAC | sender IP  | target MAC | target IP |
 * +------+------+---+---+--------+------------+------------+------------+-----------+
 */
export interface Arp {
  readonly operation: ArpOperation;
  readonly senderMac: Mac;
  readonly senderIp: Ip;
  readonly targetMac: Mac;
  readonly targetIp: Ip;
}

export type ArpOperation = 'request' | 'reply';

export const ARP_LENGTH = 28;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;
/** Offsets from the start of the ARP message. */
export const ARP_AT = { operation: 6, senderMac: 8, senderIp: 14, targetMac: 18, targetIp: 24 } as const;

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** Checks without decoding: the hot path. @param at where the ARP message starts; bytes behind it are Ethernet padding */
export function arpFault(bytes: Uint8Array, at: number): FrameFault | undefined {
  const length = bytes.length - at;
  if (length < ARP_LENGTH) return { reason: 'ArpTooShort', length };
  if (u16(bytes, at) !== HARDWARE_ETHERNET) return { reason: 'ArpHardwareType', found: u16(bytes, at) };
  if (u16(bytes, at + 2) !== PROTOCOL_IPV4) return { reason: 'ArpProtocolType', found: u16(bytes, at + 2) };
  if (bytes[at + 4] !== 6) return { reason: 'ArpHardwareLength', found: bytes[at + 4] ?? 0 };
  if (bytes[at + 5] !== 4) return { reason: 'ArpProtocolLength', found: bytes[at + 5] ?? 0 };
  const operation = u16(bytes, at + ARP_AT.operation);
  if (operation !== ARP_REQUEST && operation !== ARP_REPLY) return { reason: 'ArpOperation', found: operation };
  // The answer would go to a whole group (RFC 1812 §3.3.2 forbids believing such a binding).
  if (((bytes[at + ARP_AT.senderMac] ?? 0) & 1) === 1) return { reason: 'ArpSenderMacIsGroup' };
  return undefined;
}

/** @param bytes what follows the Ethernet header */
export function decodeArp(bytes: Uint8Array): Arp | FrameFault {
  const fault = arpFault(bytes, 0);
  if (fault !== undefined) return fault;
  return {
    operation: u16(bytes, ARP_AT.operation) === ARP_REQUEST ? 'request' : 'reply',
    senderMac: macFromBytes(bytes, ARP_AT.senderMac),
    senderIp: ipFromBytes(bytes, ARP_AT.senderIp, 4),
    targetMac: macFromBytes(bytes, ARP_AT.targetMac),
    targetIp: ipFromBytes(bytes, ARP_AT.targetIp, 4),
  };
}

export function encodeArp(arp: Arp): Uint8Array {
  const bytes = new Uint8Array(ARP_LENGTH);
  writeArpHeader(bytes, 0, arp.operation === 'request' ? ARP_REQUEST : ARP_REPLY);
  bytes.set(macToBytes(arp.senderMac), ARP_AT.senderMac);
  writeIp(arp.senderIp, bytes, ARP_AT.senderIp);
  bytes.set(macToBytes(arp.targetMac), ARP_AT.targetMac);
  writeIp(arp.targetIp, bytes, ARP_AT.targetIp);
  return bytes;
}

function writeArpHeader(bytes: Uint8Array, at: number, operation: number): void {
  bytes[at] = 0;
  bytes[at + 1] = HARDWARE_ETHERNET;
  bytes[at + 2] = PROTOCOL_IPV4 >> 8;
  bytes[at + 3] = PROTOCOL_IPV4 & 0xff;
  bytes[at + 4] = 6;
  bytes[at + 5] = 4;
  bytes[at + 6] = 0;
  bytes[at + 7] = operation;
}

/**
 * Writes the reply to the request at `request[at]` into `out[at]`: "we have the address you asked for, at `mac`" (RFC 826,
 * "swap hardware and protocol fields"). Allocates nothing.
 */
export function writeArpReply(out: Uint8Array, at: number, request: Uint8Array, mac: Uint8Array): void {
  writeArpHeader(out, at, ARP_REPLY);
  copyMac(mac, 0, out, at + ARP_AT.senderMac);
  copyIp(request, at + ARP_AT.targetIp, out, at + ARP_AT.senderIp);
  copyMac(request, at + ARP_AT.senderMac, out, at + ARP_AT.targetMac);
  copyIp(request, at + ARP_AT.senderIp, out, at + ARP_AT.targetIp);
}

function copyIp(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void {
  to[toAt] = from[fromAt] ?? 0;
  to[toAt + 1] = from[fromAt + 1] ?? 0;
  to[toAt + 2] = from[fromAt + 2] ?? 0;
  to[toAt + 3] = from[fromAt + 3] ?? 0;
}
