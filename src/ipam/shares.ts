import { type Ip, ipFamily } from '../net/ip.ts';
import type { ClaimedAddress } from './claimIndex.ts';
import type { Desk } from './desk.ts';
import type { Request } from './request.ts';
import type { Tenant } from './sharing.ts';

/** What is chosen in one go: at most one address of each family, from one pool where that can be. */
export interface Share {
  readonly request: Request;
  readonly kept: readonly Ip[];
  readonly claimed: readonly ClaimedAddress[];
}

interface Slot {
  readonly pool: string | undefined;
  readonly kept: Ip[];
  readonly requested: Ip[];
  readonly claimed: ClaimedAddress[];
}

/** A Service that wants several addresses of a family has several shares; all others have one. */
export function sharesOf(desk: Desk, { key }: Tenant, request: Request, kept: readonly Ip[]): readonly Share[] {
  const all = desk.claims.of(key);
  const claimed = all.length === 0 ? all : all.filter(({ address }) => request.families.includes(ipFamily(address)));
  if (request.shares === 1 && request.pools === undefined) return [{ request, kept, claimed: firstOfEach(claimed, kept) }];
  const slots = Array.from({ length: request.shares }, (_, i): Slot => ({
    pool: request.pools?.[i] ?? request.pool,
    kept: [],
    requested: [],
    claimed: [],
  }));
  for (const address of request.addresses ?? []) seat(desk, slots, 'requested', address);
  // Of several from one pool the same one takes its seat, in whatever order they come: else they would change seats for ever.
  const had = request.pools === undefined ? kept : inOrder(kept, claimed);
  const strays = had.filter((address) => !seatByName(desk, slots, request, address));
  for (const address of strays) seat(desk, slots, 'kept', address);
  for (const claim of inTurn(claimed, kept)) seatClaim(desk, slots, claim);
  return slots.map(({ pool, kept: own, requested, claimed: claims }) => ({
    kept: own,
    claimed: claims,
    request: {
      families: request.families,
      needsAll: request.needsAll,
      shares: 1,
      ...(pool === undefined ? {} : { pool }),
      ...(request.addresses === undefined ? {} : { addresses: requested }),
    },
  }));
}

/** What it insists on goes before the rest. */
function inOrder(kept: readonly Ip[], claimed: readonly ClaimedAddress[]): readonly Ip[] {
  const insists = (ip: Ip): boolean => claimed.some((claim) => claim.insists && claim.address === ip);
  return kept.toSorted((a, b) => Number(insists(b)) - Number(insists(a)) || (a < b ? -1 : 1));
}

/** One address of each family, one that the Service has already rather than another. */
function firstOfEach(claimed: readonly ClaimedAddress[], kept: readonly Ip[]): readonly ClaimedAddress[] {
  if (claimed.length < 2) return claimed;
  const sorted = [...claimed.filter(({ address }) => kept.includes(address)), ...claimed.filter(({ address }) => !kept.includes(address))];
  return sorted.filter(({ address }, i) => sorted.findIndex((other) => ipFamily(other.address) === ipFamily(address)) === i);
}

/** What it has stays where it is, so that no other share takes it too; then what it insists on. An address that two claims name is one. */
function inTurn(claimed: readonly ClaimedAddress[], kept: readonly Ip[]): readonly ClaimedAddress[] {
  if (claimed.length < 2) return claimed;
  const rank = ({ address, insists }: ClaimedAddress): number => (kept.includes(address) ? 0 : insists ? 1 : 2);
  const sorted = claimed.toSorted((a, b) => rank(a) - rank(b));
  return sorted.filter(({ address }, i) => sorted.findIndex((other) => other.address === address) === i);
}

function lacks(list: readonly Ip[], address: Ip): boolean {
  return !list.some((other) => ipFamily(other) === ipFamily(address));
}

/** Beside the address of the other family that is from the same pool, else in the first share that has room. */
function seat(desk: Desk, slots: readonly Slot[], list: 'kept' | 'requested', address: Ip): void {
  const open = slots.filter((slot) => lacks(slot[list], address));
  const home = desk.pools.of(address);
  const beside = open.find((slot) => slot[list].some((other) => desk.pools.of(other) === home));
  const named = open.find(({ pool }) => pool !== undefined && pool === home?.pool.name);
  (beside ?? named ?? open[0])?.[list].push(address);
}

/** Where the share that has asked for the address, or for its pool, is plain. */
function seatByName(desk: Desk, slots: readonly Slot[], { pools }: Request, address: Ip): boolean {
  const home = desk.pools.of(address)?.pool.name;
  const own = slots.find(
    (slot) => lacks(slot.kept, address) && (slot.requested.includes(address) || (pools !== undefined && slot.pool === home)),
  );
  own?.kept.push(address);
  return own !== undefined;
}

/** A share that is for another pool cannot have it; one that keeps it meanwhile does so without the claim. */
function seatClaim(desk: Desk, slots: readonly Slot[], claim: ClaimedAddress): void {
  const { address } = claim;
  const keeper = slots.find(({ kept }) => kept.includes(address));
  const home = desk.pools.of(address)?.pool.name;
  const isOpen = ({ pool, claimed }: Slot): boolean =>
    (pool === undefined || pool === home) &&
    lacks(
      claimed.map((other) => other.address),
      address,
    );
  const open = (keeper === undefined ? slots : [keeper]).filter(isOpen);
  const best = open.find(({ kept }) => lacks(kept, address)) ?? open[0];
  best?.claimed.push(claim);
}
