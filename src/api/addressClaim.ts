import * as z from 'zod';
import { configStatus, crdMeta, duration } from './fields.ts';
import type { Kind } from './kind.ts';

const address = z.string().min(2).max(45);
crdMeta.add(address, { cel: [{ rule: 'isIP(self)', message: 'must be an IP address' }] });

const addresses = z.array(address).min(1).max(16).describe('What is claimed. No other Service gets these addresses while the claim lasts.');
crdMeta.add(addresses, { listType: 'set' });

export const addressClaimSpec = z.object({
  serviceRef: z
    .object({
      namespace: z.string().min(1).max(63).describe('Its namespace.'),
      name: z.string().min(1).max(63).describe('Its name.'),
    })
    .optional()
    .describe('The Service that gets the addresses, whether it exists or not. Edit it to hand them on. Absent: they are kept for nobody.'),
  addresses,
  ttl: duration('How long the claim lasts after its Service is gone, such as `24h`; forever when absent.').optional(),
  policy: z
    .enum(['Require', 'Prefer'])
    .default('Require')
    .describe(
      'Require: the Service gets these addresses or waits. Prefer: it keeps the address that it has, and takes another where it must.',
    ),
});

export type AddressClaimSpec = z.output<typeof addressClaimSpec>;

export const addressClaim: Kind<typeof addressClaimSpec> = {
  kind: 'AddressClaim',
  plural: 'addressclaims',
  singular: 'addressclaim',
  shortNames: ['ac'],
  description: 'Addresses that are kept for one Service by its name, beyond its life.',
  spec: addressClaimSpec,
  status: configStatus.extend({
    boundTo: z.string().max(127).optional().describe('namespace/name of the Service that has the addresses, or had them last.'),
    since: z.string().max(64).optional().describe('Since when.'),
    releasedAt: z.string().max(64).optional().describe('When that Service was found to be gone; the ttl runs from there.'),
  }),
  columns: [
    { name: 'Namespace', type: 'string', jsonPath: '.spec.serviceRef.namespace' },
    { name: 'Service', type: 'string', jsonPath: '.spec.serviceRef.name' },
    { name: 'Addresses', type: 'string', jsonPath: '.spec.addresses' },
    { name: 'Bound', type: 'string', jsonPath: ".status.conditions[?(@.type=='Bound')].status" },
    { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Bound')].reason" },
    { name: 'TTL', type: 'string', jsonPath: '.spec.ttl' },
    { name: 'Released', type: 'date', jsonPath: '.status.releasedAt', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
