import type { Command } from 'commander';
import { compareWorlds } from '../view/compare.ts';
import { worldWithout } from '../view/world.ts';
import { comparisonLines } from './comparisonLines.ts';
import { print } from './output.ts';
import { type ViewFlags, lookAt, noSuchNode, viewCommand } from './viewCommand.ts';

interface Flags extends ViewFlags {
  readonly without: readonly string[];
}

/** `heraldlb simulate --without NODE...`. Exit code 0: every Service is still announced, 1: one goes dark. */
export function simulateCommand(): Command {
  return viewCommand('simulate', 'Says who would announce what if nodes were gone, with all that runs on them; changes nothing')
    .requiredOption('--without <node...>', 'names of nodes')
    .action((flags: Flags) =>
      lookAt(flags, ({ world }) => {
        const known = new Set(world.nodes.map(({ name }) => name));
        const unknown = flags.without.filter((name) => !known.has(name));
        if (unknown.length > 0) throw new Error(noSuchNode(unknown, known));
        const comparison = compareWorlds(world, worldWithout(world, flags.without));
        // The sessions and routes of what is gone go with it: that is no news.
        const gone = new Set(flags.without);
        const told = {
          ...comparison,
          routes: comparison.routes.filter(({ node }) => !gone.has(node)),
          sessions: comparison.sessions.filter(({ node }) => !gone.has(node)),
        };
        print(flags, { without: flags.without, ...told }, () => [`Without ${flags.without.join(', ')}:`, ...comparisonLines(told)]);
        return comparison.dark.length === 0 ? 0 : 1;
      }),
    );
}
