// What the image holds: the executable and the speaker's worker as two files with all packages in them, and the addons.
//   node test/setup/bundle.mjs [directory]     default: dist/image
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildPage } from '../../controller/glass/page/build.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const out = resolve(process.argv[2] ?? join(root, 'dist/image'));
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

await build({
  entryPoints: { heraldlb: join(root, 'src/cli/heraldlb.ts'), kubeWorker: join(root, 'speaker/kubeWorker.ts') },
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  minify: true,
  keepNames: true,
  // A native package of its own, loaded only by the probes.
  external: ['raw-socket'],
  // CommonJS packages in an ES module bundle ask for these.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; import { fileURLToPath as __fileURLToPath } from 'node:url'; const require = __createRequire(import.meta.url); const __filename = __fileURLToPath(import.meta.url); const __dirname = __fileURLToPath(new URL('.', import.meta.url));",
  },
  logLevel: 'error',
});

// The page of the looking glass is read from beside the bundle.
await buildPage(join(out, 'glass'));

// node-gyp-build finds the addon by platform; an image for another platform is built on it.
const binary = join(root, 'speaker/native/build/Release/heraldlb.node');
if (!existsSync(binary)) throw new Error('the addon is not built: run make build');
const target = join(out, 'native/prebuilds', `${process.platform}-${process.arch}`);
mkdirSync(target, { recursive: true });
cpSync(binary, join(target, 'heraldlb.node'));

// Packages that are loaded by name at run time, which no bundler sees: the addon's loader, and the probes' sockets.
const require = createRequire(import.meta.url);
for (const name of ['node-gyp-build', 'raw-socket']) {
  const from = dirname(require.resolve(`${name}/package.json`));
  // What it was built of and with is not needed to run it.
  const filter = (path) => !/^(src|example|binding\.gyp|build\/(?!Release$|Release\/[^/]+\.node$).*)/.test(relative(from, path));
  cpSync(from, join(out, 'node_modules', name), { recursive: true, filter });
}

const { version } = require(join(root, 'package.json'));
writeFileSync(join(out, 'package.json'), `${JSON.stringify({ name: 'heraldlb', version, type: 'module' })}\n`);
