import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Command, Option } from 'commander';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { controllerCommand } from '../controller/command.ts';
import { createControllerMetrics } from '../controller/metrics.ts';
import { speakerCommand } from '../speaker/command.ts';
import type { Engine } from '../speaker/engine.ts';
import { registerMetrics } from '../speaker/metrics.ts';
import { Teller, type TellerParts } from '../speaker/teller.ts';
import { createKubeMetrics } from '../src/host/metrics.ts';

const ROOT = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

function pages(): string[] {
  const inDocs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', ...inDocs.map((path) => `docs/${path}`)].toSorted();
}

const PAGES = new Map(pages().map((path) => [path, read(path)]));

function page(path: string): string {
  const text = PAGES.get(path);
  if (text === undefined) throw new Error(`there is no ${path}`);
  return text;
}

/** What is neither in a block of code nor in a code span. */
function prose(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

/** The part of a page under a heading, up to the next one of its level or above. */
function section(text: string, heading: string): string {
  const [level = ''] = /^#+/.exec(heading) ?? [];
  const from = text.indexOf(`\n${heading}\n`);
  if (from === -1) throw new Error(`there is no heading ${heading}`);
  const rest = text.slice(from + heading.length + 2);
  const end = rest.search(new RegExp(`^#{1,${level.length}} `, 'm'));
  return end === -1 ? rest : rest.slice(0, end);
}

/** The rows of the tables in it, without the heads. */
function rows(text: string): string[][] {
  const lines = text.split('\n');
  return lines
    .filter((line, index) => line.startsWith('|') && !/^\|[-|\s]+\|$/.test(line) && !/^\|[-|\s]+\|$/.test(lines[index + 1] ?? ''))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}

/** As GitHub makes them of headings. */
function anchors(text: string): Set<string> {
  const headings = [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading ?? '');
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('every page', () => {
  it('links only to what is there', () => {
    const broken: string[] = [];
    for (const [path, text] of PAGES) {
      for (const [, target = ''] of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [file = '', anchor] = target.split('#');
        const found = file === '' ? path : relative(ROOT, resolve(ROOT, dirname(path), file));
        if (!existsSync(join(ROOT, found))) broken.push(`${path}: ${target}`);
        else if (anchor !== undefined && !anchors(page(found)).has(anchor)) broken.push(`${path}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it('names no file of the repository that is not there', () => {
    const gone: string[] = [];
    for (const [path, text] of PAGES) {
      for (const [found] of text.matchAll(/(?<![\w/.-])(?:manifests|test|src|speaker|controller)\/[\w./-]+\.(?:ts|mjs|yaml|conf|rsc|c)\b/g))
        if (!existsSync(join(ROOT, found))) gone.push(`${path}: ${found}`);
    }
    expect(gone).toEqual([]);
  });

  it('speaks of the project alone', () => {
    const wrong = [...PAGES].flatMap(([path, text]) =>
      [...text.matchAll(/(?<![\w.])\/(?:work|home|root|tmp)\/|\bissues? #?\d|(?<![\w&])#\d+\b|\bTODO\b/gi)].map(
        ([found]) => `${path}: ${found}`,
      ),
    );
    expect(wrong).toEqual([]);
  });
});

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function defaultOf(option: Option): string {
  if (option.envVar === 'HERALDLB_IDENTITY' || option.envVar === 'HERALDLB_NODE_NAME') return "the host's name";
  const { negate, defaultValue, defaultValueDescription = defaultValue } = option as Option & { defaultValue: unknown };
  if (negate || (typeof defaultValueDescription !== 'string' && typeof defaultValueDescription !== 'number')) return '';
  return defaultValueDescription === '' ? '' : `\`${cell(`${defaultValueDescription}`)}\``;
}

function flagRows(command: Command): string[][] {
  return command.options
    .filter((option) => !option.hidden)
    .map((option) => [
      `\`${option.flags}\``,
      defaultOf(option),
      option.envVar === undefined ? '' : `\`${option.envVar}\``,
      [option.description, option.argChoices?.join(', ') ?? '']
        .map(cell)
        .filter((part) => part !== '')
        .join(': '),
    ]);
}

describe('docs/install.md', () => {
  it.each([
    ['controller', controllerCommand],
    ['speaker', speakerCommand],
  ])('has the flags of the %s as they are', (name, command) => {
    const expected = flagRows(command());
    expect(expected.length).toBeGreaterThan(8);
    if (process.env['UPDATE_DOCS'] !== undefined) process.stdout.write(expected.map((row) => `| ${row.join(' | ')} |\n`).join(''));
    expect(rows(section(page('docs/install.md'), `## Flags of \`heraldlb ${name}\``))).toEqual(expected);
  });
});

/** Name, type, labels and help of all that a registry serves, as rows of the page. */
async function metricRows(register: (registry: Registry) => void): Promise<string[][]> {
  const registry = new Registry();
  register(registry);
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map(({ name, type, help }) => {
    const { labelNames } = registry.getSingleMetric(name) as unknown as { readonly labelNames: readonly string[] };
    const labels = labelNames.filter((label) => label !== 'le').map((label) => `\`${label}\``);
    return [`\`${name}\``, String(type), labels.join(', '), help];
  });
}

/** A wire with nothing on it. */
const NOTHING = {
  bgp: { report: () => [] },
  bfd: { report: () => [], dropped: () => new Map() },
  layer2: {
    counters: { requests: new Map(), responses: new Map(), announcements: new Map(), drops: new Map(), conflicts: 0 },
    partings: () => 0,
    handovers: () => ({ heard: 0, timeout: 0 }),
  },
  ownership: {
    mesh: { standings: () => [], dropped: new Map(), isSigned: false },
    pulse: { stalls: 0 },
    times: { detection: {}, takeover: {} },
    takeovers: 0,
    phase: () => 'joining',
  },
  plan: () => undefined,
  report: () => ({ peers: [], bfd: [], claims: [], problems: [] }),
} as unknown as Engine;

function speakerMetrics(registry: Registry): Teller {
  registerMetrics(registry, NOTHING, () => 0);
  return new Teller({ options: { node: 'node1' }, registry } as TellerParts);
}

/** Without links. */
function plain(text: string): string {
  return text.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1');
}

const byName = (a: readonly string[], b: readonly string[]): number => (`${a[0]}` < `${b[0]}` ? -1 : 1);

describe('docs/metrics.md', () => {
  it.each([
    ['## Controller', (registry: Registry) => void createControllerMetrics(registry)],
    ['## Speaker', (registry: Registry) => void speakerMetrics(registry)],
    ['## Both: the connection to the API server', (registry: Registry) => void createKubeMetrics(registry)],
  ])('has under "%s" what is registered', async (heading, register) => {
    const expected = await metricRows(register);
    expect(expected.length).toBeGreaterThan(8);
    const documented = rows(section(page('docs/metrics.md'), heading));
    const shortened = documented.map(([name = '', type = '', labels = '', meaning = '']) => {
      const help = expected.find(([other]) => other === name)?.[3] ?? meaning;
      return [name, type, labels, plain(meaning).startsWith(help) ? help : meaning];
    });
    expect(shortened.toSorted(byName)).toEqual(expected.toSorted(byName));
  });

  it('alerts on metrics that are served', async () => {
    const all = await metricRows((registry) => {
      createControllerMetrics(registry);
      createKubeMetrics(registry);
      speakerMetrics(registry);
    });
    const served = new Set(all.map(([name = '']) => name.slice(1, -1)));
    const used = [...section(page('docs/metrics.md'), '## What to alert on').matchAll(/\b(?:metallb|heraldlb)_\w+/g)].map(([name]) => name);
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter((name) => !served.has(name))).toEqual([]);
  });
});

/** The codes of a closed union, out of the source of its type. */
function codes(file: string, type: string): string[] {
  const source = read(file).replaceAll(/\/\*\*[\s\S]*?\*\//g, '');
  const from = source.indexOf(`export type ${type} =`);
  if (from === -1) throw new Error(`${file} has no type ${type}`);
  const union = source.slice(from).split(/^(?:export|type|const|interface|function) /m)[1] ?? '';
  const members = [...union.matchAll(/reason: '(\w+)'/g)];
  return (members.length > 0 ? members : [...union.matchAll(/\| '(\w+)'/g)]).map(([, code]) => code ?? '').toSorted();
}

function headings(text: string): string[] {
  return [...text.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading ?? '').toSorted();
}

describe('docs/troubleshoot.md', () => {
  const text = page('docs/troubleshoot.md');

  it.each([
    ['## Why a Service has no address', 'src/ipam/refusal.ts', 'Refusal', 'PoolExhausted'],
    ['## Why a node does not announce', 'src/announce/eligibility.ts', 'Ineligible', 'NotOwner'],
    ['## Why a write was refused', 'src/ipam/admission.ts', 'Denial', 'TakesAddresses'],
    ['## Mistakes in the configuration', 'src/config/problem.ts', 'ProblemReason', 'OverlappingPools'],
    ['## What the wire cannot do', 'speaker/report.ts', 'WireProblem', 'CannotListen'],
  ])('has under "%s" every code of %s, and no other', (heading, file, type, known) => {
    const found = codes(file, type);
    expect(found).toContain(known);
    expect(headings(section(text, heading))).toEqual(found);
  });

  it('says something of each code', () => {
    const sections = text.split(/^### /m).slice(1);
    expect(sections.filter((part) => part.split('\n## ')[0]!.split('\n').slice(1).join(' ').trim().length < 40)).toEqual([]);
  });

  it('has every reason why a frame gets no answer', () => {
    const found = [...codes('src/layer2/dropReason.ts', 'DropReason'), ...codes('src/wire/frameFault.ts', 'FrameFault')];
    expect(found).toContain('NdpHopLimit');
    const documented = rows(section(text, '## Frames that got no answer')).map(([code = '']) => code.slice(1, -1));
    expect(documented.toSorted()).toEqual(found.toSorted());
  });

  it('has every reason why a BFD packet is not believed', () => {
    const found = [
      ...codes('src/wire/bfd.ts', 'BfdFault'),
      ...codes('src/bfd/contract.ts', 'BfdDrop'),
      ...codes('speaker/bfdRefusal.ts', 'BfdRefusal'),
    ];
    expect(found).toContain('BfdHopLimit');
    const documented = rows(section(text, '## BFD packets that were not believed')).map(([code = '']) => code.slice(1, -1));
    expect(documented.toSorted()).toEqual(found.toSorted());
  });

  it('names the loud reasons as the events do', () => {
    const loud = /LOUD = new Set<[^>]*>\(\[([^\]]*)\]/.exec(read('speaker/notices.ts'))?.[1] ?? '';
    const names = [...loud.matchAll(/'(\w+)'/g)].map(([, name]) => name ?? '');
    expect(names.length).toBeGreaterThan(0);
    const intro = section(text, '## Why a node does not announce').split('\n### ')[0] ?? '';
    const said = /`announceFailed` on the Service: ([^.]*)\./.exec(intro.replaceAll('\n', ' '))?.[1] ?? '';
    expect(said.split(/, | and /).toSorted()).toEqual(names.toSorted());
  });
});

describe('docs/standards.md', () => {
  const documented = rows(page('docs/standards.md')).map((cells) => {
    const [rfc = '', what = '', file = '', tests = ''] = cells;
    return { rfc, what, file: file.slice(1, -1), tests: tests.split(', ').map((path) => path.slice(1, -1)), cells: cells.length };
  });

  it('has every RFC that the sources cite, and no other', () => {
    const sources = ['src', 'speaker', 'controller'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
    );
    const cited = sources.filter((path) => path.endsWith('.ts')).flatMap((path) => read(path).match(/\bRFC \d{3,5}\b/g) ?? []);
    expect(documented.map(({ rfc }) => rfc).toSorted()).toEqual([...new Set(cited)].toSorted());
  });

  it('names a file that cites it', () => {
    expect(documented.filter(({ rfc, file }) => !read(file).includes(rfc))).toEqual([]);
  });

  it('says of each what is there, and which tests show it', () => {
    const isTest = (path: string): boolean => path.endsWith('.test.ts') && existsSync(join(ROOT, path));
    expect(documented.length).toBeGreaterThan(40);
    expect(documented.filter(({ what, tests, cells }) => what === '' || cells !== 5 || !tests.every(isTest))).toEqual([]);
  });
});
