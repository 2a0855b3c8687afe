import { scramble, u16, u32, wrongLength } from './bytes.ts';
import type { Random } from './random.ts';

/*
 * BGP messages made of their parts, each of them now and then wrong: a capability with another length, an attribute twice, a
 * prefix that is too long. Blind changes come on top; a length that they break is mostly mended, so that they get past the header.
 */

const TYPES = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;
type Kind = keyof typeof TYPES;
const EARLY: readonly Kind[] = ['update', 'open', 'open', 'open', 'notification', 'keepalive', 'keepalive', 'routeRefresh'];
const LATE: readonly Kind[] = ['update', 'update', 'update', 'update', 'update', 'keepalive', 'routeRefresh'];

export interface Peer {
  readonly asn: number;
  readonly as4: boolean;
  readonly extended: boolean;
}

/** @param wrong how likely each part is to be broken; 0: a valid message */
export function anyMessage(random: Random, peer: Peer, wrong: number, isLate: boolean): Uint8Array {
  return message(random, random.pick(isLate && random.chance(0.98) ? LATE : EARLY), peer, wrong);
}

export function message(random: Random, kind: Kind, peer: Peer, wrong: number): Uint8Array {
  let body = BODIES[kind](random, peer, wrong);
  let type: number = TYPES[kind];
  if (random.chance(wrong / 2)) body = scramble(random, body, 0);
  if (random.chance(wrong / 20)) type = random.byte();
  // What no peer could send is none of the mutations.
  body = body.slice(0, (peer.extended ? 65_535 : random.chance(0.02) ? 4200 : 4096) - 19);
  let length = 19 + body.length;
  if (random.chance(wrong / 20)) length = wrongLength(random, length, 0xffff);
  const marker = Array.from({ length: 16 }, () => 0xff);
  if (random.chance(wrong / 40)) marker[random.below(16)] = random.byte();
  return Uint8Array.from([...marker, ...u16(length), type, ...body]);
}

type Body = (random: Random, peer: Peer, wrong: number) => number[];

const BODIES: Readonly<Record<Kind, Body>> = {
  open: openBody,
  update: updateBody,
  notification: (random) => [random.pick([1, 2, 3, 4, 5, 6, 6, 6, 7, 8, random.byte()]), random.below(12), ...notificationData(random)],
  keepalive: () => [],
  routeRefresh: (random, _, wrong) => [
    ...u16(random.pick([1, 2, 25, random.below(65_536)])),
    random.pick([0, 0, 1, 2, random.byte()]),
    random.pick([1, 1, 128, random.byte()]),
    ...(random.chance(wrong / 4) ? random.bytes(random.below(9)) : []),
  ],
};

function notificationData(random: Random): number[] {
  switch (random.below(5)) {
    case 0: {
      const words = random.bytes(random.below(40));
      return [random.chance(0.8) ? words.length : random.byte(), ...words];
    }
    case 1:
      return [6, random.below(11), ...random.bytes(random.below(20))];
    case 2:
      return [random.pick([1, 2, 65, 69, 70]), random.below(9), ...random.bytes(random.below(12))];
    case 3:
      return random.bytes(random.below(300));
    default:
      return [];
  }
}

function openBody(random: Random, peer: Peer, wrong: number): number[] {
  const bad = (): boolean => random.chance(wrong / 8);
  const version = bad() ? random.byte() : 4;
  const asn = bad() ? random.below(65_536) : peer.asn > 0xffff ? 23_456 : peer.asn;
  const hold = bad() ? random.below(4) : random.pick([0, 3, 90, 180, 65_535]);
  const id = bad() ? [0, 0, 0, 0] : [192, 0, 2, 2];
  return [version, ...u16(asn), ...u16(hold), ...id, ...parameters(random, peer, wrong)];
}

function parameters(random: Random, peer: Peer, wrong: number): number[] {
  const all = capabilities(random, peer, wrong);
  const extended = all.flat().length > 240 || random.chance(0.1);
  const groups = random.chance(0.5) ? all.map((one) => [one]) : all.length === 0 ? [] : [all];
  const size = (length: number): number[] => (extended ? u16(length) : [length & 255]);
  const list = groups.flatMap((group) => {
    const body = group.flat();
    const length = random.chance(wrong / 10) ? wrongLength(random, body.length, 255) : body.length;
    return [random.chance(wrong / 20) ? random.byte() : 2, ...size(length), ...body];
  });
  const total = random.chance(wrong / 10) ? wrongLength(random, list.length, 255) : list.length;
  return extended ? [255, 255, ...u16(total), ...list] : [total & 255, ...list];
}

function capabilities(random: Random, peer: Peer, wrong: number): number[][] {
  const values: [number, number[]][] = [];
  if (random.chance(0.95)) values.push([1, [0, 1, 0, 1]]);
  if (random.chance(0.7)) values.push([1, [0, 2, 0, 1]]);
  if (random.chance(0.2)) values.push([1, [...u16(random.below(65_536)), 0, random.byte()]]);
  if (random.chance(0.7)) values.push([2, []]);
  if (random.chance(0.3)) values.push([5, [0, 1, 0, 1, 0, 2]]);
  if (peer.extended) values.push([6, []]);
  if (random.chance(0.1)) values.push([9, [random.below(5)]]);
  if (random.chance(0.4))
    values.push([64, [...u16(random.below(65_536)), ...random.pick([[], [0, 1, 1, 0x80], [0, 1, 1, 0, 0, 2, 1, 0x80]])]]);
  if (peer.as4) values.push([65, u32(random.chance(wrong / 8) ? random.pick([0, 23_456, 4_294_967_295]) : peer.asn)]);
  if (random.chance(0.3)) values.push([69, [0, 1, 1, random.below(4)]]);
  if (random.chance(0.5)) values.push([70, []]);
  if (random.chance(0.2)) values.push([71, [0, 1, 1, 0, ...random.bytes(3)]]);
  if (random.chance(0.3)) values.push([random.byte(), random.bytes(random.below(12))]);
  return values.map(([code, value]) => {
    const body = random.chance(wrong / 8) ? random.bytes(random.below(10)) : value;
    const length = random.chance(wrong / 10) ? wrongLength(random, body.length, 255) : body.length;
    return [code, length, ...body];
  });
}

function updateBody(random: Random, peer: Peer, wrong: number): number[] {
  if (random.chance(0.03)) return [0, 0, 0, 0];
  const withdrawn = random.chance(0.3) ? nlri(random, 4, wrong) : [];
  const announced = random.chance(0.7) ? nlri(random, 4, wrong) : [];
  const attributes = random.chance(0.05) ? [] : attributeList(random, peer, wrong);
  const first = random.chance(wrong / 15) ? wrongLength(random, withdrawn.length, 0xffff) : withdrawn.length;
  const second = random.chance(wrong / 15) ? wrongLength(random, attributes.length, 0xffff) : attributes.length;
  return [...u16(first), ...withdrawn, ...u16(second), ...attributes, ...announced];
}

/** @param size bytes of a whole address */
function nlri(random: Random, size: 4 | 16, wrong: number): number[] {
  const found: number[] = [];
  for (let count = random.below(6); count > 0; count--) {
    const bits = random.chance(wrong / 15) ? random.byte() : random.below(size * 8 + 1);
    const bytes = Math.min(32, (bits + 7) >> 3) - (random.chance(wrong / 20) ? 1 : 0);
    found.push(bits, ...random.bytes(Math.max(0, bytes)));
  }
  return found;
}

interface Attribute {
  readonly flags: number;
  readonly code: number;
  readonly value: readonly number[];
}

function attributeList(random: Random, peer: Peer, wrong: number): number[] {
  const list: Attribute[] = [
    { flags: 0x40, code: 1, value: [random.below(3)] },
    { flags: 0x40, code: 2, value: asPath(random, peer.as4 ? 4 : 2, wrong) },
    { flags: 0x40, code: 3, value: [192, 0, 2, random.below(256)] },
  ];
  for (let count = random.below(6); count > 0; count--) list.push(optionalAttribute(random, peer, wrong));
  if (random.chance(wrong / 4)) list.splice(random.below(list.length), 1);
  if (random.chance(wrong / 6)) list.push(random.pick(list));
  if (random.chance(0.3)) list.reverse();
  // So many that one message of RFC 8654 is full.
  if (peer.extended && random.chance(0.002)) for (let count = 2000; count > 0; count--) list.push(optionalAttribute(random, peer, wrong));
  return list.flatMap((attribute) => attributeBytes(random, attribute, wrong));
}

function asPath(random: Random, width: 2 | 4, wrong: number): number[] {
  const found: number[] = [];
  for (let count = random.below(3); count > 0; count--) {
    const members = random.below(5) + (random.chance(wrong / 8) ? 0 : 1);
    found.push(random.chance(wrong / 8) ? random.byte() : random.pick([1, 2]), members);
    for (let i = 0; i < members; i++) found.push(...(width === 4 ? u32 : u16)(random.chance(wrong / 20) ? 0 : 1 + random.below(65_534)));
  }
  return found;
}

const SHAPES: readonly (readonly [flags: number, code: number, each: number, most: number])[] = [
  [0x80, 4, 4, 1],
  [0x40, 5, 4, 1],
  [0x40, 6, 0, 1],
  [0xc0, 8, 4, 5],
  [0x80, 9, 4, 1],
  [0x80, 10, 4, 4],
  [0xc0, 16, 8, 4],
  [0xc0, 18, 8, 1],
  [0xc0, 25, 20, 2],
  [0xc0, 28, 3, 4],
  [0xc0, 32, 12, 4],
  [0xc0, 35, 4, 1],
  [0xc0, 128, 6, 3],
];

function optionalAttribute(random: Random, peer: Peer, wrong: number): Attribute {
  switch (random.below(8)) {
    case 0:
      return { flags: 0x80, code: 14, value: mpReach(random, wrong) };
    case 1:
      return { flags: 0x80, code: 15, value: [...family(random), ...nlri(random, random.pick([4, 16]), wrong)] };
    case 2:
      return { flags: 0xc0, code: 17, value: asPath(random, 4, wrong) };
    case 3:
      return { flags: 0xc0, code: 7, value: random.bytes(peer.as4 === random.chance(wrong / 4) ? 6 : 8) };
    case 4:
      return { flags: random.byte() & 0xef, code: random.byte(), value: random.bytes(random.below(30)) };
    default: {
      const [flags, code, each, most] = random.pick(SHAPES);
      return { flags, code, value: random.bytes(each * (1 + random.below(most))) };
    }
  }
}

function family(random: Random): number[] {
  return random.pick([[0, 1, 1], [0, 2, 1], [0, 2, 1], [0, 2, 128], random.bytes(3)]);
}

function mpReach(random: Random, wrong: number): number[] {
  const [high = 0, low = 0, safi = 0] = family(random);
  const size = low === 1 ? 4 : 16;
  const hop = random.chance(wrong / 5) ? random.below(50) : random.pick([size, 16, 32]);
  const length = random.chance(wrong / 10) ? random.byte() : hop;
  return [high, low, safi, length, ...random.bytes(hop), 0, ...nlri(random, size, wrong)];
}

function attributeBytes(random: Random, { flags, code, value }: Attribute, wrong: number): number[] {
  let body = value;
  if (random.chance(wrong / 10)) body = random.chance(0.5) ? value.slice(0, -1) : [...value, ...random.bytes(1 + random.below(4))];
  if (random.chance(wrong / 10)) body = body.map((byte) => (random.chance(0.3) ? random.byte() : byte));
  const bits = random.chance(wrong / 12) ? random.byte() : random.chance(0.1) ? flags | 0x10 : flags;
  const length = random.chance(wrong / 15) ? wrongLength(random, body.length, 255) : body.length;
  const wide = (bits & 0x10) !== 0 || length > 255;
  return [wide ? bits | 0x10 : bits, code, ...(wide ? u16(length) : [length]), ...body];
}
