import * as z from 'zod';
import type { CelRule } from './kind.ts';

/**
 * What JSON Schema alone cannot say goes into the metadata of a schema and from there into the CRD: CEL rules, formats
 * and list types. The same rules are checked by our own parser, because an object may have been stored before its CRD
 * had them, or may be MetalLB's.
 */
export interface CrdMeta {
  readonly cel?: readonly CelRule[];
  readonly format?: string;
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
}

export const crdMeta = z.registry<CrdMeta>();

/** A uint32 that JSON carries as a number. */
export function uint32(minimum = 0): z.ZodNumber {
  const schema = z.int().min(minimum).max(4_294_967_295);
  crdMeta.add(schema, { format: 'int64' });
  return schema;
}

export function int32(minimum: number, maximum: number): z.ZodNumber {
  const schema = z.int().min(minimum).max(maximum);
  crdMeta.add(schema, { format: 'int32' });
  return schema;
}

/** A Go duration such as `90s` or `1m30s`, as Kubernetes writes metav1.Duration. */
export function duration(description: string): z.ZodString {
  return z
    .string()
    .max(32)
    .regex(/^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$/)
    .describe(description);
}

const UNITS_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** @param text what {@link duration} accepts @returns milliseconds */
export function durationMs(text: string): number {
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(amount) * (UNITS_MS[unit ?? ''] ?? 0);
  return total;
}

const UINT16 = '(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[0-5]?[0-9]{1,4})';

/** CEL regular expressions (RE2). RFC 1997 has two numbers of 16 bits, RFC 8092 §5 three of 32; CEL counts digits of the latter. */
export const COMMUNITY = `^(${UINT16}:${UINT16}|large:[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10}|(rt|soo):[0-9.]{1,15}:[0-9]{1,10}|ext:[0-9a-fA-F]{16})$`;

/** Looks like a community, so cannot be meant as an alias. */
export const COMMUNITY_LIKE = '^([0-9]+(:[0-9]+)+|(large|rt|soo|ext):.*)$';

/** A DNS-1123 subdomain, or a label. */
export function objectName(): z.ZodString {
  return z.string().min(1).max(253);
}

export function nameList(description: string, maximum = 256): z.ZodOptional<z.ZodArray<z.ZodString>> {
  const list = z.array(objectName()).max(maximum).describe(description);
  crdMeta.add(list, { listType: 'set' });
  return list.optional();
}

const expression = z
  .object({
    key: z.string().min(1).max(317).describe('The label key.'),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the label relates to the values.'),
    values: z.array(z.string().max(63)).max(64).optional().describe('Required for In and NotIn, empty for the others.'),
  })
  // NotIn without values would match everything; MetalLB's CRDs let it pass, its parser does not.
  .refine(({ operator, values = [] }) => (operator === 'In' || operator === 'NotIn') === values.length > 0, {
    path: ['values'],
    message: 'values are required for In and NotIn, and forbidden for Exists and DoesNotExist',
  });
crdMeta.add(expression, {
  cel: [
    {
      rule: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
      message: 'values are required for In and NotIn, and forbidden for Exists and DoesNotExist',
    },
  ],
});

/** metav1.LabelSelector. */
export const labelSelector = z.object({
  matchLabels: z.record(z.string().max(317), z.string().max(63)).optional().describe('Labels and values that must all be there.'),
  matchExpressions: z.array(expression).max(32).optional().describe('Requirements that must all hold.'),
});

export type RawLabelSelector = z.infer<typeof labelSelector>;

export function selectorList(description: string): z.ZodOptional<z.ZodArray<typeof labelSelector>> {
  const list = z.array(labelSelector).max(64).describe(description);
  crdMeta.add(list, { listType: 'atomic' });
  return list.optional();
}

/** metav1.Condition. */
export const conditions = z
  .array(
    z.object({
      type: z.string().max(316),
      status: z.enum(['True', 'False', 'Unknown']),
      observedGeneration: z.int().min(0).optional(),
      lastTransitionTime: z.string().max(64),
      reason: z.string().min(1).max(1024),
      message: z.string().max(32768),
    }),
  )
  .max(16)
  .describe('What HeraldLB made of this object.');
crdMeta.add(conditions, { listType: 'map', listMapKeys: ['type'] });

export const configStatus = z.object({
  observedGeneration: z.int().min(0).optional().describe('The generation that the conditions speak of.'),
  conditions: conditions.optional(),
});
