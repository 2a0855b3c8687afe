import { createWriteStream } from 'node:fs';
import type { Instant } from '../src/machine.ts';

/** Writes every input of the machines as one JSON line, with the time it came at; a run can be replayed from the file. */
export interface Recorder {
  readonly record: (at: Instant, machine: string, event: object) => void;
  readonly close: () => Promise<void>;
}

export const NO_RECORDER: Recorder = { record: () => undefined, close: () => Promise.resolve() };

/** A MAC key is configuration, but a recording is sent to strangers. */
const SECRET_FIELDS = new Set(['password']);

/** One line, without its newline. Bytes become `{"hex": "..."}`. */
export function recordLine(at: Instant, machine: string, event: object): string {
  return JSON.stringify({ at, machine, event }, (key, value: unknown) => {
    if (SECRET_FIELDS.has(key)) return undefined;
    return value instanceof Uint8Array ? { hex: Buffer.from(value).toString('hex') } : value;
  });
}

export interface Recorded {
  readonly at: Instant;
  readonly machine: string;
  readonly event: object;
}

/** @throws SyntaxError when `line` was not made by {@link recordLine} */
export function readRecord(line: string): Recorded {
  return JSON.parse(line, (_key, value: unknown) => {
    const isBytes = typeof value === 'object' && value !== null && 'hex' in value && typeof value.hex === 'string';
    return isBytes ? new Uint8Array(Buffer.from(value.hex as string, 'hex')) : value;
  }) as Recorded;
}

/** @param onError the disk is full, the path is wrong: recording ends, announcing goes on */
export function openRecorder(file: string, onError: (error: Error) => void): Recorder {
  const stream = createWriteStream(file, { flags: 'a' });
  let isBroken = false;
  stream.on('error', (error) => {
    isBroken = true;
    onError(error);
  });
  return {
    record: (at, machine, event) => {
      if (!isBroken) stream.write(`${recordLine(at, machine, event)}\n`);
    },
    close: () => new Promise((resolve) => (isBroken ? resolve() : stream.end(() => resolve()))),
  };
}
