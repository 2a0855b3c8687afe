import type { z } from 'zod';

/** A column of `kubectl get`. Types as in apiextensions.k8s.io/v1. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  /** Columns above 0 are shown with `-o wide` only. */
  readonly priority?: number;
}

/** A rule in CEL that the API server checks; the message names the field. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate';
}

/** One kind of our group: all that its CustomResourceDefinition is made of. */
export interface Kind<Spec extends z.ZodType = z.ZodType> {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly spec: Spec;
  /** A kind without a spec of its own (NodeState) has an empty one. */
  readonly status: z.ZodType;
  readonly columns: readonly PrinterColumn[];
}

export const GROUP = 'heraldlb.io';
export const VERSION = 'v1';

/** Where MetalLB's own custom resources are read, with `--api-group metallb.io`. */
export const METALLB_GROUP = 'metallb.io';

/** @returns the version in which a kind is served in a group */
export function versionOf(group: string, kind: string): string {
  if (group !== METALLB_GROUP) return VERSION;
  return kind === 'BGPPeer' ? 'v1beta2' : 'v1beta1';
}

/** @returns an earlier version in which MetalLB stored objects of the kind; they look the same, as far as they have the fields */
export function olderVersionOf(group: string, kind: string): string | undefined {
  return group === METALLB_GROUP && kind === 'BGPPeer' ? 'v1beta1' : undefined;
}
