import type { Ineligible } from './eligibility.ts';
import type { Verdict } from './plan.ts';

const REFUSALS = new WeakMap<Ineligible, Verdict>();

/** The same value for the same reason: thousands of Services may be refused for it. */
export function refused(ineligible: Ineligible): Verdict {
  const known = REFUSALS.get(ineligible) ?? { announced: false, ineligible };
  REFUSALS.set(ineligible, known);
  return known;
}
