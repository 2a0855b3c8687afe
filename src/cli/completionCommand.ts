import { Argument, Command } from 'commander';
import { SHELLS, type Shell, completionScript } from './completion/scripts.ts';
import { wordsOf } from './completion/words.ts';

/** `heraldlb completion`: made of the program itself, so that it is never behind it. @param program with all its commands */
export function completionCommand(program: () => Promise<Command>): Command {
  return new Command('completion')
    .description('Prints what a shell needs to complete command lines')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action(async (shell: Shell) => void process.stdout.write(completionScript(shell, wordsOf(await program()))));
}
