import type { NodeAddresses, NodeSightings } from '../cluster/node.ts';
import type { Ip } from '../net/ip.ts';

/** Addresses that nodes of the cluster or other hosts have, in pools or not. A node that has the address explains what a speaker has seen. */
export function occupiedAddresses(nodes: Iterable<NodeAddresses>, sightings: Iterable<NodeSightings>): Map<Ip, string> {
  const found = new Map<Ip, string>();
  for (const { name, used } of sightings)
    for (const { address, text } of used) found.set(address, `another host, as node ${name} has seen (${text})`);
  for (const { name, addresses } of nodes) for (const address of addresses) found.set(address, `node ${name}`);
  return found;
}
