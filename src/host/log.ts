import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger };

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const COLOURS: Readonly<Record<string, string>> = { trace: '90', debug: '90', info: '32', warn: '33', error: '31', fatal: '35' };
/** Fields of every line that say nothing to a person at a terminal. */
const NOT_SHOWN = new Set(['level', 'time', 'msg', 'name', 'pid', 'hostname']);

interface Line {
  readonly level?: string;
  readonly time?: number | string;
  readonly msg?: string;
  readonly name?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
}

function fieldText(value: unknown): string {
  return typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value);
}

/** One JSON log line as `12:34:56.789 INFO  name  message  key=value`. A line that is no JSON stays as it is. */
export function readableLine(json: string): string {
  let line: Line;
  try {
    line = JSON.parse(json) as Line;
  } catch {
    return json;
  }
  const level = line.level ?? 'info';
  const time = new Date(line.time ?? 0).toISOString().slice(11, 23);
  const fields = Object.entries(line)
    .filter(([key]) => !NOT_SHOWN.has(key) && key !== 'err')
    .map(([key, value]) => `\u001B[90m${key}=\u001B[0m${fieldText(value)}`);
  if (line.err !== undefined) fields.push(`\u001B[31m${line.err.message ?? ''}\u001B[0m`);
  const stack = level === 'fatal' && line.err?.stack !== undefined ? `\n${line.err.stack}` : '';
  const label = `\u001B[${COLOURS[level] ?? '0'}m${level.toUpperCase().padEnd(5)}\u001B[0m`;
  return `${[time, label, line.name, line.msg, ...fields].filter((part) => part !== undefined).join(' ')}${stack}\n`;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly name: string;
  /** Default: standard output, readable when it is a terminal. */
  readonly destination?: DestinationStream;
}

/** JSON lines, or readable ones at a terminal. */
export function createLogger({ level, name, destination }: LoggerOptions): Logger {
  const readable: DestinationStream = { write: (json) => process.stdout.write(readableLine(json)) };
  const stream = destination ?? (process.stdout.isTTY ? readable : process.stdout);
  const options = { level, name, base: {}, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: levelLabel } };
  return pino(options, stream);
}

function levelLabel(label: string): object {
  return { level: label };
}
