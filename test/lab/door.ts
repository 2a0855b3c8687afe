import { rmSync } from 'node:fs';
import { type Server, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { API } from './addresses.ts';
import type { Space } from './space.ts';

/** Lets the hosts of the lab reach an API server that listens on this machine's loopback, at {@link API}. */
export class Door {
  readonly #server: Server;
  readonly #sockets = new Set<{ destroy(): void }>();
  #open = true;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(space: Space, directory: string, port: number): Promise<Door> {
    const path = join(directory, 'api.sock');
    rmSync(path, { force: true });
    const server = createServer();
    const door = new Door(server);
    server.on('connection', (client) => {
      const upstream = connect(port, '127.0.0.1');
      const end = (): void => {
        client.destroy();
        upstream.destroy();
        door.#sockets.delete(client);
      };
      client.on('error', end).on('close', end);
      upstream.on('error', end).on('close', end);
      if (!door.#open) return end();
      door.#sockets.add(client);
      client.pipe(upstream).pipe(client);
      return undefined;
    });
    await new Promise<void>((resolve) => {
      server.listen(path, resolve);
    });
    const root = process.env['HERALDLB_ROOT'] ?? process.cwd();
    space.start('api', [process.execPath, join(root, 'test/lab/gate.mjs'), String(API.port), path], join(directory, 'gate.log'));
    return door;
  }

  /** To the nodes the API server is gone: every connection is cut and new ones are closed at once. */
  shut(): void {
    this.#open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  reopen(): void {
    this.#open = true;
  }

  close(): void {
    this.shut();
    this.#server.close();
  }
}
