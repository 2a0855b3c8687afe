import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { SPEAKER_FLAGS } from '../../lab/daemons.ts';
import { FOR_NODE } from '../../support/forNode.mjs';
import { sleep, until } from '../../support/until.ts';
import type { Place } from './senders.ts';

const ROOT = process.env['HERALDLB_ROOT'] ?? process.cwd();
/** Inside node_modules, so that the bundle finds the packages it imports. */
const DIRECTORY = join(ROOT, 'node_modules', '.cache', 'heraldlb-bench', String(process.pid));

/** Bundles one of the bench's own programs, so that plain Node runs it with nothing else in memory. */
async function bundle(name: string): Promise<string> {
  const outfile = join(DIRECTORY, name.replace('.ts', '.mjs'));
  mkdirSync(DIRECTORY, { recursive: true });
  try {
    symlinkSync(join(ROOT, 'speaker/native'), join(DIRECTORY, 'native'));
  } catch {
    // It is there.
  }
  await build({
    entryPoints: [resolve(ROOT, 'test/bench/bgp', name)],
    outfile,
    ...FOR_NODE,
  });
  return outfile;
}

const GREETINGS = 20;
const bundles = new Map<string, Promise<string>>();
process.once('exit', () => rmSync(DIRECTORY, { recursive: true, force: true }));

/** A program of the bench that reads commands and prints lines. */
export class Program {
  readonly #place: Place;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];

  private constructor(place: Place, child: ChildProcess) {
    this.#place = place;
    this.#child = child;
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => void this.#lines.push(line));
  }

  /** @returns when it says that it is ready */
  static async start(place: Place, name: string, words: readonly string[]): Promise<Program> {
    const made = bundles.get(name) ?? bundle(name);
    bundles.set(name, made);
    const command = ['netns', 'exec', place.space.ns(place.host), process.execPath, ...SPEAKER_FLAGS, await made, ...words];
    const child = spawn('ip', command, { cwd: ROOT, stdio: 'pipe' });
    child.stderr.pipe(createWriteStream(join(place.directory, `${name}.log`)));
    child.stdin.on('error', () => undefined);
    const program = new Program(place, child);
    await program.line('ready', 120_000);
    return program;
  }

  tell(line: string): Promise<void> {
    this.#child.stdin?.write(`${line}\n`);
    return Promise.resolve();
  }

  /** That the code which reads the next command has run before is nothing that is measured. */
  async greet(): Promise<void> {
    for (let i = 0; i < GREETINGS; i++) {
      await this.tell('hello');
      await sleep(5);
    }
  }

  /** The next line that begins so. */
  line(beginning: string, timeoutMs = 20_000): Promise<string> {
    return until(`a line "${beginning}"`, () => this.#lines.find((line) => line.startsWith(beginning)), timeoutMs, 1);
  }

  stop(): Promise<void> {
    return this.#place.space.stop(this.#child);
  }
}
