import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { completionScript } from '../../src/cli/completion/scripts.ts';
import { wordsOf } from '../../src/cli/completion/words.ts';
import { doctorCommand } from '../../src/cli/doctorCommand.ts';
import { drillCommand } from '../../src/cli/drillCommand.ts';
import { migrateCommand } from '../../src/cli/migrateCommand.ts';
import { need } from '../support/need.ts';

const program = new Command('heraldlb')
  .addCommand(migrateCommand())
  .addCommand(doctorCommand())
  .addCommand(drillCommand())
  .addCommand(
    new Command('odd')
      .description('it\'s $HOME; `x` \\ "y"')
      .addArgument(new Argument('<a>').choices(['one', 'two']))
      .addOption(new Option('--hidden').hideHelp()),
  );
const WORDS = wordsOf(program);

/** What bash would offer for a command line, the last word being begun. */
function complete(...line: readonly string[]): string[] {
  const script = `${completionScript('bash', WORDS)}
COMP_WORDS=(heraldlb "$@"); COMP_CWORD=$#
_heraldlb
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['-c', script, 'bash', ...line], { encoding: 'utf8', cwd: new URL('../../', import.meta.url).pathname });
  return out.split('\n').filter((word) => word !== '');
}

need('command:bash').describe('heraldlb completion bash', () => {
  it.each([
    [['mi'], ['migrate']],
    [['d'], ['doctor', 'drill']],
    [['migrate', 'k'], ['kube-vip']],
    [['migrate', ''], expect.arrayContaining(['metallb', 'kube-vip', 'cilium', 'purelb', '--filename', '-d'])],
    [['migrate', 'cilium', '-o', ''], ['json']],
    [['migrate', 'cilium', '--api-group', ''], []],
    [['migrate', '-f', 'pack'], expect.arrayContaining(['package.json'])],
    [['drill', 'f'], ['failover']],
    [['drill', 'failover', '--mo'], ['--mode']],
    [['drill', 'failover', '--mode', ''], ['drain']],
    [
      ['doctor', '--no-'],
      ['--no-cluster', '--no-probes'],
    ],
    [['odd', '--h'], []],
  ])('offers for %j what can stand there', (line, expected) => {
    expect(complete(...line)).toEqual(expected);
  });
});

describe('heraldlb completion', () => {
  it.each(['bash', 'zsh', 'fish'])('knows for %s all commands that the program has', (shell) => {
    const root = new URL('../../', import.meta.url).pathname;
    const run = (...words: string[]): string =>
      execFileSync(process.execPath, ['test/support/run.mjs', 'src/cli/heraldlb.ts', ...words], { encoding: 'utf8', cwd: root });
    const names = [...run('--help').matchAll(/^ {2}([a-z]+) /gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
    expect(names.length).toBeGreaterThan(19);
    const known = new Set(run('completion', shell).match(/[\w-]+/g));
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  it.each(['zsh', 'fish'] as const)('has every command, option and value for %s, safely quoted', (shell) => {
    const script = completionScript(shell, WORDS);
    for (const word of ['migrate', 'kube-vip', 'failover', 'exclude-interfaces', 'drain']) expect(script).toContain(word);
    expect(script).toContain("it'\\''s $HOME");
    expect(script).not.toContain('--hidden');
  });
});

for (const [shell, flag] of [
  ['bash', '-n'],
  ['zsh', '-n'],
  ['fish', '--no-execute'],
] as const) {
  // zsh and fish are on few machines; where they are, they are asked.
  const isThere = execFileSync('sh', ['-c', `command -v ${shell} || true`], { encoding: 'utf8' }) !== '';
  if (!isThere) continue;
  it(`${shell} accepts its script`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'hlb-completion-'));
    const file = join(directory, 'script');
    writeFileSync(file, completionScript(shell, WORDS));
    expect(execFileSync(shell, [flag, file], { encoding: 'utf8' })).toBe('');
    rmSync(directory, { recursive: true });
  });
}
