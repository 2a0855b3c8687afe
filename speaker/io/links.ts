import { addon, READER_BATCH } from '../native/addon.ts';
import { AF_NETLINK, SOCK_RAW, SOL_SOCKET, SO_RCVBUF } from './constants.ts';
import { type Listed, type LinkState, LinkTable } from './linkTable.ts';
import { decodeRtnetlink, encodeAddressDump, encodeLinkDump, type RtMessage } from './rtnetlink.ts';

export interface LinkWatcher {
  /** Empty until the first list is complete. */
  current(): readonly LinkState[];
  /** After this `onChange` is never called again. */
  close(): void;
}

const NETLINK_ROUTE = 0;
const SO_RCVBUFFORCE = 33;
// RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
const GROUPS = 0x1 | 0x10 | 0x100;

/** The kernel fills up to 32 KiB of a list into one datagram. */
const FRAME_SIZE = 32_768;
const ADDRESS_SIZE = 12;
/** A node with many pods makes many events at once. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;
/** Between two lists when one failed or was torn: interfaces that change all the time must not keep us listing. */
const RETRY_MS = 100;

/**
 * Watches the interfaces of this network namespace and their addresses. `onChange` gets all of them whenever something has
 * changed, once per turn of the event loop, first when the first list is complete. Where the kernel had more events than it
 * could hold (ENOBUFS) everything is listed again.
 * @throws Error with `code` when the socket cannot be made
 */
export function watchLinks(onChange: (links: readonly LinkState[]) => void): LinkWatcher {
  const watch = new Watch(onChange);
  return { current: () => watch.current, close: () => watch.close() };
}

class Watch {
  current: readonly LinkState[] = [];
  readonly #onChange: (links: readonly LinkState[]) => void;
  readonly #table = new LinkTable();
  readonly #fd: number;
  readonly #frames = new Uint8Array(READER_BATCH * FRAME_SIZE);
  readonly #lengths = new Uint32Array(READER_BATCH);
  readonly #senders = new Uint8Array(READER_BATCH * ADDRESS_SIZE);
  readonly #reader;
  /** What is being listed; undefined between lists. */
  #listing: Listed | undefined;
  #sequence = 0;
  /** The tables changed under the running list, or events were lost: list once more. */
  #again = false;
  /** Whether a whole list has ever come in: before, nothing is told. */
  #complete = false;
  #changed = false;
  #publishing: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(onChange: (links: readonly LinkState[]) => void) {
    this.#onChange = onChange;
    this.#fd = open();
    this.#reader = addon().startReader(
      this.#fd,
      this.#frames,
      new Uint8Array(this.#lengths.buffer),
      this.#senders,
      new Uint8Array(0),
      (result) => this.#received(result),
    );
    this.#list('links');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    clearImmediate(this.#publishing);
    addon().stopReader(this.#reader);
    addon().close(this.#fd);
  }

  #received(result: number): void {
    if (this.#closed) return;
    if (result < 0) {
      this.#listAgain();
      return;
    }
    const senders = new DataView(this.#senders.buffer);
    for (let i = 0; i < result; i++) {
      // sockaddr_nl {family u16, pad u16, port u32, groups u32}: port 0 is the kernel; other processes can write here too.
      if (senders.getUint32(i * ADDRESS_SIZE + 4, true) !== 0) continue;
      const length = Math.min(this.#lengths[i] ?? 0, FRAME_SIZE);
      for (const message of decodeRtnetlink(this.#frames.subarray(i * FRAME_SIZE, i * FRAME_SIZE + length))) this.#take(message);
    }
    if (this.#changed && this.#complete) this.#publish();
  }

  #take(message: RtMessage): void {
    const isAnswer = message.sequence === this.#sequence && this.#listing !== undefined;
    if (isAnswer && message.interrupted) this.#again = true;
    if (message.body.kind !== 'done' && message.body.kind !== 'error') {
      if (this.#table.apply(message.body)) this.#changed = true;
    } else if (isAnswer) this.#listed(message.body.errno);
  }

  #listed(errno: number): void {
    const listing = this.#listing;
    this.#listing = undefined;
    if (listing === undefined) return;
    if (errno !== 0) {
      this.#again = true;
      this.#listLater();
      return;
    }
    // A torn list may have left something out that is there: it adds, and takes nothing away.
    if (!this.#again && this.#table.finish(listing)) this.#changed = true;
    if (listing === 'links') {
      this.#list('addresses');
      return;
    }
    if (this.#again) this.#listLater();
    else if (!this.#complete) {
      this.#complete = true;
      this.#changed = true;
    }
  }

  #listAgain(): void {
    this.#again = true;
    // The end of the running list may be among what was lost, so it is not waited for.
    this.#listing = undefined;
    this.#listLater();
  }

  #listLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#again = false;
      this.#list('links');
    }, RETRY_MS);
  }

  #list(listed: Listed): void {
    this.#sequence += 1;
    this.#listing = listed;
    this.#table.begin(listed);
    const request = listed === 'links' ? encodeLinkDump(this.#sequence) : encodeAddressDump(this.#sequence);
    if (addon().send(this.#fd, request, undefined) < 0) this.#listAgain();
  }

  #publish(): void {
    this.#publishing ??= setImmediate(() => {
      this.#publishing = undefined;
      this.#changed = false;
      this.current = this.#table.list();
      this.#onChange(this.current);
    });
  }
}

function open(): number {
  const native = addon();
  const fd = native.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    const size = new Uint8Array(Int32Array.of(RECEIVE_BUFFER).buffer);
    try {
      native.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size);
    } catch {
      // Only CAP_NET_ADMIN may go beyond the system's limit.
      native.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size);
    }
    const address = new Uint8Array(ADDRESS_SIZE);
    new DataView(address.buffer).setUint16(0, AF_NETLINK, true);
    new DataView(address.buffer).setUint32(8, GROUPS, true);
    native.bind(fd, address);
    return fd;
  } catch (error) {
    native.close(fd);
    throw error;
  }
}
