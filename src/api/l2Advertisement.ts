import * as z from 'zod';
import { configStatus, crdMeta, int32, labelSelector, nameList, selectorList } from './fields.ts';
import { GROUP, type Kind } from './kind.ts';

const interfaces = z.array(z.string().min(1).max(15)).max(64).describe('Interfaces to answer on; all that are fit when absent.');
crdMeta.add(interfaces, { listType: 'set' });

const preferredNodeSelectors = z
  .array(
    z.object({
      weight: int32(1, 100).describe('Added for a node that matches.'),
      preference: labelSelector.describe('An empty one matches every node.'),
    }),
  )
  .max(64)
  .describe('Nodes that own VIPs rather than others: the highest sum of weights wins.');
crdMeta.add(preferredNodeSelectors, { listType: 'atomic' });

export const l2AdvertisementSpec = z.object({
  ipAddressPools: nameList('Pools to announce; together with the selectors, all when both are absent.'),
  ipAddressPoolSelectors: selectorList('Selectors of pools to announce.'),
  nodeSelectors: selectorList('The nodes that may own VIPs; all when absent.'),
  interfaces: interfaces.optional(),
  serviceSelectors: selectorList('The Services to announce; all when absent.'),
  preferredNodeSelectors: preferredNodeSelectors.optional(),
  election: z
    .enum(['balanced', 'hash'])
    .optional()
    .describe('How the owner is found among nodes of the same weight: spread evenly (the default), or by the hash alone, as MetalLB does.'),
});

export const l2Advertisement: Kind<typeof l2AdvertisementSpec> = {
  kind: 'L2Advertisement',
  plural: 'l2advertisements',
  singular: 'l2advertisement',
  shortNames: ['l2adv'],
  description: 'VIPs that nodes answer ARP and NDP for.',
  spec: l2AdvertisementSpec,
  status: configStatus,
  columns: [
    { name: 'Accepted', type: 'string', jsonPath: ".status.conditions[?(@.type=='Accepted')].status" },
    { name: 'IPAddressPools', type: 'string', jsonPath: '.spec.ipAddressPools' },
    { name: 'IPAddressPool Selectors', type: 'string', jsonPath: '.spec.ipAddressPoolSelectors' },
    { name: 'Interfaces', type: 'string', jsonPath: '.spec.interfaces' },
    { name: 'Node Selectors', type: 'string', jsonPath: '.spec.nodeSelectors', priority: 1 },
    { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Accepted')].reason", priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};

/** Where an advertisement does not say it: MetalLB's objects cannot, and whoever keeps them wants MetalLB's owners. */
export function defaultElection(group: string): NonNullable<z.infer<typeof l2AdvertisementSpec>['election']> {
  return group === GROUP ? 'balanced' : 'hash';
}
