import { type Ip } from '../../src/net/ip.ts';
import { watchedRanges } from '../../src/layer2/watched.ts';
import { READER_BATCH, type ReaderHandle, addon } from '../native/addon.ts';
import { AF_PACKET, ETH_P_ARP, ETH_P_IPV6, SOCK_RAW } from './constants.ts';
import { ARP_FILTER, MOST_RANGES, NDP_FILTER, arpFilter, ndpFilter } from './filter.ts';
import { type PacketCounters, SendQueue } from './sendQueue.ts';
import { linkAddress } from './sockaddr.ts';

const MAX_FRAME = 2048;

/** ARP and neighbour discovery frames of one interface, both ways. Decides nothing. */
export interface PacketEndpoint {
  readonly index: number;
  readonly counters: PacketCounters;
  /** One whole Ethernet frame. @returns whether the kernel took it */
  send(frame: Uint8Array): boolean;
  /** Lets frames about these addresses through, and few others. Up to the first call all come through. */
  watch(ips: Iterable<Ip>): void;
  close(): void;
}

export interface PacketOptions {
  readonly index: number;
  /** Called in the receive loop; the frame is valid during the call only. */
  readonly onFrame: (frame: Uint8Array) => void;
}

/** @throws Error with `code` when the interface is gone or raw sockets are not permitted (EPERM) */
export function openPackets({ index, onFrame }: PacketOptions): PacketEndpoint {
  const counters: PacketCounters = { sent: 0, sendErrors: 0, truncated: 0, readErrors: 0 };
  const queue = new SendQueue(counters);
  const arp = openSocket(index, ETH_P_ARP, ARP_FILTER, onFrame, queue);
  let ndp: OpenSocket;
  try {
    ndp = openSocket(index, ETH_P_IPV6, NDP_FILTER, onFrame, queue);
  } catch (error) {
    arp.close();
    throw error;
  }
  let open = true;
  return {
    index,
    counters,
    send(frame) {
      return open && queue.send(arp.fd, frame);
    },
    watch(ips) {
      if (!open) return;
      const { v4, v6 } = watchedRanges(ips, MOST_RANGES);
      addon().setFilter(arp.fd, arpFilter(v4));
      addon().setFilter(ndp.fd, ndpFilter(v6));
    },
    close() {
      if (!open) return;
      open = false;
      arp.close();
      ndp.close();
    },
  };
}

interface OpenSocket {
  readonly fd: number;
  close(): void;
}

function openSocket(
  index: number,
  protocol: number,
  filter: Uint8Array,
  onFrame: (frame: Uint8Array) => void,
  queue: SendQueue,
): OpenSocket {
  const io = addon();
  // Protocol 0 receives nothing: not one frame can slip in before the filter is there.
  const fd = io.socket(AF_PACKET, SOCK_RAW, 0);
  let reader: ReaderHandle;
  try {
    io.setFilter(fd, filter);
    io.bind(fd, linkAddress(index, protocol));
    reader = readFrames(fd, onFrame, queue);
  } catch (error) {
    io.close(fd);
    throw error;
  }
  return {
    fd,
    close() {
      io.stopReader(reader);
      io.close(fd);
    },
  };
}

function readFrames(fd: number, onFrame: (frame: Uint8Array) => void, queue: SendQueue): ReaderHandle {
  const { counters } = queue;
  const frames = new Uint8Array(READER_BATCH * MAX_FRAME);
  const lengths = new Uint32Array(READER_BATCH);
  const views = Array.from({ length: READER_BATCH }, (_, position) => frames.subarray(position * MAX_FRAME, (position + 1) * MAX_FRAME));
  const none = new Uint8Array(0);
  return addon().startReader(fd, frames, new Uint8Array(lengths.buffer), none, none, (count) => {
    // The link went down: the socket stays good, and the interface watch tells what follows.
    if (count < 0) counters.readErrors += 1;
    queue.hold();
    for (let position = 0; position < count; position++) {
      const length = lengths[position] ?? 0;
      const view = views[position];
      if (view === undefined || length > MAX_FRAME) counters.truncated += 1;
      else onFrame(view.subarray(0, length));
    }
    queue.release();
  });
}
