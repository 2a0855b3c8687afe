import { Command, Option } from 'commander';
import { GROUP } from '../api/kind.ts';
import { checkExit, checkLines, checkManifests } from './check.ts';
import { type Manifests, readManifests } from './manifests.ts';

interface Flags {
  readonly filename: readonly string[];
  readonly apiGroup: string;
  readonly output?: 'json';
  readonly strict?: true;
}

/** `heraldlb check`. Exit code 0: nothing wrong, 1: errors, 2: wrong usage or a file that cannot be read. */
export function checkCommand(): Command {
  return new Command('check')
    .description('Validates manifests without a cluster')
    .requiredOption('-f, --filename <path...>', 'files, or directories to search')
    .addOption(new Option('--api-group <group>', 'metallb.io reads the objects of MetalLB').default(GROUP))
    .addOption(new Option('-o, --output <format>', 'instead of lines').choices(['json']))
    .option('--strict', 'warnings fail too')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action((flags: Flags) => {
      process.exitCode = runCheck(flags, (text) => process.stdout.write(`${text}\n`));
    });
}

/** @param write gets whole lines without their end @returns the exit code */
export function runCheck(flags: Flags, write: (text: string) => void): 0 | 1 | 2 {
  let manifests: Manifests;
  try {
    manifests = readManifests(flags.filename, flags.apiGroup);
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  const report = checkManifests(manifests, flags.apiGroup);
  write(flags.output === 'json' ? JSON.stringify(report, undefined, 2) : checkLines(report).join('\n'));
  return checkExit(report, flags.strict === true);
}
