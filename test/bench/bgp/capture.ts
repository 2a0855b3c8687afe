import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Space } from '../../lab/space.ts';
import { until } from '../../support/until.ts';
import { RECEIVER, SENDER } from './routes.ts';

/** A BGP message and the moment its last byte was on the wire, in milliseconds of the wall clock. */
export interface Seen {
  readonly atMs: number;
  readonly from: 'sender' | 'receiver';
  readonly type: number;
  readonly length: number;
  /** An UPDATE that says nothing (End-of-RIB) is none. */
  readonly isUpdate: boolean;
  readonly bytes: Buffer;
}

/** tcpdump at the receiver's end of the link. */
export class Recording {
  readonly #space: Space;
  readonly #child: ChildProcess;
  readonly #file: string;

  private constructor(space: Space, child: ChildProcess, file: string) {
    this.#space = space;
    this.#child = child;
    this.#file = file;
  }

  static async start(space: Space, host: string, directory: string): Promise<Recording> {
    const file = join(directory, `capture-${Date.now()}.pcap`);
    const words = ['tcpdump', '-i', 'eth0', '-n', '-U', '-B', '16384', '-w', file, 'tcp', 'port', '179'];
    const child = space.start(host, words, join(directory, 'tcpdump.log'));
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until('tcpdump to listen', () => said.includes('listening on'), 10_000, 5);
    return new Recording(space, child, file);
  }

  /** What was said, from both ends, in the order of time. */
  async stop(): Promise<Seen[]> {
    // The kernel hands over what it holds within a second.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await this.#space.stop(this.#child, 'SIGINT');
    return messagesOf(readFileSync(this.#file));
  }
}

interface Segment {
  readonly atMs: number;
  readonly source: string;
  readonly flow: string;
  readonly seq: number;
  readonly syn: boolean;
  readonly data: Buffer;
}

export function messagesOf(pcap: Buffer): Seen[] {
  const flows = new Map<string, Segment[]>();
  for (const segment of segmentsOf(pcap)) {
    const flow = flows.get(segment.flow);
    if (flow === undefined) flows.set(segment.flow, [segment]);
    else flow.push(segment);
  }
  return [...flows.values()].flatMap(streamMessages).toSorted((a, b) => a.atMs - b.atMs);
}

function segmentsOf(pcap: Buffer): Segment[] {
  const found: Segment[] = [];
  for (let at = 24; at + 16 <= pcap.length;) {
    const length = pcap.readUInt32LE(at + 8);
    const atMs = pcap.readUInt32LE(at) * 1000 + pcap.readUInt32LE(at + 4) / 1000;
    const frame = pcap.subarray(at + 16, at + 16 + length);
    at += 16 + length;
    if (frame.length < 54 || frame.readUInt16BE(12) !== 0x0800) continue;
    const ip = frame.subarray(14);
    const tcp = ip.subarray(((ip[0] ?? 0) & 15) * 4);
    // A length of zero is that of a packet that the card would cut (TSO).
    const total = ip.readUInt16BE(2);
    const data = tcp.subarray((((tcp[12] ?? 0) >> 4) & 15) * 4, total === 0 ? undefined : total - (ip.length - tcp.length));
    const source = [...ip.subarray(12, 16)].join('.');
    const flow = `${source}:${tcp.readUInt16BE(0)}>${tcp.readUInt16BE(2)}`;
    found.push({ atMs, source, flow, seq: tcp.readUInt32BE(4), syn: ((tcp[13] ?? 0) & 2) !== 0, data });
  }
  return found;
}

/** Puts one direction of a connection together and cuts it into messages. */
function streamMessages(segments: readonly Segment[]): Seen[] {
  const [first] = segments;
  if (first === undefined || (first.source !== SENDER.ip && first.source !== RECEIVER.ip)) return [];
  const start = (segments.find(({ syn }) => syn)?.seq ?? first.seq - 1) + 1;
  const pieces = segments
    .filter(({ data }) => data.length > 0)
    .map((segment) => ({ ...segment, offset: (segment.seq - start) >>> 0 }))
    .toSorted((a, b) => a.offset - b.offset || a.atMs - b.atMs);
  const chunks: Buffer[] = [];
  const times: { readonly end: number; readonly atMs: number }[] = [];
  let length = 0;
  for (const { offset, data, atMs } of pieces) {
    if (offset > length) break;
    const fresh = data.subarray(length - offset);
    if (fresh.length === 0) continue;
    chunks.push(fresh);
    length += fresh.length;
    times.push({ end: length, atMs: Math.max(atMs, times.at(-1)?.atMs ?? 0) });
  }
  return cut(Buffer.concat(chunks), times, first.source === SENDER.ip ? 'sender' : 'receiver');
}

function cut(stream: Buffer, times: readonly { readonly end: number; readonly atMs: number }[], from: Seen['from']): Seen[] {
  const found: Seen[] = [];
  let piece = 0;
  for (let at = 0; at + 19 <= stream.length;) {
    const length = stream.readUInt16BE(at + 16);
    if (length < 19 || at + length > stream.length) break;
    while ((times[piece]?.end ?? Infinity) < at + length) piece++;
    const bytes = stream.subarray(at, at + length);
    const type = bytes[18] ?? 0;
    found.push({ atMs: times[piece]?.atMs ?? 0, from, type, length, isUpdate: type === 2 && length > 29, bytes });
    at += length;
  }
  return found;
}
