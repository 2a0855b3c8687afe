// Runs a TypeScript program of the test tree on plain Node: bundles it (packages stay outside) and imports the bundle.
//   node test/support/run.mjs test/lab/demo.ts [arguments]
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { FOR_NODE } from './forNode.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const entry = process.argv[2];
if (entry === undefined) throw new Error('usage: run.mjs PROGRAM.ts [arguments]');
// Inside node_modules, so that the bundle finds the packages it imports.
const parent = join(root, 'node_modules', '.cache', 'heraldlb-run');
mkdirSync(parent, { recursive: true });
// Those that were killed have left theirs.
for (const name of readdirSync(parent)) {
  if (!existsSync(`/proc/${Number.parseInt(name, 10)}`)) rmSync(join(parent, name), { recursive: true, force: true });
}
const directory = mkdtempSync(join(parent, `${process.pid}-`));
// The native addon is looked for beside the program.
symlinkSync(join(root, 'speaker/native'), join(directory, 'native'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
// By the signal itself nothing would be cleaned up: what a lab has made goes at `exit`.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(code);
  });
}
const outfile = join(directory, 'program.mjs');
await build({
  entryPoints: [resolve(root, entry)],
  outfile,
  ...FOR_NODE,
  define: { 'process.env.HERALDLB_ROOT': JSON.stringify(root) },
});
process.argv.splice(1, 2, resolve(root, entry));
await import(pathToFileURL(outfile).href);
