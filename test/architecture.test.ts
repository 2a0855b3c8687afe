import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** A room of the house, and the rooms it may import from. Packages: `node:*` and npm names that only this room may use. */
interface Room {
  readonly imports: readonly string[];
  readonly packages: readonly string[];
}

const IMPURE = [
  'node:*',
  '@kubernetes/client-node',
  'pino',
  'commander',
  'raw-socket',
  'undici',
  'prom-client',
  'yaml',
  'node-gyp-build',
  'node-forge',
];

const ROOMS: Readonly<Record<string, Room>> = {
  'src/machine.ts': { imports: [], packages: [] },
  'src/rows': { imports: [], packages: [] },
  'src/net': { imports: [], packages: ['ip-address', 'netmask'] },
  'src/wire': { imports: ['src/net'], packages: [] },
  'src/bgp': { imports: ['src/machine.ts', 'src/net', 'src/wire'], packages: [] },
  'src/bfd': { imports: ['src/machine.ts', 'src/net', 'src/wire'], packages: ['@noble/hashes'] },
  'src/layer2': { imports: ['src/machine.ts', 'src/net', 'src/wire'], packages: ['@noble/hashes'] },
  'src/api': { imports: ['src/net'], packages: ['zod'] },
  'src/cluster': { imports: ['src/net'], packages: [] },
  'src/config': { imports: ['src/net', 'src/api', 'src/cluster'], packages: ['zod'] },
  'src/ipam': { imports: ['src/net', 'src/cluster', 'src/config'], packages: [] },
  'src/announce': {
    imports: [
      'src/machine.ts',
      'src/rows',
      'src/net',
      'src/cluster',
      'src/config',
      'src/layer2/elector.ts',
      'src/layer2/election.ts',
      'src/layer2/boundedLoad.ts',
    ],
    packages: ['@noble/hashes'],
  },
  'src/view': {
    imports: ['src/net', 'src/api', 'src/cluster', 'src/config', 'src/ipam', 'src/announce', 'src/layer2/reach.ts'],
    packages: [],
  },
  'src/glass': { imports: ['src/net', 'src/cluster', 'src/config', 'src/announce', 'src/view'], packages: [] },
  'src/host': { imports: ['src/net', 'src/api', 'src/cluster'], packages: IMPURE },
  'src/cli': { imports: ['src', 'controller/command.ts', 'speaker/command.ts', 'speaker/io', 'speaker/native/addon.ts'], packages: IMPURE },
  controller: { imports: ['src'], packages: IMPURE },
  speaker: { imports: ['src'], packages: IMPURE },
  'controller/glass/page': { imports: ['src/glass/view.ts', 'src/glass/diff.ts', 'src/net/ip.ts'], packages: [] },
};

interface Import {
  readonly file: string;
  readonly target: string;
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('native/build'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

const FILES = ['src', 'speaker', 'controller'].flatMap(sources);
const TEXTS = new Map(FILES.map((file) => [file, readFileSync(join(root, file), 'utf8')]));

function importsOf(file: string): Import[] {
  const text = TEXTS.get(file) ?? '';
  const found = text.matchAll(/^\s*(?:import|export)\b[^;'"]*?\bfrom\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\('([^']+)'\)/gm);
  return [...found].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? '';
    const target = specifier.startsWith('.') ? relative(root, resolve(root, dirname(file), specifier)) : specifier;
    return { file, target };
  });
}

const IMPORTS = FILES.flatMap(importsOf);

function roomOf(file: string): string | undefined {
  return Object.keys(ROOMS)
    .filter((room) => file === room || file.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];
}

const isPackage = (target: string): boolean => !FILES.includes(target) && !/^(src|speaker|controller|test)\//.test(target);

function packageAllowed(target: string, allowed: readonly string[]): boolean {
  return allowed.some((name) => target === name || target.startsWith(`${name}/`) || (name === 'node:*' && target.startsWith('node:')));
}

function within(target: string, place: string): boolean {
  return target === place || target.startsWith(`${place}/`);
}

describe('the house', () => {
  it('reads real files and real imports', () => {
    expect(FILES.length).toBeGreaterThan(10);
    expect(IMPORTS).toContainEqual({ file: 'src/net/prefix.ts', target: 'src/net/ip.ts' });
  });

  it('has every source file in a room', () => {
    expect(FILES.filter((file) => roomOf(file) === undefined)).toEqual([]);
  });

  it('imports only along the arrows', () => {
    const wrong = IMPORTS.filter(({ file, target }) => {
      const room = roomOf(file);
      if (room === undefined || isPackage(target) || roomOf(target) === room) return false;
      return !(ROOMS[room]?.imports ?? []).some((place) => within(target, place));
    });
    expect(wrong.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
  });

  it('uses packages only where they belong', () => {
    const wrong = IMPORTS.filter(({ file, target }) => {
      const room = roomOf(file);
      return room !== undefined && isPackage(target) && !packageAllowed(target, ROOMS[room]?.packages ?? []);
    });
    expect(wrong.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
  });

  it('never imports product code from test, nor resolves to nothing', () => {
    const wrong = IMPORTS.filter(
      ({ target }) => target.startsWith('test/') || (/^(src|speaker|controller)\//.test(target) && !TEXTS.has(target)),
    );
    expect(wrong).toEqual([]);
  });

  it('has no import cycle', () => {
    const edges = new Map(FILES.map((file) => [file, importsOf(file).map(({ target }) => target)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
        return;
      }
      if (done.has(file)) return;
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of FILES) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('keeps files at a readable size, without barrels, default exports or any', () => {
    const wrong: string[] = [];
    for (const [file, text] of TEXTS) {
      if (text.split('\n').length > 301) wrong.push(`${file}: more than 300 lines`);
      if (/(^|\/)index\.ts$/.test(file)) wrong.push(`${file}: a barrel`);
      if (/^export default/m.test(text)) wrong.push(`${file}: default export`);
      if (/^export \* from/m.test(text)) wrong.push(`${file}: re-exports`);
      if (/(:|\bas)\s+any\b|@ts-(ignore|expect-error|nocheck)/.test(text)) wrong.push(`${file}: any, or a silenced error`);
    }
    expect(wrong).toEqual([]);
  });

  it('compiles every pure room without the types of Node', () => {
    const pure: unknown = JSON.parse(readFileSync(join(root, 'tsconfig.pure.json'), 'utf8'));
    const rooms = Object.keys(ROOMS).filter((room) => room.startsWith('src/') && !['src/host', 'src/cli'].includes(room));
    expect(pure).toMatchObject({ compilerOptions: { types: [] }, include: expect.arrayContaining(rooms) });
  });
});
