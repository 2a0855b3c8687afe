import type { Datagram } from '../hands.ts';
import { READER_BATCH, type ReaderHandle, addon } from '../native/addon.ts';
import { ANCILLARY_SIZE, readAncillary } from './ancillary.ts';
import { readSocketAddress } from './sockaddr.ts';

const ADDRESS_SIZE = 28;
/** In front of the ancillary data of each stands its length. */
const CONTROL_STRIDE = Uint32Array.BYTES_PER_ELEMENT + ANCILLARY_SIZE;

/**
 * Reads a socket until `stopReader`.
 * @param longest in bytes; longer datagrams are left out
 * @param onDatagram has the bytes until it returns
 */
export function readDatagrams(fd: number, longest: number, onDatagram: (datagram: Datagram) => void): ReaderHandle {
  const bytes = new Uint8Array(READER_BATCH * longest);
  const lengths = new Uint32Array(READER_BATCH);
  const addresses = new Uint8Array(READER_BATCH * ADDRESS_SIZE);
  const controls = new Uint8Array(READER_BATCH * CONTROL_STRIDE);
  return addon().startReader(fd, bytes, new Uint8Array(lengths.buffer), addresses, controls, (count) => {
    for (let position = 0; position < count; position++) {
      const length = lengths[position] ?? 0;
      const source = readSocketAddress(addresses.subarray(position * ADDRESS_SIZE, (position + 1) * ADDRESS_SIZE));
      if (source === undefined || length > longest) continue;
      onDatagram({
        ...readAncillary(ancillaryOf(controls, position)),
        bytes: bytes.subarray(position * longest, position * longest + length),
        source: source.ip,
        sourcePort: source.port,
      });
    }
  });
}

function ancillaryOf(controls: Uint8Array, position: number): Uint8Array {
  const [length = 0] = new Uint32Array(controls.buffer, position * CONTROL_STRIDE, 1);
  const start = position * CONTROL_STRIDE + Uint32Array.BYTES_PER_ELEMENT;
  return controls.subarray(start, start + Math.min(ANCILLARY_SIZE, length));
}
