#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { Command } from 'commander';

/**
 * The one executable. A command is loaded only when it is asked for, so that `heraldlb controller` never opens the native
 * addon and a command of the operator never loads a daemon.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  check: async () => (await import('./checkCommand.ts')).checkCommand(),
  completion: async () => (await import('./completionCommand.ts')).completionCommand(wholeProgram),
  controller: async () => (await import('../../controller/command.ts')).controllerCommand(),
  doctor: async () => (await import('./doctorCommand.ts')).doctorCommand(),
  drill: async () => (await import('./drillCommand.ts')).drillCommand(),
  lab: async () => (await import('./labCommand.ts')).labCommand(),
  migrate: async () => (await import('./migrateCommand.ts')).migrateCommand(),
  ping: async () => (await import('./pingCommand.ts')).pingCommand(),
  speaker: async () => (await import('../../speaker/command.ts')).speakerCommand(),
  version: async () => (await import('./versionCommand.ts')).versionCommand(version()),
};

/** The manifest is beside the bundle in the image, above `dist/` in a checkout. */
function version(): string {
  const found = ['./package.json', '../../package.json', '../../../package.json']
    .map((path) => new URL(path, import.meta.url))
    .find((url) => existsSync(url));
  if (found === undefined) return 'unknown';
  const manifest: unknown = JSON.parse(readFileSync(found, 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
}

function bare(): Command {
  return new Command('heraldlb')
    .description('Load balancer for bare-metal Kubernetes: assigns virtual IPs to Services and announces them by BGP, ARP and NDP')
    .version(version())
    .showHelpAfterError();
}

/** With every command, for those that speak of them all. */
async function wholeProgram(): Promise<Command> {
  const whole = bare();
  for (const load of Object.values(COMMANDS)) whole.addCommand(await load());
  return whole;
}

const program = bare();
const wanted = process.argv.find((argument) => Object.hasOwn(COMMANDS, argument));
for (const [name, load] of Object.entries(COMMANDS)) {
  if (wanted === undefined || wanted === name) program.addCommand(await load());
}

await program.parseAsync();
