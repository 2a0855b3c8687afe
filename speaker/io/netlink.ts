import { addon, READER_BATCH } from '../native/addon.ts';
import { AF_NETLINK, SOCK_RAW } from './constants.ts';
import { setReceiveBuffer } from './receiveBuffer.ts';

const NETLINK_ROUTE = 0;
/** The kernel fills up to 32 KiB of a list into one datagram. */
const FRAME_SIZE = 32_768;
const ADDRESS_SIZE = 12;
/** A node with many pods makes many events at once. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

export interface NetlinkEvents {
  /** From the kernel; valid only during the call. */
  readonly datagram: (bytes: Uint8Array) => void;
  /** The kernel had more to tell than it could hold (ENOBUFS), or the socket failed: something was not heard. */
  readonly lost: () => void;
  /** For now there is no more. */
  readonly batch: () => void;
}

export interface Netlink {
  /** @returns whether the kernel took it */
  readonly send: (request: Uint8Array) => boolean;
  /** After this nothing is called any more. */
  readonly close: () => void;
}

/**
 * A socket to the kernel's rtnetlink(7).
 * @param groups RTMGRP_ flags of what is to be told unasked
 * @throws Error with `code` when the socket cannot be made
 */
export function openNetlink(groups: number, events: NetlinkEvents): Netlink {
  const fd = open(groups);
  const frames = new Uint8Array(READER_BATCH * FRAME_SIZE);
  const lengths = new Uint32Array(READER_BATCH);
  const senders = new DataView(new ArrayBuffer(READER_BATCH * ADDRESS_SIZE));
  const state = { isOpen: true };
  const received = (result: number): void => {
    if (!state.isOpen) return;
    if (result < 0) {
      events.lost();
      return;
    }
    for (let i = 0; i < result && state.isOpen; i++) {
      // sockaddr_nl {family u16, pad u16, port u32, groups u32}: port 0 is the kernel; other processes can write here too.
      if (senders.getUint32(i * ADDRESS_SIZE + 4, true) !== 0) continue;
      const length = Math.min(lengths[i] ?? 0, FRAME_SIZE);
      events.datagram(frames.subarray(i * FRAME_SIZE, i * FRAME_SIZE + length));
    }
    if (state.isOpen) events.batch();
  };
  const [lengthBytes, senderBytes] = [new Uint8Array(lengths.buffer), new Uint8Array(senders.buffer)];
  const reader = addon().startReader(fd, frames, lengthBytes, senderBytes, new Uint8Array(0), received);
  return {
    send: (request) => state.isOpen && addon().send(fd, request, undefined) >= 0,
    close() {
      if (!state.isOpen) return;
      state.isOpen = false;
      addon().stopReader(reader);
      addon().close(fd);
    },
  };
}

function open(groups: number): number {
  const native = addon();
  const fd = native.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    setReceiveBuffer(fd, RECEIVE_BUFFER);
    const address = new Uint8Array(ADDRESS_SIZE);
    new DataView(address.buffer).setUint16(0, AF_NETLINK, true);
    new DataView(address.buffer).setUint32(8, groups, true);
    native.bind(fd, address);
    return fd;
  } catch (error) {
    native.close(fd);
    throw error;
  }
}
