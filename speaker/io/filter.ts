import { endianness } from 'node:os';
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
const RET_K = 0x06;
/** SKF_AD_OFF + SKF_AD_PKTTYPE: where the kernel shows skb->pkt_type. */
const PKTTYPE = 0xfffff000 + 4;

const ACCEPT = 0xffff;
const ETHER_TYPE = 12;
const IPV6_NEXT_HEADER = 14 + 6;
const ICMPV6_TYPE = 14 + 40;
const ICMPV6 = 58;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;

/**
 * ARP for this host. A frame of a VLAN that has no device here arrives untagged and marked OTHERHOST: answering it would
 * answer another VLAN's question.
 */
const ARP: readonly Instruction[] = [
  { code: LD_W_ABS, k: PKTTYPE },
  { code: JEQ_K, k: PACKET_OTHERHOST, jt: 3 },
  { code: LD_H_ABS, k: ETHER_TYPE },
  { code: JEQ_K, k: ETH_P_ARP, jf: 1 },
  { code: RET_K, k: ACCEPT },
  { code: RET_K, k: 0 },
];

/** Neighbour solicitations and advertisements without extension headers, which RFC 6980 §5 forbids fragmenting anyway. */
const NDP: readonly Instruction[] = [
  { code: LD_W_ABS, k: PKTTYPE },
  { code: JEQ_K, k: PACKET_OTHERHOST, jt: 8 },
  { code: LD_H_ABS, k: ETHER_TYPE },
  { code: JEQ_K, k: ETH_P_IPV6, jf: 6 },
  { code: LD_B_ABS, k: IPV6_NEXT_HEADER },
  { code: JEQ_K, k: ICMPV6, jf: 4 },
  { code: LD_B_ABS, k: ICMPV6_TYPE },
  { code: JEQ_K, k: NEIGHBOR_SOLICITATION, jt: 1 },
  { code: JEQ_K, k: NEIGHBOR_ADVERTISEMENT, jf: 1 },
  { code: RET_K, k: ACCEPT },
  { code: RET_K, k: 0 },
];

export const ARP_FILTER = assemble(ARP);
export const NDP_FILTER = assemble(NDP);
/** For a socket that only sends. */
export const DROP_ALL = assemble([{ code: RET_K, k: 0 }]);

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
