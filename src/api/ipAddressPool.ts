import * as z from 'zod';
import { configStatus, crdMeta, int32, nameList, selectorList } from './fields.ts';
import type { CelRule, Kind } from './kind.ts';

// The API server bounds the cost of a rule beforehand: indices are cheap, macros over a split text are not.
const [START, END] = ["self.split('-')[0].trim()", "self.split('-')[1].trim()"];
const NO_RANGE = `self.contains('/') || self.split('-').size() != 2 || !isIP(${START}) || !isIP(${END})`;

function ipv4Number(address: string): string {
  const [a, b, c, d] = [0, 1, 2, 3].map((octet) => `int(${address}.split('.')[${octet}])`);
  return `((${a} * 256 + ${b}) * 256 + ${c}) * 256 + ${d}`;
}

/** CEL can tell which of two IPv4 addresses is lower; for IPv6 that is left to the controller. */
const rules: readonly CelRule[] = [
  {
    rule: `self.contains('/') ? isCIDR(self.trim()) : self.split('-').size() == 2 && isIP(${START}) && isIP(${END})`,
    message: 'must be a CIDR or a range start-end of addresses',
  },
  { rule: `${NO_RANGE} || ip(${START}).family() == ip(${END}).family()`, message: 'must not mix IPv4 and IPv6' },
  {
    rule: `self.contains(':') || ${NO_RANGE} || ${ipv4Number(START)} <= ${ipv4Number(END)}`,
    message: 'must not end before it starts',
  },
];

const addresses = z
  .array(crdBlock())
  .min(1)
  .max(1024)
  .describe(
    'CIDRs (198.51.100.0/26) or ranges (10.0.0.10-10.0.0.20), IPv4 and IPv6. They must not overlap with each other or with other pools.',
  );
crdMeta.add(addresses, { listType: 'atomic' });

const excludedAddresses = z
  .array(crdBlock())
  .max(256)
  .describe('CIDRs or ranges inside the pool that are never given. A Service that has one of them already keeps it.');
crdMeta.add(excludedAddresses, { listType: 'atomic' });

function crdBlock(): z.ZodString {
  const block = z.string().min(2).max(96);
  crdMeta.add(block, { cel: rules });
  return block;
}

export const ipAddressPoolSpec = z.object({
  addresses,
  autoAssign: z.boolean().default(true).describe('False: only for Services that name this pool or an address in it.'),
  avoidBuggyIPs: z.boolean().default(false).describe('Never give IPv4 addresses that end in .0 or .255.'),
  excludedAddresses: excludedAddresses.optional(),
  disabled: z.boolean().optional().describe('True: the pool keeps what it gave and gives no more.'),
  quota: z
    .object({ perNamespace: int32(0, 2_147_483_647).describe('Addresses of each IP family.') })
    .optional()
    .describe('How much of the pool the Services of one namespace may have. A lower quota takes nothing away.'),
  allocationPolicy: z
    .enum(['firstFit', 'mostFree'])
    .optional()
    .describe(
      'Among pools of equal rank: firstFit, the default, in order of names; mostFree after those, the one with the most free addresses first.',
    ),
  claimPolicy: z
    .string()
    .max(32)
    .regex(/^(keep|none|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$/)
    .optional()
    .describe('Whether an address is kept for its Service when that is deleted: `keep`, or a duration such as `24h`. Not kept by default.'),
  onConflict: z
    .enum(['refuse', 'reassign'])
    .optional()
    .describe(
      'What happens to a Service whose address a node or another host turns out to have: refuse, the default, leaves it there and says so; reassign gives it another.',
    ),
  serviceAllocation: z
    .object({
      priority: int32(-2_147_483_648, 2_147_483_647).optional().describe('Lower goes first, negative ones too; 0 or unset goes last.'),
      namespaces: nameList('Namespaces whose Services may use the pool.'),
      namespaceSelectors: selectorList('Selectors of such namespaces; any may match.'),
      serviceSelectors: selectorList('Selectors of Services that may use the pool; any may match.'),
    })
    .optional()
    .describe('Which Services the pool is for; all when absent.'),
});

const count = (description: string): z.ZodOptional<z.ZodNumber> => {
  const schema = z.int().min(0).describe(description);
  crdMeta.add(schema, { format: 'int64' });
  return schema.optional();
};

export const ipAddressPool: Kind<typeof ipAddressPoolSpec> = {
  kind: 'IPAddressPool',
  plural: 'ipaddresspools',
  singular: 'ipaddresspool',
  shortNames: ['ippool', 'ipap'],
  description: 'Addresses that Services of type LoadBalancer get.',
  spec: ipAddressPoolSpec,
  status: configStatus.extend({
    assignedIPv4: count('IPv4 addresses in use.'),
    assignedIPv6: count('IPv6 addresses in use.'),
    availableIPv4: count('IPv4 addresses that are free.'),
    availableIPv6: count('IPv6 addresses that are free; very large pools show the largest number that fits.'),
  }),
  columns: [
    { name: 'Accepted', type: 'string', jsonPath: ".status.conditions[?(@.type=='Accepted')].status" },
    { name: 'Auto Assign', type: 'boolean', jsonPath: '.spec.autoAssign' },
    { name: 'Used IPv4', type: 'integer', jsonPath: '.status.assignedIPv4' },
    { name: 'Free IPv4', type: 'integer', jsonPath: '.status.availableIPv4' },
    { name: 'Used IPv6', type: 'integer', jsonPath: '.status.assignedIPv6' },
    { name: 'Addresses', type: 'string', jsonPath: '.spec.addresses' },
    { name: 'Disabled', type: 'boolean', jsonPath: '.spec.disabled', priority: 1 },
    { name: 'Avoid Buggy IPs', type: 'boolean', jsonPath: '.spec.avoidBuggyIPs', priority: 1 },
    { name: 'Free IPv6', type: 'integer', jsonPath: '.status.availableIPv6', priority: 1 },
    { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Accepted')].reason", priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
