// What can end a process (or leak in it) is tried in a process of its own: scenarios.ts NAME prints one line of JSON.
import { closeSync, openSync, readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { intOption, socketAddress } from '../../speaker/io/sockaddr.ts';
import { type Ip, parseIp } from '../../src/net/ip.ts';
import { READER_BATCH, type ReaderHandle, addon } from '../../speaker/native/addon.ts';
import { sleep, until } from '../support/until.ts';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const IPPROTO_IP = 0;
const IP_RECVTTL = 12;
const LOOPBACK = parseIp('127.0.0.1') as Ip;
const STRIDE = 256;

const scenarios = {
  fuzz,
  batch,
  controls,
  truncation,
  throwing,
  stopping,
  closing,
  errors,
  detached,
  refused,
  workers,
  exitWithReaders: () => void Array.from({ length: 8 }, () => read(udp().fd, () => {})),
} satisfies Record<string, () => unknown>;

export type Scenario = keyof typeof scenarios;

function udp(): { readonly fd: number; readonly address: Uint8Array } {
  const fd = addon().socket(AF_INET, SOCK_DGRAM, 0);
  addon().bind(fd, socketAddress(LOOPBACK, 0));
  return { fd, address: addon().getsockname(fd) };
}

interface Buffers {
  readonly frames: Uint8Array;
  readonly lengths: Uint32Array;
  readonly addresses: Uint8Array;
  readonly controls: Uint8Array;
}

function makeBuffers(control = 0): Buffers {
  return {
    frames: new Uint8Array(READER_BATCH * STRIDE),
    lengths: new Uint32Array(READER_BATCH),
    addresses: new Uint8Array(READER_BATCH * 16),
    controls: new Uint8Array(READER_BATCH * control),
  };
}

function read(fd: number, callback: (result: number) => void, buffers = makeBuffers()): ReaderHandle {
  return addon().startReader(fd, buffers.frames, new Uint8Array(buffers.lengths.buffer), buffers.addresses, buffers.controls, callback);
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

function codeOf(call: () => unknown): string {
  try {
    call();
    return 'ok';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

type Call = (...args: unknown[]) => unknown;

/** Arguments that are right, and do no harm: everything goes to a socket without a network. */
function rightArguments(fd: number): Record<string, unknown[]> {
  const { frames, lengths, addresses, controls } = makeBuffers(32);
  return {
    socket: [1, SOCK_DGRAM, 0],
    close: [-1],
    bind: [fd, new Uint8Array(2)],
    connect: [fd, new Uint8Array(2)],
    listen: [fd, 1],
    setsockopt: [fd, 1, 8, intOption(4096)],
    getsockopt: [fd, 1, 8, 4],
    getsockname: [fd],
    setFilter: [fd, new Uint8Array(8)],
    send: [fd, new Uint8Array(8), undefined],
    sendBatch: [fd, new Uint8Array(64), 8, new Uint8Array(Uint32Array.of(1, 2, 3).buffer)],
    ifindex: ['lo'],
    setScheduler: [0, 0],
    startReader: [fd, frames, new Uint8Array(lengths.buffer), addresses, controls, () => {}],
    stopReader: [],
  };
}

function wrongValues(fd: number): unknown[] {
  const gone = new Uint8Array(64);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  // oxlint-disable-next-line unicorn/no-null -- a null is one of the wrong values
  const values: unknown[] = [undefined, null, true, 'text', '', 1n, Symbol('s'), {}, [], () => {}, new Date(), Number.NaN, Infinity, 1.5];
  values.push(
    -1,
    -(2 ** 31),
    2 ** 31,
    2 ** 53,
    100_000,
    fd,
    new ArrayBuffer(64),
    new SharedArrayBuffer(64),
    new DataView(new ArrayBuffer(8)),
  );
  values.push(
    new Uint16Array(64),
    new Float64Array(64),
    new Uint8Array(0),
    new Uint8Array(8),
    new Uint8Array(4096),
    gone,
    Buffer.alloc(4096, 255),
  );
  return values;
}

/** @returns what is wrong with how the call went */
function tryCall(name: string, args: readonly unknown[]): string[] {
  const native = addon() as unknown as Record<string, Call>;
  try {
    const result = native[name]?.(...args);
    if (name === 'startReader') native['stopReader']?.(result);
    if (name === 'socket' && typeof result === 'number') closeSync(result);
    return [];
  } catch (error) {
    return error instanceof Error ? [] : [`${name} threw ${String(error)}`];
  }
}

/** Every call with wrong values, in one place and in all of them: it answers or throws an Error. */
function fuzz(): unknown {
  const fd = addon().socket(1, SOCK_DGRAM, 0);
  const values = wrongValues(fd);
  const right = rightArguments(fd);
  const names = Object.keys(addon()).toSorted();
  const wrong: string[] = [];
  let calls = 0;
  const pick = (): unknown => values[Math.floor(Math.random() * values.length)];
  const attempt = (name: string, args: readonly unknown[]): void => {
    // Descriptors that could be another's are left alone.
    if (name === 'close' && typeof args[0] === 'number' && args[0] >= 0) return;
    // A policy that is taken could slow the test down.
    if (name === 'setScheduler' && typeof args[0] === 'number' && args[0] > 0 && args[0] < 16) return;
    calls += 1;
    wrong.push(...tryCall(name, args));
  };
  for (const name of names) {
    const good = right[name];
    if (good === undefined) wrong.push(`${name} is not tried`);
    const places = good?.length ?? 0;
    for (let place = 0; place < places; place++) for (const value of values) attempt(name, good?.with(place, value) ?? []);
    for (let round = 0; round < 2_000; round++) {
      attempt(name, Array.from({ length: Math.floor(Math.random() * (places + 2)) }, pick));
    }
  }
  return { names, calls, wrong };
}

async function batch(): Promise<unknown> {
  const [from, to] = [udp(), udp()];
  addon().connect(from.fd, to.address);
  const seen: number[] = [];
  const buffers = makeBuffers();
  const reader = read(
    to.fd,
    (count) => {
      for (let i = 0; i < count; i++) seen.push((buffers.frames[i * STRIDE] ?? 0) * 1000 + (buffers.lengths[i] ?? 0));
    },
    buffers,
  );
  const slab = new Uint8Array(100 * 64);
  const lengths = new Uint32Array(100);
  for (let i = 0; i < 100; i++) {
    slab[i * 64] = i;
    lengths[i] = (i % 64) + 1;
  }
  const bytes = new Uint8Array(lengths.buffer);
  const sent = addon().sendBatch(from.fd, slab, 64, bytes);
  await until('all frames', () => seen.length >= 100);
  const outside = codeOf(() => addon().sendBatch(from.fd, slab.subarray(64), 64, bytes));
  const tooLong = codeOf(() => addon().sendBatch(from.fd, slab, 63, bytes));
  const tooMany = codeOf(() => addon().sendBatch(from.fd, new Uint8Array(257 * 4), 4, new Uint8Array(257 * 4)));
  const closed = addon().sendBatch(99_999, slab, 64, bytes);
  addon().stopReader(reader);
  return { sent, whole: seen.every((value, i) => value === i * 1000 + (i % 64) + 1), outside, tooLong, tooMany, closed };
}

/** The received TTL, the sender's address and getsockopt, as BFD needs them. */
async function controls(): Promise<unknown> {
  const [from, to] = [udp(), udp()];
  addon().setsockopt(to.fd, IPPROTO_IP, IP_RECVTTL, intOption(1));
  addon().setsockopt(from.fd, IPPROTO_IP, 2, intOption(77));
  const size = 4 + 64;
  const buffers = makeBuffers(size);
  let received = 0;
  const reader = read(to.fd, (count) => (received += count), buffers);
  for (let i = 0; i < 2; i++) addon().send(from.fd, Uint8Array.of(i), to.address);
  await until('two frames', () => received === 2);
  addon().stopReader(reader);
  const ttls = [0, 1].map((i) => {
    const view = new DataView(buffers.controls.buffer, i * size, size);
    // u32 length, then cmsghdr {length u64, level i32, type i32, value i32}
    return { length: view.getUint32(0, true), level: view.getInt32(12, true), type: view.getInt32(16, true), ttl: view.getInt32(20, true) };
  });
  const sender = Buffer.from(buffers.addresses.subarray(16, 32)).equals(Buffer.from(from.address));
  const ttl = addon().getsockopt(from.fd, IPPROTO_IP, 2, 4).readInt32LE(0);
  return { ttls, sender, ttl, unknown: codeOf(() => addon().getsockopt(from.fd, 250, 250, 4)) };
}

/** A frame longer than its place shows its true length and touches no other. */
async function truncation(): Promise<unknown> {
  const [from, to] = [udp(), udp()];
  const buffers = makeBuffers();
  let received = 0;
  const reader = read(to.fd, (count) => (received += count), buffers);
  buffers.frames.fill(0xa5);
  addon().send(from.fd, new Uint8Array(1000), to.address);
  await until('the frame', () => received === 1);
  addon().stopReader(reader);
  return { length: buffers.lengths[0], last: buffers.frames[STRIDE - 1], next: buffers.frames[STRIDE] };
}

/** A callback that throws is an uncaught exception, and the reader goes on. */
async function throwing(): Promise<unknown> {
  const [from, to] = [udp(), udp()];
  const caught: string[] = [];
  process.on('uncaughtException', (error) => caught.push(error.message));
  let received = 0;
  const reader = read(to.fd, (count) => {
    received += count;
    throw new Error(`number ${received}`);
  });
  for (let i = 1; i <= 3; i++) {
    addon().send(from.fd, Uint8Array.of(i), to.address);
    await until('the exception', () => caught.length === i);
  }
  addon().stopReader(reader);
  return { caught, received };
}

/** Stopping from inside the callback, twice, after the garbage collector; nothing is heard after it. */
async function stopping(): Promise<unknown> {
  const from = udp();
  const before = descriptors();
  let after = 0;
  const handles: ReaderHandle[] = [];
  for (let round = 0; round < 200; round++) {
    const to = udp();
    let stopped = false;
    const reader = read(to.fd, () => {
      if (stopped) after += 1;
      stopped = true;
      addon().stopReader(reader);
      addon().stopReader(reader);
      addon().close(to.fd);
    });
    handles.push(reader);
    for (let i = 0; i < 3; i++) addon().send(from.fd, Uint8Array.of(i), to.address);
    if (round % 20 === 0) collectGarbage();
    await until('it is stopped', () => stopped, 5_000, 1);
  }
  await sleep(20);
  collectGarbage();
  for (const handle of handles) addon().stopReader(handle);
  handles.length = 0;
  collectGarbage();
  await sleep(20);
  return { after, leaked: descriptors() - before };
}

/** The descriptor is closed first, and its number used again, before the reader is stopped. */
async function closing(): Promise<unknown> {
  const from = udp();
  let wrong = 0;
  for (let round = 0; round < 100; round++) {
    const to = udp();
    const reader = read(to.fd, () => {});
    addon().send(from.fd, Uint8Array.of(1), to.address);
    addon().close(to.fd);
    const again = udp();
    if (again.fd !== to.fd) wrong += 1;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    addon().stopReader(reader);
    // The number's new owner is not hurt.
    let received = 0;
    const second = read(again.fd, (count) => (received += count));
    addon().send(from.fd, Uint8Array.of(2), again.address);
    await until('the new socket hears', () => received === 1, 5_000, 1);
    addon().stopReader(second);
    addon().close(again.fd);
  }
  return { wrong };
}

/** Two sockets with an error each, told in one turn of the loop; the first callback closes the other's descriptor. */
async function errors(): Promise<unknown> {
  const told: number[] = [];
  for (let round = 0; round < 20; round++) {
    const nobody = udp();
    addon().close(nobody.fd);
    const pair = [udp(), udp()];
    const readers: ReaderHandle[] = [];
    let open = pair.length;
    for (const { fd } of pair) {
      addon().connect(fd, nobody.address);
      const reader = read(fd, (result) => {
        told.push(result);
        for (const other of pair) if (other.fd !== fd && open === 2) addon().close(other.fd);
        open = 1;
      });
      readers.push(reader);
    }
    for (const { fd } of pair) addon().send(fd, Uint8Array.of(1), undefined);
    await until('both are told', () => told.length === (round + 1) * 2, 5_000, 1);
    await sleep(1);
    for (const reader of readers) addon().stopReader(reader);
  }
  return Object.fromEntries([-111, -9].map((code) => [code, told.filter((result) => result === code).length]));
}

/** Memory given away while a reader writes into it. */
async function detached(): Promise<unknown> {
  const results: Record<string, number[]> = {};
  for (const name of ['frames', 'lengths', 'addresses', 'controls'] as const) {
    const [from, to] = [udp(), udp()];
    const buffers = makeBuffers(32);
    const told: number[] = [];
    const reader = read(to.fd, (result) => told.push(result), buffers);
    addon().send(from.fd, Uint8Array.of(1), to.address);
    await until('a frame', () => told.length === 1);
    const buffer = buffers[name].buffer as ArrayBuffer;
    structuredClone(buffer, { transfer: [buffer] });
    for (let i = 0; i < 3; i++) addon().send(from.fd, Uint8Array.of(1), to.address);
    await until('the refusal', () => told.length >= 2);
    await sleep(20);
    addon().stopReader(reader);
    results[name] = told;
  }
  return results;
}

/** What startReader refuses, by the code of the error. */
function refused(): unknown {
  const { fd } = udp();
  const file = openSync('/proc/self/status', 'r');
  const reader = read(fd, () => {});
  const before = descriptors();
  const codes = {
    twice: codeOf(() => read(fd, () => {})),
    closed: codeOf(() => read(99_999, () => {})),
    negative: codeOf(() => read(-1, () => {})),
    file: codeOf(() => read(file, () => {})),
    short: codeOf(() => read(udp().fd, () => {}, { ...makeBuffers(), lengths: new Uint32Array(63) })),
    longName: codeOf(() => addon().ifindex('lo'.padEnd(20, 'o'))),
    cutName: codeOf(() => addon().ifindex('lo\0x')),
    noName: codeOf(() => addon().ifindex('hlb-none')),
    tooLongFilter: codeOf(() => addon().setFilter(fd, new Uint8Array(8 * 4097))),
    badFilter: codeOf(() => addon().setFilter(fd, new Uint8Array(8).fill(255))),
  };
  addon().stopReader(reader);
  return { ...codes, leaked: descriptors() - before - 1 };
}

function startWorker(how: string): Promise<{ readonly worker: Worker; readonly targets: Uint8Array[] }> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { how } });
    worker.once('message', (targets: Uint8Array[]) => resolve({ worker, targets }));
    worker.once('error', reject);
  });
}

/** Workers ended from outside, and by themselves, in the middle of reading. */
async function workers(): Promise<unknown> {
  const from = udp();
  const round = async (how: string): Promise<void> => {
    const { worker, targets } = await startWorker(how);
    const ended = new Promise((resolve) => {
      worker.once('exit', resolve);
    });
    for (let i = 0; i < 50; i++) for (const target of targets) addon().send(from.fd, Uint8Array.of(i), target);
    if (how === 'terminate') await worker.terminate();
    await ended;
  };
  await round('terminate');
  const before = descriptors();
  for (let i = 0; i < 50; i++) await round('terminate');
  for (let i = 0; i < 10; i++) await round('exit');
  for (let i = 0; i < 10; i++) await round('stop');
  await sleep(50);
  return { leaked: descriptors() - before };
}

function inWorker(how: string): void {
  const sockets = Array.from({ length: 4 }, udp);
  let received = 0;
  const readers = sockets.map(({ fd }) => {
    const reader = read(fd, (count) => {
      received += count;
      if (how === 'exit' && received > 10) process.exit(0);
      if (how === 'stop' && received > 10) finish();
    });
    return reader;
  });
  const finish = (): void => {
    for (const reader of readers) addon().stopReader(reader);
    for (const { fd } of sockets.splice(0)) addon().close(fd);
  };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port, no window
  parentPort?.postMessage(sockets.map(({ address }) => address));
}

if (isMainThread) {
  const result: unknown = await scenarios[process.argv[2] as Scenario]();
  process.stdout.write(`${JSON.stringify(result ?? null)}\n`, () => process.exit(0));
} else inWorker((workerData as { how: string }).how);
