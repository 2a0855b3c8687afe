import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One line of a speaker's log, in milliseconds of wall time: all speakers of a lab, and who watches them, have the same clock. */
export interface LogEntry {
  readonly at: number;
  readonly node: string;
  readonly text: string;
}

/** What the speakers of a lab have written, in order of time. */
export function speakerLogs(directory: string, nodes: readonly string[]): LogEntry[] {
  const entries = nodes.flatMap((node) => linesOf(join(directory, `speaker-${node}.log`)).flatMap((line) => entryOf(node, line)));
  return entries.toSorted((a, b) => a.at - b.at);
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function entryOf(node: string, line: string): LogEntry[] {
  try {
    const {
      time,
      msg,
      level: _level,
      name: _name,
      ...facts
    } = JSON.parse(line) as { time: string; msg: string; level: string; name: string };
    return [{ at: Date.parse(time), node, text: `${msg} ${JSON.stringify(facts)}` }];
  } catch {
    // Not a line of the log: something that was printed as it ended.
    return [];
  }
}
