import * as z from 'zod';
import { COMMUNITY, COMMUNITY_LIKE, configStatus, crdMeta, int32, nameList, selectorList, uint32 } from './fields.ts';
import type { Kind } from './kind.ts';

const entry = z.string().min(1).max(253);
crdMeta.add(entry, {
  cel: [
    {
      rule: `!self.matches('${COMMUNITY_LIKE}') || self.matches('${COMMUNITY}')`,
      message: 'must be 16-bit:16-bit, large:32-bit:32-bit:32-bit, rt:AS:number, soo:AS:number, ext:hex, or a name',
    },
  ],
});

const communities = z
  .array(entry)
  .max(63)
  .describe(
    '`65535:65281`, `large:64512:1:2`, an extended one such as `rt:64512:100`, a well-known name such as no-export, or an alias of a Community object.',
  );
crdMeta.add(communities, { listType: 'set' });

const BANDWIDTH = /^[0-9]{1,9}(\.[0-9]{1,3})?[kMGT]?bps$/;
const UNITS: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** @param text what `perEndpoint` accepts @returns bytes per second */
export function bandwidthBytes(text: string): number {
  const [, amount = '0', unit = ''] = /^([0-9.]+)([kMGT]?)bps$/.exec(text) ?? [];
  return (Number(amount) * (UNITS[unit] ?? 1)) / 8;
}

/** What MetalLB's BGPAdvertisement has not. */
const own = {
  med: uint32().optional().describe('MULTI_EXIT_DISC; lower is better, and is compared between routes of one AS.'),
  asPathPrepend: int32(0, 10).optional().describe('Our AS number stands in AS_PATH so many times more; to eBGP peers only.'),
  origin: z.enum(['igp', 'incomplete']).optional().describe('ORIGIN. Default igp; MetalLB sends incomplete, and routers prefer igp.'),
  gracefulShutdown: z
    .boolean()
    .optional()
    .describe('Ask routers to prefer any other path: the community graceful-shutdown, and LOCAL_PREF 0 to iBGP peers (RFC 8326).'),
  onlyWithEndpoints: z
    .boolean()
    .optional()
    .describe('Under externalTrafficPolicy Cluster too, announce from nodes with a serving endpoint of the Service alone.'),
  linkBandwidth: z
    .object({
      perEndpoint: z.string().max(24).regex(BANDWIDTH).describe('`100Mbps`: what each serving endpoint on the node is worth.'),
      transitive: z.boolean().optional().describe('Of the transitive type, which some routers want on eBGP. Default false.'),
    })
    .optional()
    .describe('Weigh nodes by their serving endpoints of the Service: the link bandwidth extended community.'),
};

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
  ...own,
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
