import { type Socket, connect } from 'node:net';
import { createInterface } from 'node:readline';

/*
 * A peer that means no good, in a namespace of its own. It is told what to do by JSON lines, `{id, act, source, ...}`, and answers
 * each with `{id, result}`. Its connections stay until it is told to let go, or the other side does.
 *   node test/support/run.mjs test/speaker/hostilePeer.ts ADDRESS ASN
 */
const [host = '', asn = '64513'] = process.argv.slice(2);
const PORT = 179;
const MARKER = 'ff'.repeat(16);
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const KEEPALIVE = hex(`${MARKER}001304`);
const REFRESH = hex(`${MARKER}00170500010001`);
const word = (value: number): string => value.toString(16).padStart(4, '0');
/** IPv4 unicast, route refresh, AS numbers of four octets; hold time 9 s. */
const CAPABILITIES = `01040001000102004104${word(0)}${word(Number(asn))}`;
const OPEN = hex(`${MARKER}002d0104${word(Number(asn))}0009c633640110020e${CAPABILITIES}`);

interface Command {
  readonly id: number;
  readonly act: keyof typeof ACTS;
  readonly source: string;
  readonly [name: string]: unknown;
}

class Peer {
  readonly socket: Socket;
  /** Type, and for a NOTIFICATION code and subcode. */
  readonly heard: string[] = [];
  keepalives = 0;
  longestGapMs = 0;
  isClosed = false;
  #rest: Buffer = Buffer.alloc(0);
  #lastKeepalive = performance.now();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.isClosed = true;
    });
    socket.on('data', (data: Buffer) => this.#read(data));
  }

  static async dial(source: string): Promise<Peer> {
    const socket = connect({ host, port: PORT, localAddress: source, noDelay: true });
    const peer = new Peer(socket);
    await until(() => !socket.connecting);
    return peer;
  }

  /** Up to Established, with a keepalive a second. */
  static async establish(source: string): Promise<Peer> {
    const peer = await Peer.dial(source);
    peer.socket.write(OPEN);
    await until(() => peer.heard.includes('4') || peer.heard.includes('1') || peer.isClosed);
    peer.socket.write(KEEPALIVE);
    await until(() => peer.heard.includes('4') || peer.isClosed);
    const timer = setInterval(() => peer.socket.write(KEEPALIVE), 1000);
    peer.socket.once('close', () => clearInterval(timer));
    peer.#lastKeepalive = performance.now();
    peer.longestGapMs = 0;
    return peer;
  }

  #read(data: Buffer): void {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 19) {
      const length = this.#rest.readUInt16BE(16);
      if (this.#rest.length < length) return;
      this.#hear(this.#rest.subarray(0, length));
      this.#rest = this.#rest.subarray(length);
    }
  }

  #hear(message: Buffer): void {
    const type = message[18] ?? 0;
    if (type === 4) {
      const now = performance.now();
      this.longestGapMs = Math.max(this.longestGapMs, now - this.#lastKeepalive);
      this.#lastKeepalive = now;
      this.keepalives++;
    }
    if (this.heard.length < 100)
      this.heard.push(type === 3 ? `3 ${message[19]}/${message[20]} ${message.subarray(21).toString('hex')}` : String(type));
  }
}

const peers: Peer[] = [];
const sleep = (ms: number): Promise<void> => new Promise((done) => void setTimeout(done, ms));

/** The test's own patience is longer. */
async function until(check: () => boolean, ms = 30_000): Promise<void> {
  for (const start = performance.now(); !check() && performance.now() - start < ms;) await sleep(5);
}

const summary = ({ heard, isClosed }: Peer): unknown => ({ heard, isClosed });

const ACTS = {
  /** Its OPEN byte by byte, as many as are asked for. */
  async slow({ source, count, everyMs }: Command): Promise<unknown> {
    const peer = await Peer.dial(source);
    peers.push(peer);
    for (let at = 0; at < Number(count); at++) {
      peer.socket.write(OPEN.subarray(at, at + 1));
      await sleep(Number(everyMs));
    }
    return summary(peer);
  },

  /** Half a header on several connections, one after the other. */
  async half({ source, count }: Command): Promise<unknown> {
    const all: Peer[] = [];
    for (let i = 0; i < Number(count); i++) {
      const peer = await Peer.dial(source);
      peer.socket.write(OPEN.subarray(0, 9));
      await until(() => peer.heard.length > 0);
      all.push(peer);
    }
    await until(() => all.slice(0, -1).every((peer) => peer.isClosed));
    peers.push(...all);
    return all.map(summary);
  },

  /** A message of 65,535 bytes that nobody has agreed to. */
  async huge({ source }: Command): Promise<unknown> {
    const peer = await Peer.establish(source);
    peer.socket.write(Buffer.concat([hex(`${MARKER}ffff02`), Buffer.alloc(65_516)]));
    await until(() => peer.isClosed);
    return summary(peer);
  },

  /** Asks for the whole table again and again, and reads nothing. */
  async deaf({ source, ms }: Command): Promise<unknown> {
    const peer = await Peer.establish(source);
    peers.push(peer);
    peer.socket.pause();
    const many = Buffer.concat(Array.from({ length: 1000 }, () => REFRESH));
    let sent = 0;
    for (const start = performance.now(); performance.now() - start < Number(ms) && !peer.isClosed;) {
      if (peer.socket.writableLength < 1_000_000) {
        peer.socket.write(many);
        sent += 1000;
      }
      await sleep(5);
    }
    return { sent, isClosed: peer.isClosed };
  },

  async resets({ source }: Command): Promise<unknown> {
    const stages: Readonly<Record<string, (peer: Peer) => Promise<void>>> = {
      connected: async () => undefined,
      opened: async (peer) => {
        peer.socket.write(OPEN);
        await until(() => peer.heard.length > 0);
      },
      established: async (peer) => {
        peer.socket.write(OPEN);
        peer.socket.write(KEEPALIVE);
        await until(() => peer.heard.includes('4'));
      },
      'in a message': async (peer) => {
        peer.socket.write(Buffer.concat([OPEN, KEEPALIVE, hex(`${MARKER}010002`)]));
        await until(() => peer.heard.includes('4'));
      },
    };
    const done: string[] = [];
    for (const [name, act] of Object.entries(stages)) {
      const peer = await Peer.dial(source);
      await act(peer);
      peer.socket.resetAndDestroy();
      done.push(name);
      // The speaker is patient with a peer that fails.
      await sleep(300);
    }
    return done;
  },

  /** A whole table of /32s, in messages that are full or in one per prefix. */
  async feed({ source, prefixes, packed }: Command): Promise<unknown> {
    const peer = await Peer.establish(source);
    peers.push(peer);
    const started = performance.now();
    const each = packed === true ? 800 : 1;
    for (let first = 0; first < Number(prefixes) && !peer.isClosed;) {
      const messages: Buffer[] = [];
      for (let size = 0; size < 256_000 && first < Number(prefixes); first += each) {
        const update = updateOf(first, Math.min(each, Number(prefixes) - first));
        messages.push(update);
        size += update.length;
      }
      if (!peer.socket.write(Buffer.concat(messages)))
        await new Promise<void>((done) => void peer.socket.once('drain', done).once('close', done));
    }
    const { keepalives } = peer;
    // What has come to the peer's keepalive is read to its end.
    await until(() => peer.keepalives > keepalives + 1 || peer.isClosed);
    return { ...(summary(peer) as object), seconds: (performance.now() - started) / 1000, longestGapMs: peer.longestGapMs };
  },

  async letGo(): Promise<unknown> {
    for (const peer of peers.splice(0)) peer.socket.destroy();
    return undefined;
  },
};

const ATTRIBUTES = hex(`400101004002060201${Number(asn).toString(16).padStart(8, '0')}400304c6336401`);

function updateOf(first: number, count: number): Buffer {
  const update = Buffer.alloc(23 + ATTRIBUTES.length + count * 5, 0xff);
  update.writeUInt16BE(update.length, 16);
  update[18] = 2;
  update.writeUInt16BE(0, 19);
  update.writeUInt16BE(ATTRIBUTES.length, 21);
  ATTRIBUTES.copy(update, 23);
  for (let i = 0; i < count; i++) {
    const at = 23 + ATTRIBUTES.length + i * 5;
    update[at] = 32;
    update.writeUInt32BE(0x14_00_00_00 + first + i, at + 1);
  }
  return update;
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line) as Command;
    void ACTS[command.act](command).then((result) => process.stdout.write(`${JSON.stringify({ id: command.id, result })}\n`));
  })
  .on('close', () => process.exit());
process.stdout.write('{"id":0}\n');
