import { type Block, blocksOverlap, parseBlock } from '../net/block.ts';

/** What the addresses are, for a sentence: "contains loopback addresses". */
export interface Unusable {
  readonly what: string;
  readonly block: Block;
}

const KINDS: readonly (readonly [what: string, blocks: readonly string[]])[] = [
  // RFC 1122 §3.2.1.3, RFC 4291 §2.5.2
  ['unspecified', ['0.0.0.0/8', '::/128']],
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['multicast', ['224.0.0.0/4', 'ff00::/8']],
  ['broadcast', ['255.255.255.255/32']],
  // RFC 4291 §2.5.5.2: an IPv4 address, not one of IPv6.
  ['IPv4-mapped', ['::ffff:0:0/96']],
  // RFC 4007 §6: without a zone it says nothing. IPv4's (169.254.0.0/16) are used by some.
  ['link-local', ['fe80::/10']],
];

const UNUSABLE: readonly Unusable[] = KINDS.flatMap(([what, blocks]) =>
  blocks.map(parseBlock).flatMap((block) => (typeof block === 'string' ? [] : [{ what, block }])),
);

/** The addresses among these that cannot be those of a Service, whoever asks. */
export function unusableIn(block: Block): readonly Unusable[] {
  return UNUSABLE.filter((unusable) => blocksOverlap(unusable.block, block));
}
