import type { Logger } from '../src/host/log.ts';
import type { NoteSent } from './changeTimes.ts';
import type { Clock } from './clock.ts';
import type { Deadlines } from './deadlines.ts';
import type { Hands } from './hands.ts';
import type { Recorder } from './recorder.ts';

/** What both halves of the engine work with. */
export interface EngineParts {
  readonly hands: Hands;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly random: () => number;
  readonly recorder: Recorder;
  readonly log: Logger;
  /** Something in the report is another now. */
  readonly changed: () => void;
  readonly sent?: NoteSent;
}
