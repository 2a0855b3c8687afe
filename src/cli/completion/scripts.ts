import type { OptionWords, Words } from './words.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What the shell reads. */
export function completionScript(shell: Shell, words: readonly Words[], name = 'heraldlb'): string {
  if (shell === 'bash') return bash(words, name);
  return shell === 'zsh' ? zsh(words, name) : fish(words, name);
}

const key = ({ path }: Words): string => path.join(' ');

/** Anything may be said in it, and nothing can end it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function candidates({ commands, options, choices }: Words): string[] {
  return [...commands.map(({ name }) => name), ...choices, ...options.flatMap(({ flags }) => flags)];
}

/** Options whose value is one of a few, or a file. */
function valued(words: Words): OptionWords[] {
  return words.options.filter(({ takesValue }) => takesValue);
}

/** What one of its options wants after it: `command option) answer ;;`. */
function valueCases(words: Words): string[] {
  return valued(words).map(({ flags, choices, isFile }) => {
    const patterns = flags.map((flag) => quoted(`${key(words)}:${flag}`)).join('|');
    const files = isFile ? 'files=1' : 'return';
    return `    ${patterns}) ${choices.length > 0 ? `words=${quoted(choices.join(' '))}` : files} ;;`;
  });
}

function bash(all: readonly Words[], name: string): string {
  const fn = `_${name.replaceAll(/\W/g, '_')}`;
  return `# bash completion of ${name}: source <(${name} completion bash)
${fn}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path= words= files= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${path:+$path }\${COMP_WORDS[i]}" in
      ${all
        .slice(1)
        .map((words) => quoted(key(words)))
        .join('|')}) path="\${path:+$path }\${COMP_WORDS[i]}" ;;
    esac
  done
  COMPREPLY=()
  case "$path:$previous" in
${all.flatMap(valueCases).join('\n')}
    *)
      case "$path" in
${all.map((words) => `        ${quoted(key(words))}) words=${quoted(candidates(words).join(' '))} ;;`).join('\n')}
      esac ;;
  esac
  if [[ -n $files ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}
complete -F ${fn} ${name}
`;
}

/** With what each is for, as zsh shows it. */
function described({ commands, options, choices }: Words): string[] {
  return [
    ...commands.map((each) => quoted(`${each.name}:${each.description}`)),
    ...choices.map(quoted),
    ...options.flatMap(({ flags, description }) => flags.map((flag) => quoted(`${flag}:${description}`))),
  ];
}

function zsh(all: readonly Words[], name: string): string {
  const fn = `_${name.replaceAll(/\W/g, '_')}`;
  const values = all.flatMap((words) =>
    valued(words).map(({ flags, choices, isFile }) => {
      const patterns = flags.map((flag) => quoted(`${key(words)}:${flag}`)).join('|');
      const files = isFile ? '_files' : 'true';
      return `    ${patterns}) ${choices.length > 0 ? `compadd -- ${choices.map(quoted).join(' ')}` : files}; return ;;`;
    }),
  );
  return `#compdef ${name}
# zsh completion of ${name}: source <(${name} completion zsh)
${fn}() {
  local place= word
  local -a offered
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${place:+$place }$word" in
      ${all
        .slice(1)
        .map((words) => quoted(key(words)))
        .join('|')}) place="\${place:+$place }$word" ;;
    esac
  done
  case "$place:\${words[CURRENT-1]}" in
${values.join('\n')}
  esac
  case "$place" in
${all.map((words) => `    ${quoted(key(words))}) offered=(${described(words).join(' ')}) ;;`).join('\n')}
  esac
  _describe ${quoted(name)} offered
}
compdef ${fn} ${name}
`;
}

function fish(all: readonly Words[], name: string): string {
  const lines = all.flatMap((words) => {
    const seen = words.path.map((part) => `__fish_seen_subcommand_from ${part}`);
    const none =
      words.commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${words.commands.map((each) => each.name).join(' ')}`];
    const when = quoted([...seen, ...none].join('; and ') || 'true');
    return [
      ...words.commands.map((each) => `complete -c ${name} -f -n ${when} -a ${each.name} -d ${quoted(each.description)}`),
      ...(words.choices.length === 0 ? [] : [`complete -c ${name} -f -n ${when} -a ${quoted(words.choices.join(' '))}`]),
      ...words.options.map((option) => `complete -c ${name} -n ${when} ${fishOption(option)}`),
    ];
  });
  return `# fish completion of ${name}: ${name} completion fish | source\n${lines.join('\n')}\n`;
}

function fishOption({ flags, description, takesValue, choices, isFile }: OptionWords): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const value = takesValue
    ? ['-r', ...(isFile ? ['-F'] : ['-f']), ...(choices.length === 0 ? [] : [`-a ${quoted(choices.join(' '))}`])]
    : [];
  return [...names, ...value, `-d ${quoted(description)}`].join(' ');
}
