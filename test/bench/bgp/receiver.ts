import { type Socket, createConnection } from 'node:net';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Space } from '../../lab/space.ts';
import { until } from '../../support/until.ts';
import { RECEIVER, SENDER } from './routes.ts';

/** A BIRD's control socket: no process per question, so that asking costs little and can be done often. */
export class BirdControl {
  readonly #socket: Socket;
  #text = '';
  #answered: ((answer: string) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      this.#text += text;
      // The last line of an answer has a blank after its code.
      if (!/^(0|8|9)\d{3} .*\n$/m.test(this.#text) || !this.#text.endsWith('\n')) return;
      const answer = this.#text;
      this.#text = '';
      this.#answered?.(answer);
    });
  }

  static async open(path: string): Promise<BirdControl> {
    await until('the control socket of BIRD', () => existsSync(path), 10_000, 10);
    const control = new BirdControl(createConnection(path));
    await new Promise<void>((resolve) => (control.#answered = () => resolve()));
    return control;
  }

  ask(command: string): Promise<string> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(`${command}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** The one who is announced to: BIRD, which dials as soon as it is told to. */
export interface Receiver {
  readonly enable: () => Promise<void>;
  readonly established: () => Promise<boolean>;
  /** Routes it holds. */
  readonly held: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

export async function startReceiver(space: Space, host: string, directory: string): Promise<Receiver> {
  const home = join(directory, 'receiver');
  mkdirSync(home, { recursive: true });
  const [file, control] = [join(home, 'bird.conf'), join(home, `ctl-${Date.now()}`)];
  writeFileSync(
    file,
    `router id ${RECEIVER.ip};
protocol device { scan time 60; }
protocol bgp s1 {
  disabled yes;
  local ${RECEIVER.ip} as ${RECEIVER.asn};
  neighbor ${SENDER.ip} as ${SENDER.asn};
  hold time 240;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 1;
  ipv4 { import all; export none; };
}
`,
  );
  const child = space.start(host, ['bird', '-f', '-c', file, '-s', control, '-P', `${control}.pid`], join(directory, 'receiver.log'));
  const bird = await BirdControl.open(control);
  return {
    enable: async () => void (await bird.ask('enable s1')),
    established: async () => /\bEstablished\b/.test(await bird.ask('show protocols s1')),
    held: async () => Number(/(\d+) imported/.exec(await bird.ask('show protocols all s1'))?.[1] ?? 0),
    stop: async () => {
      bird.close();
      await space.stop(child);
    },
  };
}
