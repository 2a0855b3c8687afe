import { endianness } from 'node:os';
import type { WordRange } from '../../src/layer2/watched.ts';
import { ETH_P_ARP, ETH_P_IPV6, PACKET_OTHERHOST } from './constants.ts';

/** Classic BPF, as in linux/filter.h. A jump counts instructions from the next one. */
interface Instruction {
  readonly code: number;
  readonly jt?: number;
  readonly jf?: number;
  readonly k: number;
}

const LD_W_ABS = 0x20;
const LD_H_ABS = 0x28;
const LD_B_ABS = 0x30;
const JEQ_K = 0x15;
const JGT_K = 0x25;
const JGE_K = 0x35;
const RET_K = 0x06;
/** SKF_AD_OFF + SKF_AD_PKTTYPE: where the kernel shows skb->pkt_type. */
const PKTTYPE = 0xfffff000 + 4;

const ACCEPT = 0xffff;
const REJECT: Instruction = { code: RET_K, k: 0 };
const TAKE: Instruction = { code: RET_K, k: ACCEPT };
const ETHER_TYPE = 12;
const IPV6_NEXT_HEADER = 14 + 6;
const ICMPV6_TYPE = 14 + 40;
const ICMPV6 = 58;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;
const ARP_SENDER = 14 + 14;
const ARP_TARGET = 14 + 24;
/** The low 32 bits of the target address. */
const ND_TARGET_END = 14 + 40 + 8 + 12;

/** Jumps to be filled in: to the last instruction but one, and to the last. */
const [TO_REJECT, TO_TAKE] = [-1, -2];

/**
 * ARP for this host. A frame of a VLAN that has no device here arrives untagged and marked OTHERHOST: answering it would
 * answer another VLAN's question.
 */
const ARP: readonly Instruction[] = [
  { code: LD_W_ABS, k: PKTTYPE },
  { code: JEQ_K, k: PACKET_OTHERHOST, jt: TO_REJECT },
  { code: LD_H_ABS, k: ETHER_TYPE },
  { code: JEQ_K, k: ETH_P_ARP, jf: TO_REJECT },
];

/** Neighbour solicitations and advertisements without extension headers, which RFC 6980 §5 forbids fragmenting anyway. */
const NDP: readonly Instruction[] = [
  { code: LD_W_ABS, k: PKTTYPE },
  { code: JEQ_K, k: PACKET_OTHERHOST, jt: TO_REJECT },
  { code: LD_H_ABS, k: ETHER_TYPE },
  { code: JEQ_K, k: ETH_P_IPV6, jf: TO_REJECT },
  { code: LD_B_ABS, k: IPV6_NEXT_HEADER },
  { code: JEQ_K, k: ICMPV6, jf: TO_REJECT },
  { code: LD_B_ABS, k: ICMPV6_TYPE },
  { code: JEQ_K, k: NEIGHBOR_SOLICITATION, jt: 1 },
  { code: JEQ_K, k: NEIGHBOR_ADVERTISEMENT, jf: TO_REJECT },
];

export const ARP_FILTER = assemble(link([...ARP, TAKE, REJECT, TAKE]));
export const NDP_FILTER = assemble(link([...NDP, TAKE, REJECT, TAKE]));

/** Jumps reach 255 instructions; each range takes two, twice in ARP. */
export const MOST_RANGES = 32;

/** The same, of those whose sender or target is in one of the ranges. */
export function arpFilter(ranges: readonly WordRange[]): Uint8Array {
  const words = [ARP_TARGET, ARP_SENDER].flatMap((at) => [{ code: LD_W_ABS, k: at }, ...ranges.flatMap(inRange)]);
  return assemble(link([...ARP, ...words, REJECT, TAKE]));
}

/** The same, of those whose target ends like one in the ranges. */
export function ndpFilter(ranges: readonly WordRange[]): Uint8Array {
  const words = [{ code: LD_W_ABS, k: ND_TARGET_END }, ...ranges.flatMap(inRange)];
  return assemble(link([...NDP, ...words, REJECT, TAKE]));
}
/** For a socket that only sends. */
export const DROP_ALL = assemble([{ code: RET_K, k: 0 }]);

/** Not below its beginning, and not above its end: taken. Else the next one is asked. */
function inRange({ from, to }: WordRange): Instruction[] {
  return [
    { code: JGE_K, k: from, jf: 1 },
    { code: JGT_K, k: to, jf: TO_TAKE },
  ];
}

/** Fills in the jumps to the end of the program, whose last two instructions are REJECT and TAKE. */
function link(program: readonly Instruction[]): Instruction[] {
  const [reject, take] = [program.length - 2, program.length - 1];
  const target = (at: number, jump: number | undefined): number => {
    if (jump === TO_REJECT) return reject - at - 1;
    return jump === TO_TAKE ? take - at - 1 : (jump ?? 0);
  };
  return program.map((each, at) => ({ ...each, jt: target(at, each.jt), jf: target(at, each.jf) }));
}

/** struct sock_filter[]: u16 code, u8 jt, u8 jf, u32 k, in the machine's byte order. */
function assemble(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  const little = endianness() === 'LE';
  for (const [position, { code, jt = 0, jf = 0, k }] of program.entries()) {
    view.setUint16(position * 8, code, little);
    view.setUint8(position * 8 + 2, jt);
    view.setUint8(position * 8 + 3, jf);
    view.setUint32(position * 8 + 4, k, little);
  }
  return bytes;
}
