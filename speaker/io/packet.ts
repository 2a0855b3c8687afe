import { type Ip } from '../../src/net/ip.ts';
import { watchedRanges } from '../../src/layer2/watched.ts';
import type { FrameListener } from '../hands.ts';
import { READER_BATCH, type ReaderHandle, addon } from '../native/addon.ts';
import { Answers, type PacketCounters, sendFrame } from './answers.ts';
import { AF_PACKET, ETH_P_ARP, ETH_P_IPV6, SOCK_RAW } from './constants.ts';
import { ARP_FILTER, MOST_RANGES, NDP_FILTER, arpFilter, ndpFilter } from './filter.ts';
import { linkAddress } from './sockaddr.ts';

/** Longer than any question; of a longer frame the beginning is looked at. No power of two: frames would push each other out of the cache. */
const MAX_FRAME = 1024 + 64;
/** What waits to be read, half a megabyte for a socket: 10 ms of 50,000 questions a second. */
const RING_SLOTS = 512;
const SLOT_BYTES = 1024;
/** The memory of a ring is taken whether anything comes or not; a node with more interfaces than that reads the others without. */
const MOST_RINGS = 16;
let rings = 0;

/** ARP and neighbour discovery frames of one interface, both ways. Decides nothing. */
export interface PacketEndpoint {
  readonly index: number;
  readonly counters: PacketCounters;
  /** One whole Ethernet frame. @returns whether the kernel took it */
  send(frame: Uint8Array): boolean;
  /** Many, together. */
  sendAll(frames: readonly Uint8Array[]): void;
  /** Lets frames about these addresses through, and few others. Up to the first call all come through. */
  watch(ips: Iterable<Ip>): void;
  close(): void;
}

export interface PacketOptions {
  readonly index: number;
  readonly listener: FrameListener;
}

/** One who only listens. @param onFrame the frame is valid during the call only */
export function hearing(onFrame: (frame: Uint8Array) => void): FrameListener {
  return {
    begin: () => undefined,
    answer: (frame) => {
      onFrame(frame);
      return 0;
    },
  };
}

/** @throws Error with `code` when the interface is gone or raw sockets are not permitted (EPERM) */
export function openPackets({ index, listener }: PacketOptions): PacketEndpoint {
  const counters: PacketCounters = { sent: 0, sendErrors: 0, truncated: 0, readErrors: 0 };
  const arp = openSocket(index, ETH_P_ARP, ARP_FILTER, listener, counters);
  let ndp: OpenSocket;
  try {
    ndp = openSocket(index, ETH_P_IPV6, NDP_FILTER, listener, counters);
  } catch (error) {
    arp.close();
    throw error;
  }
  const unasked = new Answers(counters);
  let open = true;
  return {
    index,
    counters,
    send(frame) {
      return open && sendFrame(arp.fd, frame, counters);
    },
    sendAll(frames) {
      if (open) unasked.sendAll(arp.fd, frames);
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

function openSocket(index: number, protocol: number, filter: Uint8Array, listener: FrameListener, counters: PacketCounters): OpenSocket {
  const io = addon();
  // Protocol 0 receives nothing: not one frame can slip in before the filter is there.
  const fd = io.socket(AF_PACKET, SOCK_RAW, 0);
  let reader: Reader | undefined;
  const close = (): void => {
    if (reader !== undefined) io.stopReader(reader.handle);
    if (reader?.hasRing === true) rings -= 1;
    io.close(fd);
  };
  try {
    io.setFilter(fd, filter);
    reader = readFrames(fd, listener, counters);
    io.bind(fd, linkAddress(index, protocol));
  } catch (error) {
    close();
    throw error;
  }
  return { fd, close };
}

interface Reader {
  readonly handle: ReaderHandle;
  readonly hasRing: boolean;
}

function readFrames(fd: number, listener: FrameListener, counters: PacketCounters): Reader {
  const frames = new Uint8Array(READER_BATCH * MAX_FRAME);
  const lengths = new Uint32Array(READER_BATCH);
  const views = Array.from({ length: READER_BATCH }, (_, position) => new FrameView(frames, position * MAX_FRAME));
  const answers = new Answers(counters);
  const onFrames = (count: number): void => {
    // The link went down: the socket stays good, and the interface watch tells what follows.
    if (count < 0) {
      counters.readErrors += 1;
      return;
    }
    listener.begin();
    for (let position = 0; position < count; position++) {
      const length = lengths[position] ?? 0;
      if (length > MAX_FRAME) counters.truncated += 1;
      const frame = views[position]?.of(length);
      const answered = frame === undefined ? 0 : listener.answer(frame, answers.place());
      if (answered > 0) answers.add(answered);
    }
    answers.flush(fd);
  };
  const none = new Uint8Array(0);
  const start = (...ring: readonly [] | readonly [number, number]): ReaderHandle =>
    addon().startReader(fd, frames, new Uint8Array(lengths.buffer), none, none, onFrames, ...ring);
  if (rings >= MOST_RINGS) return { handle: start(), hasRing: false };
  try {
    const handle = start(RING_SLOTS, SLOT_BYTES);
    rings += 1;
    return { handle, hasRing: true };
  } catch {
    // No memory for it, or a kernel without: slower, and else the same.
    return { handle: start(), hasRing: false };
  }
}

/** Part of a buffer. Nearly all frames are as long as the one that stood there before: then there is no view to be made. */
class FrameView {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  #view: Uint8Array;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#view = bytes.subarray(start, start);
  }

  of(length: number): Uint8Array {
    if (this.#view.length !== length) this.#view = this.#bytes.subarray(this.#start, this.#start + Math.min(length, MAX_FRAME));
    return this.#view;
  }
}
