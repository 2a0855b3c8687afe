import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { need } from './support/need.ts';

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

/** The rules of hadolint that can be broken here, by their numbers. */
describe('the Dockerfile keeps the rules of hadolint', () => {
  const lines = DOCKERFILE.split('\n').filter((line) => /^[A-Z]+ /.test(line));
  const runs = instructions('RUN').map((words) => words.join(' '));

  it('DL3006, DL3007: every image has a tag, and none is latest', () => {
    const images = instructions('FROM').map(([image = '']) => image);
    expect(images.length).toBe(2);
    expect(images.filter((image) => !/:[\w.-]+$|nodejs\d+-debian\d+$/.test(image) || image.endsWith(':latest'))).toEqual([]);
  });

  it('DL3000, DL3003: directories are absolute, and entered by WORKDIR', () => {
    expect(instructions('WORKDIR').filter(([path = '']) => !path.startsWith('/'))).toEqual([]);
    expect(runs.filter((run) => /(^|&& )cd /.test(run))).toEqual([]);
  });

  it('DL3004, DL3002: no sudo, and the last user is not root', () => {
    expect(runs.filter((run) => run.includes('sudo'))).toEqual([]);
    expect(instructions('USER').at(-1)?.[0]).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it('DL3020, DL3024, DL3025: files are copied, stages have names of their own, commands are lists', () => {
    expect(lines.filter((line) => line.startsWith('ADD '))).toEqual([]);
    const names = instructions('FROM').flatMap((words) => (words[1] === 'AS' ? [words[2]] : []));
    expect(new Set(names).size).toBe(names.length);
    const started = lines.filter((line) => /^(ENTRYPOINT|CMD) /.test(line));
    expect(started.length).toBe(1);
    expect(started.filter((line) => !/^\w+ \["/.test(line))).toEqual([]);
  });

  it('DL3016, DL4001: packages come from the lock file, nothing from elsewhere', () => {
    expect(runs).toContain('npm ci');
    expect(runs.filter((run) => /npm (install|i) |curl|wget|apt-get|apk |pip /.test(run))).toEqual([]);
  });

  it('has no secret, and no variable that would stay in the image', () => {
    expect(lines.filter((line) => /^(ENV|ARG) /.test(line))).toEqual([]);
    expect(lines.filter((line) => /password|token|secret/i.test(line))).toEqual([]);
  });

  it('names no platform: it is built on each that the manifests speak of', () => {
    expect(DOCKERFILE).not.toMatch(/^FROM --platform=/m);
    expect(read('Dockerfile')).toContain('linux/amd64,linux/arm64');
  });
});

/** e_machine of the ELF header. */
function machineOf(file: string): number {
  return readFileSync(file).readUInt16LE(18);
}

need('command:aarch64-linux-gnu-g++').describe('the addon', () => {
  it('is built for arm64 too, and leaves the one of this machine alone', () => {
    const own = join(ROOT, 'speaker/native/build/Release/heraldlb.node');
    const before = existsSync(own) ? readFileSync(own).toString('base64') : '';
    const out = mkdtempSync(join(tmpdir(), 'hlb-arm64-'));
    try {
      execFileSync(process.execPath, [join(ROOT, 'speaker/native/build.mjs'), '--arch=arm64', `--out=${out}`], { stdio: 'pipe' });
      // EM_AARCH64.
      expect(machineOf(join(out, 'linux-arm64/heraldlb.node'))).toBe(183);
      expect(existsSync(own) ? readFileSync(own).toString('base64') : '').toBe(before);
    } finally {
      rmSync(out, { recursive: true });
    }
  }, 120_000);
});

describe('the list of what ships', () => {
  it('names every package that the program depends on, with version and licence, and none of the tools', () => {
    const sbom = JSON.parse(
      execFileSync(process.execPath, [join(ROOT, 'test/setup/sbom.mjs')], { encoding: 'utf8', maxBuffer: 64 << 20 }),
    ) as {
      spdxVersion: string;
      packages: readonly { name: string; versionInfo: string; licenseDeclared: string }[];
    };
    expect(sbom.spdxVersion).toBe('SPDX-2.3');
    const manifest = JSON.parse(read('package.json')) as { dependencies: Record<string, string>; devDependencies: Record<string, string> };
    const listed = new Set(sbom.packages.flatMap(({ name, versionInfo }) => [name, `${name}@${versionInfo}`]));
    expect(Object.entries(manifest.dependencies).filter(([name, version]) => !listed.has(`${name}@${version}`))).toEqual([]);
    // A tool of ours may be a dependency of what ships, too: the lock knows.
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { dev?: boolean } | undefined> };
    const tools = Object.keys(manifest.devDependencies).filter((name) => packages[`node_modules/${name}`]?.dev === true);
    expect(tools.length).toBeGreaterThan(10);
    expect(tools.filter((name) => listed.has(name))).toEqual([]);
    // Licences with which the whole may be given on.
    const allowed = /^\(?(MIT|MIT-0|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|CC0-1\.0|Unlicense|PSF-2\.0|Python-2\.0)\b/;
    expect(sbom.packages.filter(({ licenseDeclared }) => !allowed.test(licenseDeclared)).map(({ name }) => name)).toEqual([]);
  });
});

describe('the audit', () => {
  /** A registry client that answers so. */
  function audit(answer: unknown): { status: number | null; text: string } {
    const directory = mkdtempSync(join(tmpdir(), 'hlb-audit-'));
    try {
      writeFileSync(
        join(directory, 'npm'),
        `#!/bin/sh\ncat <<'END'\n${typeof answer === 'string' ? answer : JSON.stringify(answer)}\nEND\n`,
      );
      chmodSync(join(directory, 'npm'), 0o755);
      const env = { ...process.env, PATH: `${directory}:${process.env['PATH'] ?? ''}` };
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'test/setup/audit.mjs')], { env, encoding: 'utf8' });
      return { status, text: `${stdout}${stderr}` };
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
  const counts = (more: object): object => ({
    metadata: { vulnerabilities: { info: 0, low: 0, moderate: 0, high: 0, critical: 0, total: 0, ...more } },
  });

  it.each([
    ['nothing known', counts({}), 0, 'audit: 0 known'],
    ['only slight ones', counts({ low: 2, total: 2 }), 0, 'audit: 2 known'],
    ['a grave one', { ...counts({ high: 1, total: 1 }), vulnerabilities: { left: { severity: 'high', range: '<2' } } }, 1, 'left <2'],
    [
      'a registry that refuses the question',
      { statusCode: 405, error: {} },
      3,
      'AUDIT NOT DONE: the registry does not tell known weaknesses (it answered 405)',
    ],
    ['no answer at all', '', 3, 'AUDIT NOT DONE'],
  ])('of %s ends as it should', (_, answer, status, text) => {
    const ended = audit(answer);
    expect(ended.status).toBe(status);
    expect(ended.text).toContain(text);
  });

  it('does not fail CI where the registry does not tell, and does where it knows something', () => {
    expect(read('.ci/run')).toContain('node test/setup/audit.mjs || [ $? -eq 3 ]');
  });
});
