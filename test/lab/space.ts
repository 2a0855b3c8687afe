import { type ChildProcess, type SpawnOptions, execFileSync, spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** The lab's namespaces, links and processes; everything made here is removed by `dispose`, the processes by their PID. */
export class Space {
  readonly #tag: string;
  readonly #namespaces = new Set<string>();
  readonly #children = new Set<ChildProcess>();
  readonly #onExit: () => void;

  /** @param lasting named without this process, so that a person can type the names; two of the same tag exclude each other */
  constructor(tag: string, lasting = false) {
    this.#tag = lasting ? tag : `${tag}${process.pid}`;
    if (!lasting) this.#removeStale(tag);
    this.#onExit = () => this.#removeAll();
    process.once('exit', this.#onExit);
  }

  /** The namespace's real name: `hlb-TAG-NAME`, the process in the tag. */
  ns(name: string): string {
    return `hlb-${this.#tag}-${name}`;
  }

  add(name: string): void {
    const ns = this.ns(name);
    // Left over from a run that was killed: it is ours by its name.
    if (
      execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
        .split('\n')
        .some((line) => line.split(' ')[0] === ns)
    )
      this.#remove(ns);
    execFileSync('ip', ['netns', 'add', ns]);
    this.#namespaces.add(ns);
    this.run(name, 'ip link set lo up');
  }

  /** Runs a command line (split at blanks) in a namespace and returns what it printed; throws when it fails. */
  run(name: string, command: string | readonly string[], input?: string): string {
    const words = typeof command === 'string' ? command.split(/\s+/) : [...command];
    return execFileSync('ip', ['netns', 'exec', this.ns(name), ...words], {
      encoding: 'utf8',
      timeout: 30_000,
      // FRR 10 does not survive a client that goes before it has been told a whole table.
      maxBuffer: 256 * 1024 * 1024,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(input === undefined ? {} : { input }),
    });
  }

  /** Like run, but answers undefined where the command fails. */
  attempt(name: string, command: string | readonly string[]): string | undefined {
    try {
      return this.run(name, command);
    } catch {
      return undefined;
    }
  }

  /** Starts a long-running process in a namespace; its output goes to `log`. */
  start(name: string, command: readonly string[], log: string, options: SpawnOptions = {}): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.ns(name), ...command], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const file = createWriteStream(log, { flags: 'a' });
    child.stdout?.pipe(file, { end: false });
    child.stderr?.pipe(file, { end: false });
    child.on('error', (error) => file.write(`${error.message}\n`));
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** A veth pair: `a` in namespace `nameA`, `b` in `nameB`, both up. */
  link(nameA: string, a: string, nameB: string, b: string): void {
    execFileSync('ip', ['link', 'add', a, 'netns', this.ns(nameA), 'type', 'veth', 'peer', 'name', b, 'netns', this.ns(nameB)]);
    this.run(nameA, `ip link set ${a} up`);
    this.run(nameB, `ip link set ${b} up`);
  }

  /** Ends one process started here, and waits for it. */
  async stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM', graceMs = 5_000): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
    });
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(timer);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.stop(child, 'SIGTERM', 2_000)));
    this.#removeAll();
    process.removeListener('exit', this.#onExit);
  }

  #removeAll(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const ns of this.#namespaces) this.#remove(ns);
    this.#namespaces.clear();
  }

  /** What a run of the same tag left that was killed; those of processes that live are theirs. */
  #removeStale(tag: string): void {
    for (const line of execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n')) {
      const [, ns, pid] = new RegExp(`^(hlb-${tag}(\\d+)-\\S+)`).exec(line) ?? [];
      if (ns !== undefined && !existsSync(`/proc/${pid}`)) this.#remove(ns);
    }
  }

  #remove(ns: string): void {
    try {
      // Whatever still runs in a namespace of ours was started by us (a daemon that forked, for instance).
      const pids = execFileSync('ip', ['netns', 'pids', ns], { encoding: 'utf8' }).split('\n').filter(Boolean);
      for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
      execFileSync('ip', ['netns', 'del', ns]);
    } catch {
      // Gone already.
    }
  }
}

/** The lines a process prints, as they come. */
export function lines(child: ChildProcess, onLine: (line: string) => void): void {
  if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', onLine);
}
