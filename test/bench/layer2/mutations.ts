import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Plugin, build } from 'esbuild';
import { FOR_NODE } from '../../support/forNode.mjs';

/*
 * Breaks one rule of layer 2 after the other, and asks which of the simulator's histories notice it:
 *   node test/support/run.mjs test/bench/layer2/mutations.ts [WORD,...]
 * Each is told by the histories that CI has (test/sim/histories.ts), a minute and a half of work for all. The files stay as they are.
 */

interface Mutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  none: { file: 'speaker/pulse.ts', from: '', to: '' },
  'who stood still does not listen': {
    file: 'speaker/pulse.ts',
    from: 'if (this.#limitMs === undefined) return false;',
    to: 'if (this.#limitMs !== -1) return false;',
  },
  'who was away hands over slowly': { file: 'speaker/ownership.ts', from: 'const disowned = this.#wasAway ||', to: 'const disowned =' },
  'who is not heard does not give up': { file: 'src/layer2/liveness.ts', from: "? 'disowning' : 'dead'", to: "? 'dead' : 'dead'" },
  'nobody yields': {
    file: 'src/layer2/conflict.ts',
    from: "return before === undefined ? [{ kind: 'yield', ip, to }] : [];",
    to: 'return [];',
  },
  'nothing is said again when a session comes up': {
    file: 'speaker/ownership.ts',
    from: '    // It may have announced the same, to its own part of a segment that was cut in two.\n    this.#layer2.refresh();',
    to: '',
  },
  'who hands over does not ask': { file: 'speaker/handover.ts', from: '      this.#ask(parting.claim);\n', to: '' },
  'a drain is believed of the plan alone': { file: 'speaker/electionFacts.ts', from: '=== DRAINING_TIER', to: '=== -1' },
  'what one was told all were told': {
    file: 'src/layer2/conflict.ts',
    from: 'const told = contested.told.get(node);',
    to: 'const told = [...contested.told.values()].at(-1);',
  },
  'who is alone goes on as if it were not': {
    file: 'src/layer2/standing.ts',
    from: 'known.length > 1 && known.every',
    to: 'false && known.every',
  },
  'what was given up is lacking for ever': {
    file: 'speaker/claimPhases.ts',
    from: 'if (claim === undefined) return true;',
    to: 'if (claim === undefined) return false;',
  },
  'who comes new into a quarrel is yielded to at once': {
    file: 'src/layer2/conflict.ts',
    from: 'contested?.isSaid === true && contested.before.has(speaker.node)',
    to: 'contested?.isSaid === true',
  },
  'who was heard is believed, whatever was said since': {
    file: 'speaker/handover.ts',
    from: '    this.#heard.delete(ip);\n  }',
    to: '  }',
  },
};

const root = process.env['HERALDLB_ROOT'] ?? resolve('.');
const chosen = process.argv[2]?.split(',');
const directory = mkdtempSync(join(root, 'node_modules/.cache/mutations-'));
symlinkSync(join(root, 'speaker/native'), join(directory, 'native'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

/** The file is as it is on disk; only the bundle has the other text. */
function mutate(name: string, { file, from, to }: Mutation): Plugin {
  return {
    name: 'mutation',
    setup: (bundle) => {
      bundle.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (path !== join(root, file)) return undefined;
        const text = readFileSync(path, 'utf8');
        if (!text.includes(from)) throw new Error(`${name}: ${file} has not got ${from}`);
        return { contents: text.replace(from, to), loader: 'ts' };
      });
    },
  };
}

for (const [at, [name, mutation]] of Object.entries(MUTATIONS).entries()) {
  if (chosen?.some((each) => name.includes(each)) === false) continue;
  const outfile = join(directory, `${at}.mjs`);
  await build({
    entryPoints: [join(root, 'test/bench/layer2/noticing.ts')],
    outfile,
    ...FOR_NODE,
    define: { 'process.env.HERALDLB_ROOT': JSON.stringify(root) },
    plugins: [mutate(name, mutation)],
  });
  console.log(`${name}: ${execFileSync(process.execPath, [outfile], { encoding: 'utf8' }).trim()}`);
}
