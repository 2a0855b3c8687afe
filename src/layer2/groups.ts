import { type Ip, solicitedNodeGroup } from '../net/ip.ts';
import { type Link, isFit, isSelected } from './link.ts';

interface Grouped {
  readonly ip: Ip;
  readonly interfaces?: readonly string[] | undefined;
}

/**
 * The solicited-node groups that must be joined for the claims to be heard behind snooping switches, by interface name. The whole
 * wanted set: compute it again when claims or links change, and join and leave the difference. VIPs that share their low 24 bits
 * share a group. An interface that was recreated (another index) has lost its memberships.
 */
export function solicitedGroups(claims: Iterable<Grouped>, links: readonly Link[]): Map<string, Set<Ip>> {
  const wanted = new Map<string, Set<Ip>>();
  for (const claim of claims) {
    if (!claim.ip.includes(':')) continue;
    const group = solicitedNodeGroup(claim.ip);
    for (const link of links) {
      if (!isFit(link, claim.ip) || !isSelected(link.name, claim.interfaces)) continue;
      const groups = wanted.get(link.name) ?? new Set<Ip>();
      wanted.set(link.name, groups.add(group));
    }
  }
  return wanted;
}
