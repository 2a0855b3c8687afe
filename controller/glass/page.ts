import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

/** One file of the page, in every form in which it may be asked for. */
export interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
  readonly brotli: Buffer;
  readonly tag: string;
}

export type AssetName = (typeof NAMES)[number];
export type Page = Readonly<Record<AssetName, Asset>>;

const NAMES = ['index.html', 'login.html', 'docs.html', 'app.js', 'app.css', 'icon.svg'] as const;
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Beside the bundle of the image; in dist/ of a checkout, whether this runs from there or from its source. */
const PLACES = ['./glass/', '../../glass/', '../../dist/glass/'];

/** Reads the page into memory. @throws Error when it was not built */
export function loadPage(places = PLACES.map((place) => new URL(place, import.meta.url))): Page {
  const directory = places.find((place) => existsSync(new URL('index.html', place)));
  if (directory === undefined) throw new Error('the page of the looking glass is not built: run `make build`');
  return Object.fromEntries(NAMES.map((name) => [name, assetOf(name, readFileSync(new URL(name, directory)))])) as Page;
}

export function assetOf(name: string, plain: Buffer): Asset {
  return {
    type: TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
    plain,
    gzip: gzipSync(plain, { level: 9 }),
    brotli: brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }),
    tag: `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`,
  };
}
