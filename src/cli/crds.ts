import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crdFiles, installFile } from './crdFiles.ts';
import { packageFiles } from './packageFiles.ts';

/** Writes the CRDs, and beside their directory the file that installs everything and what the Helm chart shares with it: `node dist/src/cli/crds.js manifests/crds`. */
const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: crds.js DIRECTORY');
mkdirSync(directory, { recursive: true });
for (const file of crdFiles()) writeFileSync(join(directory, file.name), file.text);
const manifests = join(directory, '..');
writeFileSync(
  join(manifests, 'install.yaml'),
  installFile((name) => readFileSync(join(manifests, 'base', name), 'utf8')),
);
for (const file of packageFiles((path) => readFileSync(join(manifests, path), 'utf8'))) {
  mkdirSync(dirname(join(manifests, file.name)), { recursive: true });
  writeFileSync(join(manifests, file.name), file.text);
}
