import { SENDER } from './routes.ts';

const TABLE_DUMP_V2 = 13;
const PEER_INDEX_TABLE = 1;
const RIB_IPV4_UNICAST = 2;

/** A table as an MRT file (RFC 6396 §4.3), which GoBGP reads. */
export function mrtDump(routes: readonly string[]): Buffer {
  const address = Buffer.from(SENDER.ip.split('.').map(Number));
  // One peer: IPv4 with an AS number of four octets.
  const asn = Buffer.alloc(4);
  asn.writeUInt32BE(SENDER.asn);
  const index = Buffer.concat([address, Buffer.from([0, 0, 0, 1, 2]), address, address, asn]);
  const attributes = Buffer.from([0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, ...address]);
  const entries = routes.map((route, i) => {
    const [ip = '', bits = '32'] = route.split('/');
    const head = Buffer.alloc(4);
    head.writeUInt32BE(i);
    const nlri = Buffer.from([Number(bits), ...ip.split('.').map(Number)]);
    // One entry: peer 0, originated now.
    const entry = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, attributes.length]);
    return record(RIB_IPV4_UNICAST, Buffer.concat([head, nlri, entry, attributes]));
  });
  return Buffer.concat([record(PEER_INDEX_TABLE, index), ...entries]);
}

function record(subtype: number, body: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(TABLE_DUMP_V2, 4);
  head.writeUInt16BE(subtype, 6);
  head.writeUInt32BE(body.length, 8);
  return Buffer.concat([head, body]);
}
