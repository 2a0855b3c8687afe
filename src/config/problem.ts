/** The object a fact is about, as an operator would name it. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
}

/**
 * Why a configuration object, or a part of one, has no effect. `error`: the object is left out (or, when an earlier
 * version was good, that one goes on). `warning`: the object is used but something in it is not.
 */
export interface Problem {
  readonly object: ObjectRef;
  readonly severity: 'error' | 'warning';
  readonly reason: ProblemReason;
  /** Field path as Kubernetes writes it: `spec.addresses[1]`; `` for the object as a whole. */
  readonly path: string;
  /** One sentence with the offending value in it. */
  readonly message: string;
}

export type ProblemReason =
  /** The field is not of the shape that the schema asks for. */
  | 'InvalidField'
  | 'InvalidAddressBlock'
  | 'OverlappingPools'
  | 'DuplicateEntry'
  /** A BFDProfile, IPAddressPool, BGPPeer, Secret or Community alias that does not exist. */
  | 'UnknownReference'
  | 'AggregationShorterThanPool'
  | 'ConflictingLocalPref'
  | 'ConflictingFields'
  | 'InvalidTimer'
  | 'InvalidCommunity'
  | 'InvalidSecret'
  /** Addresses of a pool that no host can have: they are never given. */
  | 'UnusableAddresses'
  /** A selector that is well-formed and selects nothing. */
  | 'SelectsNothing'
  /** A field that is accepted and has no effect in this version. */
  | 'NotYetEffective'
  /** The definition of the kind is of another version, and the API server drops fields that it does not have. */
  | 'CrdOutdated'
  | 'UnknownField';
