import { z } from 'zod';
import { COMMUNITY, COMMUNITY_LIKE, configStatus, crdMeta, int32, nameList, selectorList, uint32 } from './fields.ts';
import type { Kind } from './kind.ts';

const entry = z.string().min(1).max(253);
crdMeta.add(entry, {
  cel: [
    {
      rule: `!self.matches('${COMMUNITY_LIKE}') || self.matches('${COMMUNITY}')`,
      message: 'must be 16-bit:16-bit, large:32-bit:32-bit:32-bit, or a name',
    },
  ],
});

const communities = z
  .array(entry)
  .max(63)
  .describe('`65535:65281`, `large:64512:1:2`, a well-known name such as no-export, or an alias of a Community object.');
crdMeta.add(communities, { listType: 'set' });

export const bgpAdvertisementSpec = z.object({
  aggregationLength: int32(1, 32).default(32).describe('Announce the IPv4 prefix of this length that contains the VIP.'),
  aggregationLengthV6: int32(1, 128).default(128).describe('The same for IPv6.'),
  localPref: uint32().optional().describe('LOCAL_PREF; sent to iBGP peers only.'),
  communities: communities.optional(),
  ipAddressPools: nameList('Pools to announce; together with the selectors, all when both are absent.'),
  ipAddressPoolSelectors: selectorList('Selectors of pools to announce.'),
  nodeSelectors: selectorList('The nodes that announce; all when absent.'),
  peers: nameList('BGPPeers to announce to; all when absent.'),
  serviceSelectors: selectorList('The Services to announce; all when absent.'),
});
crdMeta.add(bgpAdvertisementSpec, {
  cel: [
    {
      rule: '!has(self.serviceSelectors) || size(self.serviceSelectors) == 0 || ((!has(self.aggregationLength) || self.aggregationLength == 32) && (!has(self.aggregationLengthV6) || self.aggregationLengthV6 == 128))',
      message: 'serviceSelectors need the default aggregation lengths: an aggregate covers other Services too',
      fieldPath: '.serviceSelectors',
    },
  ],
});

export const bgpAdvertisement: Kind<typeof bgpAdvertisementSpec> = {
  kind: 'BGPAdvertisement',
  plural: 'bgpadvertisements',
  singular: 'bgpadvertisement',
  shortNames: ['bgpadv'],
  description: 'What is announced to BGP peers, and with which attributes.',
  spec: bgpAdvertisementSpec,
  status: configStatus,
  columns: [
    { name: 'Accepted', type: 'string', jsonPath: ".status.conditions[?(@.type=='Accepted')].status" },
    { name: 'IPAddressPools', type: 'string', jsonPath: '.spec.ipAddressPools' },
    { name: 'IPAddressPool Selectors', type: 'string', jsonPath: '.spec.ipAddressPoolSelectors' },
    { name: 'Peers', type: 'string', jsonPath: '.spec.peers' },
    { name: 'Node Selectors', type: 'string', jsonPath: '.spec.nodeSelectors', priority: 1 },
    { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Accepted')].reason", priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
