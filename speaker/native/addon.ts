import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A live reader of the addon; opaque. */
export type ReaderHandle = { readonly __unit: 'ReaderHandle' };

/**
 * The addon's calls: system calls and nothing more. All throw an Error with `code` (`ENETDOWN`), `errno` and `syscall`, but
 * for `send` and `sendBatch`, which answer `-errno`. A wrong argument is a TypeError.
 */
export interface Addon {
  /** Non-blocking, close-on-exec. */
  socket(domain: number, type: number, protocol: number): number;
  close(fd: number): number;
  bind(fd: number, address: Uint8Array): number;
  /** @returns 1 connected, 0 under way */
  connect(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  getsockopt(fd: number, level: number, name: number, length: number): Buffer;
  getsockname(fd: number): Buffer;
  /** @param program struct sock_filter, eight bytes each */
  setFilter(fd: number, program: Uint8Array): number;
  send(fd: number, bytes: Uint8Array, address: Uint8Array | undefined): number;
  /** Frames at multiples of `stride` in `slab`; `lengths` as uint32. @returns how many went, or -errno */
  sendBatch(fd: number, slab: Uint8Array, stride: number, lengths: Uint8Array): number;
  ifindex(name: string): number;
  /** Of the thread that calls; the threads that it begins later have the ordinary policy. */
  setScheduler(policy: number, priority: number): number;
  /**
   * Buffers of {@link READER_BATCH} equal parts each; see reader.c. The callback gets a count, or -errno: -EFAULT when a buffer
   * was detached, after which nothing comes. Keeps the event loop alive. Where a worker ends with the reader still running
   * the descriptor is closed.
   * @param slots of a packet socket's receive ring, of `slotSize` bytes each with some 66 of the kernel's own: what comes is then fetched
   * without a system call. Throws where the kernel gives none; the socket can be read without one then
   */
  startReader(
    fd: number,
    frames: Uint8Array,
    lengths: Uint8Array,
    addresses: Uint8Array,
    controls: Uint8Array,
    callback: (result: number) => void,
    slots?: number,
    slotSize?: number,
  ): ReaderHandle;
  /** No callback comes after it. To be called before `close`; a second call does nothing. */
  stopReader(reader: ReaderHandle): void;
}

/** Frames per callback, as compiled into the addon. */
export const READER_BATCH = 64;

/**
 * The sources run from `speaker/native`, the compiled program from `dist/speaker/native`, the image's bundle from its own
 * folder: the binary is beside one of them, freshly built or prebuilt.
 */
function directories(): string[] {
  const here = dirname(fileURLToPath(import.meta.url));
  return [here, join(here, '../../../speaker/native'), join(here, 'native')];
}

function load(): Addon {
  const require = createRequire(import.meta.url);
  const found = directories().find(
    (directory) => existsSync(join(directory, 'build/Release/heraldlb.node')) || existsSync(join(directory, 'prebuilds')),
  );
  if (found === undefined) throw new Error(`the native addon is not built (looked in ${directories().join(', ')}): run make build`);
  const loader = require('node-gyp-build') as (directory: string) => unknown;
  return loader(found) as Addon;
}

let loaded: Addon | undefined;

/** Loaded at the first use, so that programs without sockets never need it. @throws Error when it is not built */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}
