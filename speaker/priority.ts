import { constants, setPriority } from 'node:os';
import { addon } from './native/addon.ts';

/** On Linux a thread has a priority of its own, and 0 means the thread that asks. */
const THIS_THREAD = 0;
const HIGHEST = constants.priority.PRIORITY_HIGHEST;

const SCHED_RR = 2;
const LEAST_OF_REAL_TIME = 1;

/**
 * The thread of the wire goes before others: a BFD packet that waits 150 ms for a busy core is a dead node to a router. What it
 * does takes little time. Real time holds across control groups, where a nice value says nothing; threads that begin later are
 * ordinary ones.
 * @returns whether it is so; without the capability SYS_NICE everything stays as it is
 */
export function goFirst(): boolean {
  return succeeds(() => addon().setScheduler(SCHED_RR, LEAST_OF_REAL_TIME)) || succeeds(() => setPriority(THIS_THREAD, HIGHEST));
}

/** For a thread that was begun by one that goes first: its work is long, and can wait. */
export function goLikeOthers(): void {
  // Where this fails it has a lower one already, which only the administrator may lift.
  succeeds(() => setPriority(THIS_THREAD, constants.priority.PRIORITY_NORMAL));
}

function succeeds(change: () => unknown): boolean {
  try {
    change();
    return true;
  } catch {
    return false;
  }
}
