import * as z from 'zod';
import { addressClaim } from './addressClaim.ts';
import { bfdProfile } from './bfdProfile.ts';
import { bgpAdvertisement } from './bgpAdvertisement.ts';
import { bgpPeer } from './bgpPeer.ts';
import { community } from './community.ts';
import { crdMeta } from './fields.ts';
import { ipAddressPool } from './ipAddressPool.ts';
import { GROUP, type Kind, VERSION } from './kind.ts';
import { l2Advertisement } from './l2Advertisement.ts';
import { nodeState } from './nodeState.ts';

export const KINDS: readonly Kind[] = [
  ipAddressPool,
  addressClaim,
  bgpPeer,
  bgpAdvertisement,
  l2Advertisement,
  bfdProfile,
  community,
  nodeState,
];

/** A structural OpenAPI v3 schema node, as apiextensions.k8s.io/v1 takes it. */
export type OpenApiSchema = Readonly<Record<string, unknown>>;

/** The CustomResourceDefinition of a kind, as an object ready for the API server. */
export function crdOf(kind: Kind): Record<string, unknown> {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${GROUP}`, labels: { 'app.kubernetes.io/name': 'heraldlb' } },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: kind.shortNames,
        categories: ['heraldlb'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns,
          schema: { openAPIV3Schema: rootSchema(kind) },
        },
      ],
    },
  };
}

function rootSchema(kind: Kind): OpenApiSchema {
  return {
    type: 'object',
    description: kind.description,
    // An advertisement without a spec means everything; a pool or a peer without one means nothing.
    ...(kind.spec.safeParse({}).success ? {} : { required: ['spec'] }),
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: openApi(kind.spec),
      status: openApi(kind.status),
    },
  };
}

/** zod's JSON Schema, turned into what a structural schema may contain. */
export function openApi(schema: z.ZodType): OpenApiSchema {
  const made = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    override: ({ zodSchema, jsonSchema }) => {
      // `additionalProperties: false` is not structural: the API server prunes unknown fields by itself.
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      delete jsonSchema.propertyNames;
      delete jsonSchema.$schema;
      const meta = crdMeta.get(zodSchema as unknown as z.ZodType);
      if (meta === undefined) return;
      if (meta.format !== undefined) jsonSchema.format = meta.format;
      Object.assign(jsonSchema, extensions(meta));
    },
  });
  delete (made as { $schema?: string }).$schema;
  return made;
}

function extensions(meta: NonNullable<ReturnType<typeof crdMeta.get>>): Record<string, unknown> {
  return {
    ...(meta.listType === undefined ? {} : { 'x-kubernetes-list-type': meta.listType }),
    ...(meta.listMapKeys === undefined ? {} : { 'x-kubernetes-list-map-keys': meta.listMapKeys }),
    ...(meta.cel === undefined ? {} : { 'x-kubernetes-validations': meta.cel }),
  };
}
