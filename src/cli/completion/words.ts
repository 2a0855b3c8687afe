import type { Command, Option } from 'commander';

/** What may follow on the command line, below one command. */
export interface Words {
  /** `heraldlb drill failover`, without the program: [`drill`, `failover`]. */
  readonly path: readonly string[];
  readonly description: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionWords[];
  /** Values of the first argument. */
  readonly choices: readonly string[];
}

export interface OptionWords {
  /** `-f`, `--filename`. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  /** Its value is a file or a directory. */
  readonly isFile: boolean;
}

/** The whole tree, as the program has it at this moment. */
export function wordsOf(command: Command, path: readonly string[] = []): Words[] {
  // One that is not for people has no description.
  const shown = command.commands.filter((below) => below.description() !== '');
  const commands = shown.map((below) => ({ name: below.name(), description: below.description() }));
  const own: Words = {
    path,
    description: command.description(),
    commands,
    options: command.options.filter(({ hidden }) => !hidden).map(optionWords),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [own, ...shown.flatMap((below) => wordsOf(below, [...path, below.name()]))];
}

function optionWords({ short, long, description, required, optional, argChoices, flags }: Option): OptionWords {
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    description,
    takesValue: required || optional,
    choices: argChoices ?? [],
    isFile: /<(path|file|directory)/.test(flags),
  };
}
