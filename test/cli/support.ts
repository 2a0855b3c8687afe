import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end, whatever comes of it. */
export function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, words, { env, maxBuffer: 64 * 1024 * 1024 }, (error, out, err) => {
      const code = typeof error?.code === 'number' ? error.code : Number(error !== null);
      resolve({ code, out, err });
    });
  });
}

/** The executable of this source tree, as a process of its own. */
export function heraldlb(kubeconfig: string, ...words: readonly string[]): Promise<Ran> {
  const program = [join(ROOT, 'test/support/run.mjs'), 'src/cli/heraldlb.ts'];
  return run(process.execPath, [...program, ...words], { ...process.env, KUBECONFIG: kubeconfig });
}
