import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const DOCKERFILE = read('Dockerfile').replaceAll('\\\n', ' ');
const MANIFEST = JSON.parse(read('package.json')) as { version: string; engines: { node: string } };

/** The instructions of one name, each as its words. */
function instructions(name: string, text = DOCKERFILE): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.trim().split(/\s+/).slice(1));
}

const [, FINAL = ''] = DOCKERFILE.split(/^FROM .* AS build$/m);
const [BUILD = '', IMAGE = ''] = FINAL.split(/^(?=FROM )/m);

// No container engine runs in the tests: what the image is made of is built and run in e2e/image.test.ts, and this holds the rest.
describe('the Dockerfile', () => {
  it('copies only what is there and is not ignored', () => {
    const ignored = read('.dockerignore').split('\n').filter(Boolean);
    const sources = instructions('COPY', BUILD).flatMap((words) => words.slice(0, -1));
    expect(sources).toContain('package-lock.json');
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
    expect(sources.filter((source) => ignored.some((entry) => source === entry || source.startsWith(`${entry}/`)))).toEqual([]);
  });

  it('runs only programs that it has copied', () => {
    const copied = instructions('COPY', BUILD).flatMap((words) => words.slice(0, -1));
    const programs = [...BUILD.matchAll(/(?:node|-p) ([\w./-]+\.(?:mjs|json))/g)].map(([, path]) => path ?? '');
    expect(programs).toEqual(['speaker/native/build.mjs', 'tsconfig.build.json', 'test/setup/bundle.mjs']);
    expect(programs.filter((path) => !copied.some((source) => path === source || path.startsWith(`${source}/`)))).toEqual([]);
  });

  it('takes the bundle from where it is written, and starts it', () => {
    expect(read('test/setup/bundle.mjs')).toContain("'dist/image'");
    expect(instructions('COPY', IMAGE)).toEqual([['--from=build', '/build/dist/image', '/heraldlb']]);
    expect(IMAGE).toContain('ENTRYPOINT ["/nodejs/bin/node", "/heraldlb/heraldlb.mjs"]');
  });

  it('builds and runs on one major version of Node.js, on one Debian, and not as root', () => {
    const [build = ''] = instructions('FROM')[0] ?? [];
    const [image = ''] = instructions('FROM')[1] ?? [];
    const major = /^node:(\d+)-bookworm$/.exec(build)?.[1];
    expect(image).toBe(`gcr.io/distroless/nodejs${major}-debian12`);
    expect(Number(major)).toBeGreaterThanOrEqual(Number(/\d+/.exec(MANIFEST.engines.node)?.[0]));
    expect(instructions('USER', IMAGE)).toEqual([['65532:65532']]);
  });

  it('is named in the manifests by the version of the package', () => {
    for (const file of ['controller', 'speaker']) {
      const images = [...read(`manifests/base/${file}.yaml`).matchAll(/image: (\S+)/g)].map(([, image]) => image);
      expect(images).toEqual([`heraldlb:${MANIFEST.version}`]);
    }
    expect(instructions('LABEL', IMAGE).flat().join(' ')).toContain('Apache-2.0');
  });
});
