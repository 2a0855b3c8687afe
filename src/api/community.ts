import * as z from 'zod';
import { COMMUNITY, configStatus, crdMeta } from './fields.ts';
import type { Kind } from './kind.ts';

/** Entries of one Community. */
export const MAX_ALIASES = 256;

export const communityAlias = z.object({
  name: z.string().min(1).max(253).describe('How advertisements call it.'),
  value: z
    .string()
    .min(3)
    .max(64)
    .describe('`65000:1`, `large:64512:1:2`, `rt:64512:100`, `soo:192.0.2.1:7`, or `ext:` and sixteen hex digits.'),
});
crdMeta.add(communityAlias, {
  cel: [
    {
      rule: `self.value.matches('${COMMUNITY}')`,
      message: 'must be 16-bit:16-bit, large:32-bit:32-bit:32-bit, rt:AS:number, soo:AS:number, or ext:hex',
      fieldPath: '.value',
    },
  ],
});

const communities = z.array(communityAlias).max(MAX_ALIASES).describe('Aliases of communities.');
crdMeta.add(communities, { listType: 'map', listMapKeys: ['name'] });

export const communitySpec = z.object({ communities: communities.optional() });

export const community: Kind<typeof communitySpec> = {
  kind: 'Community',
  plural: 'communities',
  singular: 'community',
  shortNames: ['bgpcom'],
  description: 'Names for BGP communities.',
  spec: communitySpec,
  status: configStatus,
  columns: [
    { name: 'Accepted', type: 'string', jsonPath: ".status.conditions[?(@.type=='Accepted')].status" },
    { name: 'Names', type: 'string', jsonPath: '.spec.communities[*].name' },
    { name: 'Values', type: 'string', jsonPath: '.spec.communities[*].value' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
