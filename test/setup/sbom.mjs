// What ships, as SPDX, to standard output. `npm sbom --omit dev` leaves out every package that a tool needs as well, the program's
// own dependencies among them: so the whole list is taken, and what the lock file marks as the tools' alone is taken out.
//   node test/setup/sbom.mjs >heraldlb.spdx.json
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const lock = JSON.parse(readFileSync(resolve(root, 'package-lock.json'), 'utf8')).packages;
const words = ['sbom', '--sbom-format', 'spdx', '--sbom-type', 'application'];
const whole = JSON.parse(execFileSync('npm', words, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 }));

const packages = whole.packages.filter(({ packageFileName }) => lock[packageFileName]?.dev !== true);
const known = new Set(['SPDXRef-DOCUMENT', ...packages.map(({ SPDXID }) => SPDXID)]);
const relationships = whole.relationships.filter((each) => known.has(each.spdxElementId) && known.has(each.relatedSpdxElement));
process.stdout.write(`${JSON.stringify({ ...whole, packages, relationships }, undefined, 2)}\n`);
