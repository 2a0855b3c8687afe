// The looking glass' page as the controller serves it: one script, one style sheet, and the troubleshooting page.
//   node controller/glass/page/build.mjs [directory]     default: dist/glass
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { htmlOf } from './markdown.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../../..');

async function bundled(file) {
  const result = await build({
    entryPoints: [join(here, file)],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: ['chrome111', 'firefox113', 'safari16.4'],
    logLevel: 'error',
  });
  return result.outputFiles[0].contents;
}

/** What a heading links to outside of this one page is not there in the cluster: its words stay. */
function link(target, label) {
  return target.startsWith('#') ? `<a href="${target}">${label}</a>` : label;
}

function docsPage() {
  const body = htmlOf(readFileSync(join(root, 'docs/troubleshoot.md'), 'utf8'), link);
  const head =
    '<meta charset="utf-8" /><meta name="viewport" content="width=device-width, initial-scale=1" /><meta name="color-scheme" content="light dark" />';
  const links = '<link rel="icon" href="icon.svg" type="image/svg+xml" /><link rel="stylesheet" href="app.css" />'.replaceAll(
    'href="',
    'href="../',
  );
  return `<!doctype html><html lang="en"><head>${head}<title>Troubleshoot · HeraldLB</title>${links}</head><body class="docs"><main><article>${body}</article></main></body></html>`;
}

export async function buildPage(out) {
  const assets = {
    'app.js': await bundled('main.ts'),
    'app.css': await bundled('app.css'),
    'icon.svg': readFileSync(join(here, 'icon.svg')),
  };
  const versioned = (html) =>
    html.replaceAll(/((?:href|src)="(?:\.\.\/)?)(app\.js|app\.css|icon\.svg)"/g, (_, before, name) => {
      const version = createHash('sha256').update(assets[name]).digest('hex').slice(0, 12);
      return `${before}${name}?v=${version}"`;
    });
  const page = (file) => versioned(readFileSync(join(here, file), 'utf8').replaceAll(/\n\s*/g, '\n'));
  const files = { ...assets, 'index.html': page('index.html'), 'login.html': page('login.html'), 'docs.html': versioned(docsPage()) };
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(out, name), contents);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPage(resolve(process.argv[2] ?? join(root, 'dist/glass')));
