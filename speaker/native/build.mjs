// Builds the addon with node-gyp, without fetching headers where the runtime ships its own. `--prebuild` packs the
// binary for this platform as the image and the package carry it.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const prefix = resolve(dirname(realpathSync(process.execPath)), '..');
const nodedir = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
const gyp = join(here, '../../node_modules/node-gyp/bin/node-gyp.js');
const built = spawnSync(process.execPath, [gyp, 'rebuild', '--silent', ...nodedir], { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] });
if (built.status !== 0) process.exit(built.status ?? 1);

if (process.argv.includes('--prebuild')) {
  const target = join(here, 'prebuilds', `${process.platform}-${process.arch}`);
  mkdirSync(target, { recursive: true });
  cpSync(join(here, 'build/Release/heraldlb.node'), join(target, 'heraldlb.node'));
}
