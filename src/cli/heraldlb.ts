#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { Command } from 'commander';

/**
 * The one executable. A command is loaded only when it is asked for, so that `heraldlb controller` never opens the native
 * addon and a command of the operator never loads a daemon.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  check: async () => (await import('./checkCommand.ts')).checkCommand(),
  controller: async () => (await import('../../controller/command.ts')).controllerCommand(),
  migrate: async () => (await import('./migrateCommand.ts')).migrateCommand(),
  doctor: async () => (await import('./doctorCommand.ts')).doctorCommand(),
  ping: async () => (await import('./pingCommand.ts')).pingCommand(),
  speaker: async () => (await import('../../speaker/command.ts')).speakerCommand(),
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

const program = new Command('heraldlb')
  .description('Load balancer for bare-metal Kubernetes: assigns virtual IPs and announces them by BGP, ARP and NDP')
  .version(version())
  .showHelpAfterError();

const wanted = process.argv.find((argument) => Object.hasOwn(COMMANDS, argument));
for (const [name, load] of Object.entries(COMMANDS)) {
  if (wanted === undefined || wanted === name) program.addCommand(await load());
}

await program.parseAsync();
