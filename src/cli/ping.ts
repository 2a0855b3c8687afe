import { createRequire } from 'node:module';
import { type Ip, ipFamily } from '../net/ip.ts';

/** What of `raw-socket` is used; the package has no types. */
interface RawSocket {
  on(event: 'message', listener: (packet: Buffer, source: string) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  send(packet: Buffer, offset: number, length: number, address: string, done: (error: Error | null) => void): void;
  close(): void;
}

interface RawModule {
  readonly Protocol: { readonly ICMP: number; readonly ICMPv6: number };
  readonly AddressFamily: { readonly IPv4: number; readonly IPv6: number };
  createSocket(options: { readonly protocol: number; readonly addressFamily: number }): RawSocket;
  createChecksum(...parts: readonly Buffer[]): number;
}

export type Echo =
  | { readonly kind: 'reply'; readonly ms: number }
  | { readonly kind: 'timeout' }
  /** Raw sockets are not permitted, or the package is not there; the text says which. */
  | { readonly kind: 'impossible'; readonly text: string };

/** RFC 792 and RFC 4443 §4.1, §4.2. */
const TYPES = { ipv4: { request: 8, reply: 0 }, ipv6: { request: 128, reply: 129 } } as const;
const HEADER = 8;

/**
 * Asks an address for an echo. Only on the main thread: `raw-socket` cannot be loaded in a worker.
 * @param sequence distinguishes the probes of one process
 */
export function ping(address: Ip, sequence: number, timeoutMs: number): Promise<Echo> {
  const family = ipFamily(address);
  let socket: RawSocket;
  let raw: RawModule;
  try {
    raw = createRequire(import.meta.url)('raw-socket') as RawModule;
    const v4 = family === 'ipv4';
    socket = raw.createSocket({
      protocol: v4 ? raw.Protocol.ICMP : raw.Protocol.ICMPv6,
      addressFamily: v4 ? raw.AddressFamily.IPv4 : raw.AddressFamily.IPv6,
    });
  } catch (error) {
    return Promise.resolve({ kind: 'impossible', text: error instanceof Error ? error.message : String(error) });
  }
  const identifier = process.pid & 0xffff;
  const request = echoRequest(TYPES[family].request, identifier, sequence);
  // The kernel fills in the checksum of ICMPv6 (RFC 3542 §3.1), which covers addresses that only it knows.
  if (family === 'ipv4') request.writeUInt16BE(raw.createChecksum(request), 2);
  return new Promise((resolve) => {
    const started = performance.now();
    let open = true;
    const end = (echo: Echo): void => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      socket.close();
      resolve(echo);
    };
    const timer = setTimeout(() => end({ kind: 'timeout' }), timeoutMs);
    socket.on('error', (error) => end({ kind: 'impossible', text: error.message }));
    socket.on('message', (packet) => {
      // IPv4 raw sockets deliver the IP header too.
      const message = family === 'ipv4' ? packet.subarray(((packet[0] ?? 0) & 0x0f) * 4) : packet;
      if (isReply(message, TYPES[family].reply, identifier, sequence)) end({ kind: 'reply', ms: performance.now() - started });
    });
    socket.send(request, 0, request.length, address, (error) => {
      if (error !== null) end({ kind: 'impossible', text: error.message });
    });
  });
}

function echoRequest(type: number, identifier: number, sequence: number): Buffer {
  const packet = Buffer.alloc(HEADER + 8);
  packet.writeUInt8(type, 0);
  packet.writeUInt16BE(identifier, 4);
  packet.writeUInt16BE(sequence & 0xffff, 6);
  packet.write('heraldlb', HEADER, 'ascii');
  return packet;
}

function isReply(message: Buffer, type: number, identifier: number, sequence: number): boolean {
  return (
    message.length >= HEADER &&
    message[0] === type &&
    message.readUInt16BE(4) === identifier &&
    message.readUInt16BE(6) === (sequence & 0xffff)
  );
}
