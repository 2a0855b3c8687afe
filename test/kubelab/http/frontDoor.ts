import { connect, createServer, type Server, type Socket } from 'node:net';

interface Pair {
  client: Socket;
  upstream: Socket;
  frozen: boolean;
  /** Chunks waiting for their turn on a slow connection. */
  queue: Buffer[];
  timer: NodeJS.Timeout | undefined;
}

const tickMs = 50;

/**
 * The port clients connect to. It passes bytes to the HTTP server behind it, so that connections can be reset, slowed
 * down or frozen half-open whatever is spoken over them, and the port can close while the server lives on.
 */
export class FrontDoor {
  private server: Server | undefined;
  private pairs = new Set<Pair>();
  private target: number;
  private host: string;
  private freezeNew = false;
  bytesPerSecond = 0;
  port = 0;

  constructor(host: string, target: number) {
    this.host = host;
    this.target = target;
  }

  setTarget(port: number): void {
    this.target = port;
  }

  async listen(port: number): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.accept(client));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, this.host, resolve);
    });
    this.server = server;
    const address = server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : port;
    return this.port;
  }

  private accept(client: Socket): void {
    const upstream = connect({ port: this.target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const pair: Pair = { client, upstream, frozen: this.freezeNew, queue: [], timer: undefined };
    this.pairs.add(pair);
    client.on('data', (chunk: Buffer) => {
      if (!pair.frozen && !upstream.write(chunk)) pauseUntilDrained(client, upstream);
    });
    upstream.on('data', (chunk: Buffer) => this.deliver(pair, chunk));
    client.on('end', () => upstream.end());
    upstream.on('end', () => {
      if (!pair.frozen && pair.queue.length === 0) client.end();
    });
    const close = () => this.close(pair);
    client.on('error', close);
    upstream.on('error', close);
    client.on('close', close);
    upstream.on('close', () => {
      if (!pair.frozen && pair.queue.length === 0) close();
    });
  }

  private deliver(pair: Pair, chunk: Buffer): void {
    if (pair.frozen) return;
    if (this.bytesPerSecond === 0 && pair.queue.length === 0) {
      if (!pair.client.write(chunk)) pauseUntilDrained(pair.upstream, pair.client);
      return;
    }
    pair.queue.push(chunk);
    pair.upstream.pause();
    pair.timer ??= setInterval(() => this.trickle(pair), tickMs);
  }

  private trickle(pair: Pair): void {
    let room = this.bytesPerSecond === 0 ? Infinity : Math.max(1, Math.round((this.bytesPerSecond * tickMs) / 1000));
    while (room > 0 && pair.queue.length > 0) {
      const chunk = pair.queue.shift() ?? Buffer.alloc(0);
      pair.client.write(chunk.subarray(0, room));
      if (chunk.length > room) pair.queue.unshift(chunk.subarray(room));
      room -= chunk.length;
    }
    if (pair.queue.length > 0) return;
    clearInterval(pair.timer);
    pair.timer = undefined;
    pair.upstream.resume();
    if (pair.upstream.readableEnded) pair.client.end();
  }

  private close(pair: Pair): void {
    clearInterval(pair.timer);
    this.pairs.delete(pair);
    pair.client.destroy();
    pair.upstream.destroy();
  }

  private reset(pair: Pair): void {
    pair.client.resetAndDestroy();
    this.close(pair);
  }

  /** Resets the connection that reaches the server from this local port. */
  resetByPort(upstreamPort: number): void {
    for (const pair of this.pairs) if (pair.upstream.localPort === upstreamPort) this.reset(pair);
  }

  resetAll(): void {
    for (const pair of this.pairs) this.reset(pair);
  }

  /** Both sides keep their sockets, nothing gets through. Undone by a reset of what was frozen. */
  freeze(andNew: boolean): () => void {
    for (const pair of this.pairs) pair.frozen = true;
    this.freezeNew = andNew;
    return () => {
      this.freezeNew = false;
      for (const pair of this.pairs) if (pair.frozen) this.reset(pair);
    };
  }

  connections(): number {
    return this.pairs.size;
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    this.resetAll();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function pauseUntilDrained(from: Socket, to: Socket): void {
  from.pause();
  to.once('drain', () => from.resume());
}
