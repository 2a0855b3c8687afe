import { type Ip, ipFromBytes } from '../../src/net/ip.ts';
import { type Mac, macFromBytes } from '../../src/net/mac.ts';

/*
 * rtnetlink(7), as far as links and addresses go. Numbers are in the machine's own byte order, and both platforms HeraldLB
 * is built for are little-endian. Every message is `nlmsghdr {length u32, type u16, flags u16, sequence u32, port u32}`, a
 * fixed part, then attributes `{length u16, type u16, value}`; messages and attributes start at multiples of four.
 */

/** A link as one message tells of it. */
export interface RtLink {
  readonly index: number;
  readonly name: string;
  /** IFF_ flags, see {@link LINK_FLAG}. */
  readonly flags: number;
  /** Of Ethernet-like links alone: a tunnel's "hardware address" is something else. */
  readonly mac: Mac | undefined;
  readonly mtu: number;
  /** The index of the bridge or bond this link is a port of. */
  readonly master: number | undefined;
  /** `veth`, `bridge`, `bond`...; undefined for hardware. */
  readonly kind: string | undefined;
}

export interface RtAddress {
  readonly index: number;
  readonly ip: Ip;
  readonly prefixLength: number;
  /** 0 global, 253 link, 254 host (rtnetlink(7)). */
  readonly scope: number;
  /** IFA_F_ flags, see {@link ADDRESS_FLAG}. */
  readonly flags: number;
}

export type RtBody =
  | { readonly kind: 'link'; readonly link: RtLink }
  | { readonly kind: 'linkGone'; readonly index: number }
  | { readonly kind: 'address'; readonly address: RtAddress }
  | { readonly kind: 'addressGone'; readonly address: RtAddress }
  | { readonly kind: 'done'; readonly errno: number }
  | { readonly kind: 'error'; readonly errno: number };

export interface RtMessage {
  /** Of the request this answers; 0 for an event. */
  readonly sequence: number;
  /** NLM_F_DUMP_INTR: the tables changed while they were being listed, so the list may be torn. */
  readonly interrupted: boolean;
  readonly body: RtBody;
}

export const LINK_FLAG = {
  up: 0x1,
  broadcast: 0x2,
  loopback: 0x8,
  pointToPoint: 0x10,
  running: 0x40,
  noarp: 0x80,
  multicast: 0x1000,
} as const;

export const ADDRESS_FLAG = { optimistic: 0x04, dadFailed: 0x08, deprecated: 0x20, tentative: 0x40 } as const;

export const HEADER = 16;
const LINK_BODY = 16;
const ADDRESS_BODY = 8;
const ARPHRD_ETHER = 1;

export const NLMSG = { noop: 1, error: 2, done: 3 } as const;
const RTM = { newLink: 16, delLink: 17, getLink: 18, newAddress: 20, delAddress: 21, getAddress: 22 } as const;
const NLM_F_REQUEST = 0x1;
const NLM_F_MULTI = 0x2;
const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x10;

const IFLA = { address: 1, name: 3, mtu: 4, master: 10, linkInfo: 18, extMask: 29 } as const;
const IFLA_INFO_KIND = 1;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFA = { address: 1, local: 2, flags: 8 } as const;

/** Lists every link; its statistics are left out where the kernel can. */
export function encodeLinkDump(sequence: number): Uint8Array {
  const bytes = new Uint8Array(HEADER + LINK_BODY + 8);
  const view = writeHeader(bytes, RTM.getLink, sequence);
  view.setUint16(HEADER + LINK_BODY, 8, true);
  view.setUint16(HEADER + LINK_BODY + 2, IFLA.extMask, true);
  view.setUint32(HEADER + LINK_BODY + 4, RTEXT_FILTER_SKIP_STATS, true);
  return bytes;
}

/** Lists the addresses of every link, of both families. */
export function encodeAddressDump(sequence: number): Uint8Array {
  const bytes = new Uint8Array(HEADER + ADDRESS_BODY);
  writeHeader(bytes, RTM.getAddress, sequence);
  return bytes;
}

/** Asks for a whole list. */
export function writeHeader(bytes: Uint8Array, type: number, sequence: number): DataView {
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  view.setUint32(8, sequence, true);
  return view;
}

/**
 * The messages of one datagram. What is cut off or contradicts itself is left out, and messages of other kinds too: it never
 * throws, whatever the bytes.
 */
export function decodeRtnetlink(bytes: Uint8Array): RtMessage[] {
  const messages: RtMessage[] = [];
  for (const { type, payload, sequence, interrupted } of splitRtnetlink(bytes)) {
    const body = decodeBody(type, payload);
    if (body !== undefined) messages.push({ sequence, interrupted, body });
  }
  return messages;
}

export interface RawMessage {
  /** RTM_ or NLMSG_ */
  readonly type: number;
  readonly sequence: number;
  readonly interrupted: boolean;
  /** Of a list that was asked for: an event may have the sequence number of another process. */
  readonly isListed: boolean;
  /** Without the header. */
  readonly payload: Uint8Array;
}

/** What of a datagram is whole. */
export function splitRtnetlink(bytes: Uint8Array): RawMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: RawMessage[] = [];
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > bytes.length) break;
    messages.push({
      type: view.getUint16(at + 4, true),
      sequence: view.getUint32(at + 8, true),
      interrupted: (view.getUint16(at + 6, true) & NLM_F_DUMP_INTR) !== 0,
      isListed: (view.getUint16(at + 6, true) & NLM_F_MULTI) !== 0,
      payload: bytes.subarray(at + HEADER, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** Of a message that ends a list: 0 where nothing failed. */
export function errnoOf(payload: Uint8Array): number {
  if (payload.length < 4) return 0;
  return Math.abs(new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getInt32(0, true));
}

function decodeBody(type: number, bytes: Uint8Array): RtBody | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case NLMSG.done:
    case NLMSG.error:
      return { kind: type === NLMSG.done ? 'done' : 'error', errno: errnoOf(bytes) };
    case RTM.newLink:
      return decodeLink(bytes, view);
    case RTM.delLink:
      return isWholeLink(bytes) ? { kind: 'linkGone', index: view.getInt32(4, true) } : undefined;
    case RTM.newAddress:
    case RTM.delAddress: {
      const address = decodeAddress(bytes, view);
      return address && { kind: type === RTM.newAddress ? 'address' : 'addressGone', address };
    }
    default:
      return undefined;
  }
}

/** A bridge tells of its ports by messages of its own family: there a DELLINK means that a port has left, no more. */
function isWholeLink(bytes: Uint8Array): boolean {
  return bytes.length >= LINK_BODY && bytes[0] === 0;
}

function decodeLink(bytes: Uint8Array, view: DataView): RtBody | undefined {
  if (!isWholeLink(bytes)) return undefined;
  const attributes = readAttributes(bytes, LINK_BODY);
  const name = text(attributes.get(IFLA.name));
  if (name === undefined || name === '') return undefined;
  const address = attributes.get(IFLA.address);
  const info = attributes.get(IFLA.linkInfo);
  const isEthernet = view.getUint16(2, true) === ARPHRD_ETHER;
  return {
    kind: 'link',
    link: {
      index: view.getInt32(4, true),
      name,
      flags: view.getUint32(8, true),
      mac: isEthernet && address?.length === 6 ? macFromBytes(address) : undefined,
      mtu: uint32(attributes.get(IFLA.mtu)) ?? 0,
      master: uint32(attributes.get(IFLA.master)) || undefined,
      kind: info && text(readAttributes(info, 0).get(IFLA_INFO_KIND)),
    },
  };
}

function decodeAddress(bytes: Uint8Array, view: DataView): RtAddress | undefined {
  if (bytes.length < ADDRESS_BODY) return undefined;
  const attributes = readAttributes(bytes, ADDRESS_BODY);
  // On a point-to-point link IFA_ADDRESS is the other end's, and IFA_LOCAL ours; IPv6 gives no IFA_LOCAL elsewhere.
  const ip = attributes.get(IFA.local) ?? attributes.get(IFA.address);
  if (ip === undefined || (ip.length !== 4 && ip.length !== 16)) return undefined;
  return {
    index: view.getUint32(4, true),
    ip: ipFromBytes(ip),
    prefixLength: bytes[1] ?? 0,
    scope: bytes[3] ?? 0,
    // The fixed part has room for eight flags alone.
    flags: uint32(attributes.get(IFA.flags)) ?? bytes[2] ?? 0,
  };
}

export function readAttributes(bytes: Uint8Array, offset: number): Map<number, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<number, Uint8Array>();
  for (let at = offset; at + 4 <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) break;
    // The two high bits are flags (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
    found.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}

export function align(length: number): number {
  return Math.ceil(length / 4) * 4;
}

export function uint32(bytes: Uint8Array | undefined): number | undefined {
  return bytes === undefined || bytes.length < 4 ? undefined : new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

function text(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.buffer, bytes.byteOffset, end === -1 ? bytes.length : end).toString();
}
