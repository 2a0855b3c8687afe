import { constants, setPriority } from 'node:os';

/** On Linux a thread has a priority of its own, and 0 means the thread that asks. */
const THIS_THREAD = 0;

/**
 * The thread of the wire goes before others: a BFD packet that waits 150 ms for a busy core is a dead node to a router. What it
 * does takes little time.
 * @returns whether it is so; without the capability SYS_NICE everything stays as it is
 */
export function goFirst(): boolean {
  try {
    setPriority(THIS_THREAD, constants.priority.PRIORITY_HIGHEST);
    return true;
  } catch {
    return false;
  }
}

/** For a thread that was begun by one that goes first: its work is long, and can wait. */
export function goLikeOthers(): void {
  try {
    setPriority(THIS_THREAD, constants.priority.PRIORITY_NORMAL);
  } catch {
    // It has a lower one already, which only the administrator may lift.
  }
}
