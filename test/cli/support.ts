import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { FOR_NODE } from '../support/forNode.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end, whatever comes of it. */
export function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, words, { cwd: ROOT, env, maxBuffer: 64 * 1024 * 1024 }, (error, out, err) => {
      const code = typeof error?.code === 'number' ? error.code : Number(error !== null);
      resolve({ code, out, err });
    });
  });
}

/** The executable of this source tree, bundled once and run as a process of its own each time. */
export class Executable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async build(): Promise<Executable> {
    // Inside node_modules, so that the bundle finds the packages it imports.
    const parent = join(ROOT, 'node_modules', '.cache', 'heraldlb-run');
    mkdirSync(parent, { recursive: true });
    const directory = mkdtempSync(join(parent, `${process.pid}-`));
    await build({
      entryPoints: [join(ROOT, 'src/cli/heraldlb.ts')],
      outdir: directory,
      outExtension: { '.js': '.mjs' },
      splitting: true,
      ...FOR_NODE,
    });
    return new Executable(directory);
  }

  get file(): string {
    return join(this.#directory, 'heraldlb.mjs');
  }

  run(kubeconfig: string, ...words: readonly string[]): Promise<Ran> {
    return run(process.execPath, [this.file, ...words], { ...process.env, KUBECONFIG: kubeconfig });
  }

  /** A directory for PATH where kubectl finds it as a plugin. */
  plugin(): string {
    const bin = join(this.#directory, 'bin');
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, 'kubectl-heraldlb'), `#!/bin/sh\nexec ${process.execPath} ${this.file} "$@"\n`, { mode: 0o755 });
    return bin;
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
