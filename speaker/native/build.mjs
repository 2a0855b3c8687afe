// Builds the addon with node-gyp, without fetching headers where the runtime ships its own. `--prebuild` packs the
// binary for this platform as the image and the package carry it; `--arch=arm64` does so for another processor, by
// Debian's cross compiler (g++-aarch64-linux-gnu), and leaves this platform's build alone.
//   node speaker/native/build.mjs [--prebuild] [--arch=arm64] [--out=DIRECTORY of prebuilds]
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const CROSS = { arm64: 'aarch64-linux-gnu' };

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    prebuild: { type: 'boolean', default: false },
    arch: { type: 'string', default: process.arch },
    out: { type: 'string', default: join(here, 'prebuilds') },
  },
});
const isCross = values.arch !== process.arch;
if (isCross && CROSS[values.arch] === undefined) throw new Error(`no cross compiler is known for ${values.arch}`);

/** node-gyp builds in the folder of the sources: for another processor it gets one of its own. */
function sources() {
  if (!isCross) return here;
  const copy = mkdtempSync(join(tmpdir(), 'heraldlb-addon-'));
  for (const name of readdirSync(here)) if (/\.(c|h|gyp)$/.test(name)) cpSync(join(here, name), join(copy, name));
  return copy;
}

const prefix = resolve(dirname(realpathSync(process.execPath)), '..');
const nodedir = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
const gyp = join(here, '../../node_modules/node-gyp/bin/node-gyp.js');
const tools = CROSS[values.arch];
const env = isCross ? { ...process.env, CC: `${tools}-gcc`, CXX: `${tools}-g++`, AR: `${tools}-ar` } : process.env;
const cwd = sources();
const words = [gyp, 'rebuild', '--silent', `--arch=${values.arch}`, ...nodedir];
const built = spawnSync(process.execPath, words, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
if (built.status !== 0) process.exit(built.status ?? 1);

if (values.prebuild || isCross) {
  const target = join(values.out, `${process.platform}-${values.arch}`);
  mkdirSync(target, { recursive: true });
  cpSync(join(cwd, 'build/Release/heraldlb.node'), join(target, 'heraldlb.node'));
}
if (isCross) rmSync(cwd, { recursive: true });
