import { Option } from 'commander';
import { KubeError } from '../host/kube/kubeError.ts';
import { docsOfUnread, unreadReason } from '../view/unread.ts';

export interface OutputFlags {
  readonly output?: 'json';
}

/** Every command of the operator has it. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'instead of text').choices(['json']);
}

/** @param value what `-o json` prints @param lines the same for people, made only when asked for */
export function print({ output }: OutputFlags, value: unknown, lines: () => readonly string[]): void {
  process.stdout.write(`${output === 'json' ? JSON.stringify(value, undefined, 2) : lines().join('\n')}\n`);
}

/**
 * Runs the body of a command and makes its exit code: what the body answers (0 all is well, 1 something is not, as the
 * command says), or 2 with one line on stderr when it could not be done at all.
 */
export async function exitWith(body: () => Promise<0 | 1>): Promise<void> {
  try {
    process.exitCode = await body();
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}${codeOf(error)}\n`);
    process.exitCode = 2;
  }
}

/** What the API server did not give has the code that the controller has for it. An object that is not there may be any. */
function codeOf(error: unknown): string {
  if (!(error instanceof KubeError) || error.status === 404) return '';
  const reason = unreadReason(error.status);
  return reason === 'NotRead' ? '' : `: ${reason} (${docsOfUnread(reason)})`;
}
