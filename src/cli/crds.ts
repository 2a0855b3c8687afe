import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crdFiles, installFile } from './crdFiles.ts';

/** Writes the CRDs, and the file that installs everything beside their directory: `node dist/src/cli/crds.js manifests/crds`. */
const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: crds.js DIRECTORY');
mkdirSync(directory, { recursive: true });
for (const file of crdFiles()) writeFileSync(join(directory, file.name), file.text);
const manifests = join(directory, '..');
writeFileSync(
  join(manifests, 'install.yaml'),
  installFile((name) => readFileSync(join(manifests, 'base', name), 'utf8')),
);
