import type { Command } from 'commander';
import { Judge } from '../view/judgement.ts';
import { statusOf } from '../view/status.ts';
import { print } from './output.ts';
import { statusLines } from './statusLines.ts';
import { type ViewFlags, lookAt, viewCommand } from './viewCommand.ts';

/** `heraldlb status`. Exit code 0: no problems, 1: some. */
export function statusCommand(): Command {
  return viewCommand('status', 'Shows the whole installation on one screen, problems first').action((flags: ViewFlags) =>
    lookAt(flags, (cluster) => {
      const status = statusOf(cluster, new Judge(cluster));
      print(flags, status, () => statusLines(status, cluster.nowMs));
      return status.problems.length === 0 ? 0 : 1;
    }),
  );
}
