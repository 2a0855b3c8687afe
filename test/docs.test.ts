import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Command, Option } from 'commander';
import type { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { controllerCommand } from '../controller/command.ts';
import { speakerCommand } from '../speaker/command.ts';
import { CONFIG_KINDS, type RawObjects, parseConfig } from '../src/config/parse.ts';
import { documents } from './support/apiClient.ts';
import { described, everyMetric, registerController, registerKube, registerSpeaker } from './support/metricNames.ts';

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
  const seen = new Map<string, number>();
  return new Set(
    headings.map((heading) => {
      const anchor = heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-');
      const before = seen.get(anchor) ?? 0;
      seen.set(anchor, before + 1);
      return before === 0 ? anchor : `${anchor}-${before}`;
    }),
  );
}

/** Of kubectl, helm, docker and others that a page has a line for. */
const FOREIGN_FLAGS = [
  '--platform',
  '--push',
  '--image',
  '--port',
  '--type',
  '--target-port',
  '--tail',
  '--set',
  '--dry-run',
  '--disable',
  '--from-literal',
];

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

  it('is found from the README, at once or by one page in between', () => {
    const linked = (path: string): string[] =>
      [...prose(page(path)).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
        .map(([, target = '']) => relative(ROOT, resolve(ROOT, dirname(path), target)))
        .filter((target) => PAGES.has(target));
    const first = linked('README.md');
    const found = new Set(['README.md', ...first, ...first.flatMap(linked)]);
    // The decisions are a folder of their own.
    expect([...PAGES.keys()].filter((path) => !found.has(path) && !path.startsWith('docs/decisions/'))).toEqual([]);
  });

  it('names only flags that there are', () => {
    const flags = [controllerCommand(), speakerCommand()].flatMap((command) => command.options.map(({ long }) => long ?? ''));
    const known = new Set([...flags, ...FOREIGN_FLAGS]);
    const told = [
      'docs/install.md',
      'docs/layer2.md',
      'docs/bgp.md',
      'docs/networks.md',
      'docs/security.md',
      'docs/scale.md',
      'docs/faq.md',
    ];
    const wrong = told.flatMap((path) =>
      [...page(path).matchAll(/(?<![\w-])--[a-z][a-z0-9-]+/g)].flatMap(([flag]) => (known.has(flag) ? [] : [`${path}: ${flag}`])),
    );
    expect(wrong).toEqual([]);
  });

  it('is what an alert leads to', () => {
    const runbooks = [...read('manifests/dashboards/rules.yaml').matchAll(/^ +runbook: (\S+)$/gm)].map(([, runbook = '']) => runbook);
    expect(runbooks.length).toBeGreaterThan(10);
    const broken = runbooks.filter((runbook) => {
      const [path = '', anchor] = runbook.split('#');
      return !PAGES.has(path) || (anchor !== undefined && !anchors(page(path)).has(anchor));
    });
    expect(broken).toEqual([]);
  });

  it('names only metrics that are served', async () => {
    const served = new Set((await everyMetric()).flatMap(({ name }) => [name, `${name}_bucket`]));
    const wrong = [...PAGES]
      // The names of before; and of MetalLB's those that are not served.
      .filter(([path]) => path !== 'docs/upgrade.md' && path !== 'docs/metrics.md')
      .flatMap(([path, text]) => [...text.matchAll(/(?<![\w./])(?:heraldlb|metallb|frrk8s)_[a-z]\w+/g)].map(([name]) => ({ path, name })))
      .filter(({ name }) => !served.has(name));
    expect(wrong).toEqual([]);
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
  const metrics = await described(register);
  return metrics.map(({ name, type, help, labels }) => [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), help]);
}

/** Without links. */
function plain(text: string): string {
  return text.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1');
}

const byName = (a: readonly string[], b: readonly string[]): number => (`${a[0]}` < `${b[0]}` ? -1 : 1);

describe('docs/metrics.md', () => {
  it.each([
    ['## Controller', (registry: Registry) => registerController(registry, false)],
    ['## Speaker', (registry: Registry) => registerSpeaker(registry, false)],
    ['## Both: the connection to the API server', registerKube],
  ])('has under "%s" what is registered', async (heading, register) => {
    const expected = await metricRows(register);
    expect(expected.length).toBeGreaterThan(7);
    const documented = rows(section(page('docs/metrics.md'), heading));
    const shortened = documented.map(([name = '', type = '', labels = '', meaning = '']) => {
      const help = expected.find(([other]) => other === name)?.[3] ?? meaning;
      return [name, type, labels, plain(meaning).startsWith(help) ? help : meaning];
    });
    expect(shortened.toSorted(byName)).toEqual(expected.toSorted(byName));
  });

  it('has every alert of the rules, with its severity', () => {
    const { groups } = parse(read('manifests/dashboards/rules.yaml')) as {
      groups: { rules: { alert: string; labels: { severity: string } }[] }[];
    };
    const rules = groups.flatMap((group) => group.rules).map(({ alert, labels }) => [`\`${alert}\``, labels.severity]);
    const table = rows(section(page('docs/metrics.md'), '## What to alert on'));
    expect(table.map((cells) => cells.slice(0, 2))).toEqual(rules);
    expect(table.filter(([, , when = '']) => when.length < 10)).toEqual([]);
  });

  it("has every name of MetalLB's that is served, and what it is here", async () => {
    const both = async (metallb: boolean): Promise<string[]> => {
      const controller = await metricRows((registry) => registerController(registry, metallb));
      const speaker = await metricRows((registry) => registerSpeaker(registry, metallb));
      return [...controller, ...speaker].map(([name = '']) => name.slice(1, -1));
    };
    const own = new Set(await both(false));
    expect([...own].filter((name) => !name.startsWith('heraldlb_'))).toEqual([]);
    const served = (await both(true)).filter((name) => !own.has(name));
    const table = rows(section(page('docs/metrics.md'), "## MetalLB's names"));
    const documented = table.map(([name = '']) => name.slice(1, -1));
    const [frrk8s, metallb] = [served.filter((name) => name.startsWith('frrk8s_')), served.filter((name) => !name.startsWith('frrk8s_'))];
    expect(metallb.toSorted()).toEqual(documented.toSorted());
    const ofRouting = documented.filter((name) => /^metallb_(bgp|bfd)_/.test(name));
    expect(frrk8s.toSorted()).toEqual(ofRouting.map((name) => name.replace('metallb_', 'frrk8s_')).toSorted());
    const named = table.flatMap(([, here = '']) => [...here.matchAll(/`(heraldlb_\w+)`/g)].map(([, name = '']) => name));
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((name) => !own.has(name))).toEqual([]);
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
    ['## Why a session is not up', 'src/view/sessionTrouble.ts', 'SessionReason', 'BadPeerAs'],
    ['## What explain adds', 'src/view/explainReason.ts', 'ExplainFacts', 'SpeakerNotRunning'],
    ['## What the looking glass finds', 'src/glass/problem.ts', 'GlassReason', 'TwoOwners'],
    ['## What doctor finds', 'src/cli/doctor/contract.ts', 'OwnReason', 'StrictArpOff'],
    ['## What a migration does not carry over', 'src/cli/migrate/contract.ts', 'MigrationReason', 'AddressNotKept'],
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
  const MATRIX = '## What is shown against other daemons';
  const rfcs = page('docs/standards.md').split(`\n${MATRIX}\n`)[0] ?? '';
  const documented = rows(rfcs).map((cells) => {
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

  it('has a test, or a reason why there is none, in every cell of the interop matrix', () => {
    const matrix = rows(section(page('docs/standards.md'), MATRIX));
    const isFilled = (text: string): boolean => /^no: \w/.test(text) || existsSync(join(ROOT, `test/interop/${text}.test.ts`));
    expect(matrix.map(([daemon]) => daemon?.split(' ')[0])).toEqual(['FRR', 'BIRD', 'GoBGP', 'ExaBGP', 'OpenBGPD']);
    expect(matrix.filter(([, ...cells]) => cells.length !== 13 || !cells.every(isFilled))).toEqual([]);
  });
});

describe('README.md', () => {
  it('has five commands from nothing to a Service that is reached', () => {
    const [, install = ''] = /\n((?: {4}.+\n)+)/.exec(section(page('README.md'), '## Install on a cluster')) ?? [];
    const commands = install.split('\n').filter((line) => line.trim() !== '');
    expect(commands.length).toBeLessThanOrEqual(5);
    expect(commands.at(-1)).toContain('curl http://');
  });

  it.each(readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md')))('leads to docs/%s', (name) => {
    const linked = name === 'benchmarks.md' ? page('docs/scale.md') : page('README.md');
    expect(linked).toContain(`${name === 'benchmarks.md' ? '' : 'docs/'}${name})`);
  });
});

/** What `kubectl apply -f - <<END` gets, and blocks of YAML. */
function manifestsIn(text: string): string[] {
  const typed = [...text.matchAll(/<<END\n([\s\S]*?)\n {4}END$/gm)].map(([, block = '']) => block.replaceAll(/^ {4}/gm, ''));
  return [...typed, ...[...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)];
}

describe('the manifests to copy', () => {
  it.each(['README.md', 'docs/layer2.md', 'docs/bgp.md'])('in %s have no problem', (path) => {
    const blocks = manifestsIn(page(path));
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) {
      const objects = documents(block);
      expect(objects.length).toBeGreaterThan(1);
      const raw = Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, objects.filter((object) => object.kind === kind)]));
      expect(parseConfig(raw as unknown as RawObjects, { generation: 1 }).problems).toEqual([]);
    }
  });
});

describe('the commands', () => {
  const names = [...read('src/cli/heraldlb.ts').matchAll(/^ {2}(\w+): async \(\) =>/gm)].map(([, name = '']) => name);

  it.each(['docs/commands.md', 'CHANGELOG.md'])('are all named in %s', (path) => {
    expect(names).toEqual(expect.arrayContaining(['controller', 'speaker', 'explain', 'version']));
    const code = [...read(path).matchAll(/`([^`\n]+)`/g)].map(([, words = '']) => words.split(' '));
    expect(names.filter((name) => !code.some(([first, second]) => first === name || (first === 'heraldlb' && second === name)))).toEqual(
      [],
    );
  });

  it.each(names.filter((name) => name !== 'controller' && name !== 'speaker'))('has %s a section of its own', (name) => {
    const own = [...page('docs/commands.md').matchAll(/^## (.+)$/gm)].flatMap(([, heading = '']) => heading.split(', '));
    expect(own.filter((heading) => new RegExp(`^heraldlb ${name}\\b`).test(heading))).toHaveLength(1);
  });
});

describe('docs/networks.md', () => {
  it.each(['iptables', 'nftables', 'IPVS', 'Cilium', 'Calico', 'port 179', 'strictARP', 'rp_filter'])('speaks of %s', (word) => {
    expect(page('docs/networks.md').toLowerCase()).toContain(word.toLowerCase());
  });
});

describe('docs/security.md', () => {
  it('has the capabilities of the speaker as the manifest has them', () => {
    const added = /add: \[([^\]]+)\]/.exec(read('manifests/base/speaker.yaml'))?.[1] ?? '';
    expect(added.split(', ').length).toBeGreaterThan(2);
    for (const capability of added.split(', ')) expect(page('docs/security.md')).toContain(capability);
  });
});
