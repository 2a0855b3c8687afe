import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command } from 'commander';
import { withCluster, withClusterOptions, type ClusterFlags } from './clusterAccess.ts';
import { manifestFiles, parseManifest } from './manifests.ts';
import { type Migration, SOURCES, type Source } from './migrate/contract.ts';
import { migrate } from './migrate/migrate.ts';
import { editCommands, manifestText, reportLines } from './migrate/report.ts';
import { readCluster } from './migrate/sourceCluster.ts';
import { type OutputFlags, exitWith, outputOption } from './output.ts';

interface Flags extends ClusterFlags, OutputFlags {
  readonly filename?: readonly string[];
  readonly sourceNamespace?: string;
  readonly directory?: string;
}

/** `heraldlb migrate`. Exit code 0: all can be applied, 1: something has to be settled first, 2: it could not be done. */
export function migrateCommand(): Command {
  const command = new Command('migrate')
    .description('Writes what another load balancer is configured with as objects of HeraldLB, and says what cannot be carried over')
    .addArgument(new Argument('<from>').choices(SOURCES))
    .option('-f, --filename <path...>', 'files or directories with the objects, Services too; default: the live cluster')
    .option('--source-namespace <name>', 'where the other system is; default: where it usually is')
    .option('-d, --directory <path>', 'write manifests.yaml and services.sh there instead of stdout')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .addOption(outputOption());
  return withClusterOptions(command).action((from: Source, flags: Flags) => exitWith(() => runMigrate(from, flags, process)));
}

interface Streams {
  readonly stdout: { readonly write: (text: string) => unknown };
  readonly stderr: { readonly write: (text: string) => unknown };
}

/** Manifests go to stdout, so that they can be piped, and what there is to say to stderr. */
export async function runMigrate(from: Source, flags: Flags, { stdout, stderr }: Streams): Promise<0 | 1> {
  const objects =
    flags.filename === undefined
      ? await withCluster(flags, (client) => readCluster(client, from, flags.sourceNamespace))
      : readObjects(flags.filename);
  const migration = migrate(from, objects, flags.namespace);
  if (flags.directory !== undefined) writeDirectory(flags.directory, migration);
  if (flags.output === 'json') stdout.write(`${JSON.stringify(migration, undefined, 2)}\n`);
  else if (flags.directory === undefined) stdout.write(manifestText(migration.manifests));
  if (flags.output !== 'json') stderr.write(`${reportLines(migration).join('\n')}\n`);
  return migration.losses.some(({ severity }) => severity === 'error') ? 1 : 0;
}

/** @throws when one cannot be read or is no YAML: half of a configuration is worse than none */
function readObjects(paths: readonly string[]): unknown[] {
  const files = [...new Set(paths.flatMap(manifestFiles))];
  return files.flatMap((file) => {
    const { values, faults } = parseManifest(file, readFileSync(file, 'utf8'));
    const [fault] = faults;
    if (fault !== undefined) throw new Error(`${fault.file}:${fault.line}:${fault.column}: ${fault.message}`);
    return values;
  });
}

function writeDirectory(directory: string, { manifests, edits }: Migration): void {
  mkdirSync(directory, { recursive: true });
  // Passwords may be among them.
  writeFileSync(join(directory, 'manifests.yaml'), manifestText(manifests), { mode: 0o600 });
  const commands = edits.flatMap(editCommands);
  writeFileSync(join(directory, 'services.sh'), ['#!/bin/sh', 'set -e', ...commands, ''].join('\n'), { mode: 0o755 });
}
