import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, it } from 'vitest';

/** What a test cannot do without: `root`, `netns`, `file:PATH`, `command:NAME`, or a check of one's own with its reason. */
export type Need = 'root' | 'netns' | `command:${string}` | `file:${string}` | { readonly reason: string; readonly met: boolean };

/**
 * `describe` for tests that need something of the machine. Where it is missing the tests are skipped and say loudly why; in
 * CI that is a failure, because a test that never runs proves nothing.
 */
export function need(...needs: readonly Need[]): { readonly met: boolean; describe(name: string, body: () => void): void } {
  const missing = needs.flatMap(reasonWhenMissing);
  return {
    met: missing.length === 0,
    describe(name, body) {
      if (missing.length === 0) {
        describe(name, body);
        return;
      }
      const why = `${name}: not run, ${missing.join(', ')}`;
      process.stderr.write(`\nSKIPPED  ${why}\n`);
      describe(name, () => {
        if (process.env['CI'] === undefined) it.skip(why, () => {});
        else
          it(why, () => {
            throw new Error(why);
          });
      });
    },
  };
}

function reasonWhenMissing(need: Need): string[] {
  if (typeof need === 'object') return need.met ? [] : [need.reason];
  if (need === 'root') return process.getuid?.() === 0 ? [] : ['it needs root'];
  if (need === 'netns') return works('ip', ['netns', 'list']) && process.getuid?.() === 0 ? [] : ['it needs network namespaces'];
  if (need.startsWith('file:')) return existsSync(need.slice(5)) ? [] : [`there is no ${need.slice(5)}`];
  const command = need.slice('command:'.length);
  return works('sh', ['-c', `command -v ${command}`]) ? [] : [`the command ${command} is not installed`];
}

function works(command: string, words: readonly string[]): boolean {
  try {
    execFileSync(command, words, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
