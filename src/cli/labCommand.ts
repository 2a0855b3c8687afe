import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { exitWith } from './output.ts';

/** The checkout that this program was built in; undefined in the image, which has neither the lab nor its routers. */
export function checkout(from = import.meta.url): string | undefined {
  return ['../../', '../../../']
    .map((path) => fileURLToPath(new URL(path, from)))
    .find((path) => existsSync(`${path}test/lab/demo.ts`) && existsSync(`${path}Makefile`));
}

/** `heraldlb lab`: a wrapper of `make demo KEEP=1`. Exit code 0: it ran, 1: it failed, 2: there is no lab here. */
export function labCommand(): Command {
  return new Command('lab')
    .description('Runs a whole cluster with routers in network namespaces of this machine, to play with; in a checkout only, as root')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .option('--dry-run', 'print the command only')
    .action(({ dryRun }: { readonly dryRun?: true }) =>
      exitWith(async () => {
        const root = checkout();
        if (root === undefined)
          throw new Error('the lab is part of the source code, not of the image: clone the repository, and run make demo KEEP=1 there');
        const words = ['-C', root, '--no-print-directory', 'demo', 'KEEP=1'];
        process.stdout.write(`make ${words.join(' ')}\n`);
        if (dryRun === true) return 0;
        if (process.getuid?.() !== 0) throw new Error('network namespaces need root');
        return new Promise((resolve, reject) => {
          const child = spawn('make', words, { stdio: 'inherit' });
          child.once('error', reject);
          child.once('exit', (code) => resolve(code === 0 ? 0 : 1));
        });
      }),
    );
}
