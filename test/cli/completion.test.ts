import { execFileSync } from 'node:child_process';
import { Argument, Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { type Shell, completionScript } from '../../src/cli/completion/scripts.ts';
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
  it.each(['zsh', 'fish'] as const)('has every command, option and value for %s, safely quoted', (shell) => {
    const script = completionScript(shell, WORDS);
    for (const word of ['migrate', 'kube-vip', 'failover', 'exclude-interfaces', 'drain']) expect(script).toContain(word);
    expect(script).toContain("it'\\''s $HOME");
    expect(script).not.toContain('--hidden');
  });

  it.each<[Shell, string, readonly string[]]>([
    ['bash', 'bash', ['-n']],
    ['zsh', 'zsh', ['-n']],
    ['fish', 'fish', ['--no-execute']],
  ])('is a program that %s accepts, where that is installed', (shell, command, flags) => {
    const script = completionScript(shell, WORDS);
    const isThere = execFileSync('sh', ['-c', `command -v ${command} || true`], { encoding: 'utf8' }) !== '';
    const run = (): string => execFileSync(command, [...flags, '/dev/stdin'], { input: script, encoding: 'utf8' });
    if (isThere) expect(run()).toBe('');
    expect(script).toContain('heraldlb');
  });
});
