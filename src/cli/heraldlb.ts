#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { Command, type CommanderError } from 'commander';

/**
 * The one executable. A command is loaded only when it is asked for, so that `heraldlb controller` never opens the native
 * addon and a command of the operator never loads a daemon.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  check: async () => (await import('./checkCommand.ts')).checkCommand(),
  completion: async () => (await import('./completionCommand.ts')).completionCommand(wholeProgram),
  controller: async () => (await import('../../controller/command.ts')).controllerCommand(),
  doctor: async () => (await import('./doctorCommand.ts')).doctorCommand(),
  drain: async () => (await import('./drainCommand.ts')).drainCommand(),
  drill: async () => (await import('./drillCommand.ts')).drillCommand(),
  explain: async () => (await import('./explainCommand.ts')).explainCommand(),
  lab: async () => (await import('./labCommand.ts')).labCommand(),
  migrate: async () => (await import('./migrateCommand.ts')).migrateCommand(),
  peers: async () => (await import('./listCommands.ts')).peersCommand(),
  ping: async () => (await import('./pingCommand.ts')).pingCommand(),
  plan: async () => (await import('./planCommand.ts')).planCommand(),
  pools: async () => (await import('./listCommands.ts')).poolsCommand(),
  routes: async () => (await import('./listCommands.ts')).routesCommand(),
  simulate: async () => (await import('./simulateCommand.ts')).simulateCommand(),
  speaker: async () => (await import('../../speaker/command.ts')).speakerCommand(),
  status: async () => (await import('./statusCommand.ts')).statusCommand(),
  undrain: async () => (await import('./drainCommand.ts')).undrainCommand(),
  version: async () => (await import('./versionCommand.ts')).versionCommand(version()),
  vips: async () => (await import('./listCommands.ts')).vipsCommand(),
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
    .showHelpAfterError()
    .exitOverride(usage);
}

/** Wrong usage is 2 here, as it is of every command: 1 is an answer. */
function usage(error: CommanderError): never {
  return process.exit(error.exitCode === 0 ? 0 : 2);
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
