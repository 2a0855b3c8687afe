import type { ServiceKey } from '../cluster/service.ts';
import { Allocator, type Snapshot } from './allocator.ts';
import type { Assignment } from './assignment.ts';
import type { PoolUsage } from './poolSpace.ts';

/** Who gets which address, as one value. */
export interface AddressPlan {
  readonly assignments: ReadonlyMap<ServiceKey, Assignment>;
  /** By the name of the pool. */
  readonly usage: ReadonlyMap<string, PoolUsage>;
}

/** Idempotent: with the assignments written into the Services' statuses, it says the same and releases nothing. */
export function planAddresses(snapshot: Snapshot): AddressPlan {
  const allocator = new Allocator();
  allocator.reset(snapshot);
  return { assignments: new Map(allocator.assignments()), usage: allocator.usage() };
}
