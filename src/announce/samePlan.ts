import type { ClaimPlan, Layer2Plan, NodePlan, PeerPlan, RouteSet } from './plan.ts';

/** Do two plans ask for the same, whatever their generations? What they share by reference is not looked into. */
export function samePlan(a: NodePlan, b: NodePlan): boolean {
  return (
    a.node === b.node &&
    a.farewell === b.farewell &&
    sameList(a.claims, b.claims, sameClaim) &&
    sameList(a.peers, b.peers, samePeer) &&
    sameLayer2(a.layer2, b.layer2)
  );
}

/** Contests that did not change are the same values. */
function sameLayer2(a: Layer2Plan | undefined, b: Layer2Plan | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    sameList(a.contests, b.contests, () => false) &&
    sameList(a.groups, b.groups, () => false) &&
    sameList(a.candidacies, b.candidacies, sameClaim) &&
    JSON.stringify(a.beyond) === JSON.stringify(b.beyond) &&
    sameList(a.peers, b.peers, (one, other) => JSON.stringify(one) === JSON.stringify(other))
  );
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return a === b || (a.length === b.length && a.every((value, i) => value === b[i] || same(value, b[i] as T)));
}

function samePeer(a: PeerPlan<RouteSet>, b: PeerPlan<RouteSet>): boolean {
  return a.name === b.name && JSON.stringify(a.session) === JSON.stringify(b.session) && sameList(a.routes, b.routes, sameSet);
}

function sameSet(a: RouteSet, b: RouteSet): boolean {
  return JSON.stringify(a.attributes) === JSON.stringify(b.attributes) && sameList(a.prefixes, b.prefixes, () => false);
}

function sameClaim(a: ClaimPlan, b: ClaimPlan): boolean {
  return a.ip === b.ip && JSON.stringify(a) === JSON.stringify(b);
}
