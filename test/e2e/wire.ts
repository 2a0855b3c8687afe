import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import type { Space } from '../lab/space.ts';
import { sleep, until } from '../support/until.ts';

/** A capture on one interface of the lab, decoded by tshark when it has ended. */
export class Capture {
  readonly #space: Space;
  readonly #child: ChildProcess;
  readonly #file: string;

  private constructor(space: Space, child: ChildProcess, file: string) {
    this.#space = space;
    this.#child = child;
    this.#file = file;
  }

  static async start(space: Space, host: string, device: string, directory: string, filter: string): Promise<Capture> {
    const file = join(directory, `${host}-${device}-${Date.now()}.pcap`);
    const child = space.start(host, ['tcpdump', '-i', device, '-U', '-w', file, filter], join(directory, 'tcpdump.log'));
    // tcpdump writes the file's header once it listens.
    await until('tcpdump to listen', () => existsSync(file), 5_000);
    await sleep(100);
    return new Capture(space, child, file);
  }

  /** Ends the capture and returns the wanted fields of every packet, in order. */
  async fields(displayFilter: string, ...fields: string[]): Promise<string[][]> {
    // The kernel hands packets over in its own time, later on a busy machine.
    await sleep(1000);
    await this.#space.stop(this.#child, 'SIGINT');
    const words = ['-r', this.#file, '-Y', displayFilter, '-T', 'fields', '-E', 'separator=|', ...fields.flatMap((field) => ['-e', field])];
    const text = execFileSync('tshark', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('|'));
  }
}
