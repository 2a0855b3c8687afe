import type { ServiceKey } from '../../cluster/service.ts';
import type { ObjectRef } from '../../config/problem.ts';

export const SOURCES = ['metallb', 'kube-vip', 'cilium', 'purelb'] as const;
/** The system that a cluster comes from. */
export type Source = (typeof SOURCES)[number];

/** What is not carried over as it was. */
export type MigrationReason =
  /** A Service has an address that lies in no pool that was written: it would lose it. */
  | 'AddressOutsidePools'
  /** The plan over the result would not leave a Service the address that it has. */
  | 'AddressNotKept'
  /** Written, and means nearly the same. */
  | 'Approximated'
  /** Services carry a loadBalancerClass, which says who serves them. */
  | 'ClassNeeded'
  /** An object, or a field of it, that cannot be read. */
  | 'InvalidSource'
  /** Nothing here does that. */
  | 'NoEquivalent'
  /** Nothing that was written announces an address that a Service has. */
  | 'NotAnnounced'
  /** Not a matter of a load balancer's addresses: it has to stay with whoever does it now. */
  | 'OutOfScope'
  /** Addresses that two pools have; the first one keeps them. */
  | 'OverlappingPools'
  /** What was written contradicts itself, as what was read did: the object named is the one written. */
  | 'ResultRefused'
  /** A Secret that the result names is not among what was written. */
  | 'SecretToCopy'
  /** Announced nothing there, so nothing was written. */
  | 'SelectsNothing'
  /** Without Services nobody can tell whether they keep their addresses. */
  | 'ServicesNotSeen'
  /** An address of no pool, which the other system allows: it got a pool and a claim of its own. */
  | 'StrayAddress';

export interface Loss {
  readonly severity: 'error' | 'warning';
  readonly reason: MigrationReason;
  /** Of the other system, or a Service. Absent: the set as a whole. */
  readonly object?: ObjectRef;
  /** `spec.neighbors[0].vrf`; `` for the object as a whole. */
  readonly path: string;
  readonly message: string;
}

/** An object to apply. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: object;
  readonly type?: string;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** What a Service has to say in our words; the other system's annotations may stay beside it. */
export interface ServiceEdit {
  readonly service: ServiceKey;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** spec.loadBalancerIP contradicts the annotation. */
  readonly clearLoadBalancerIP: boolean;
}

export interface Migration {
  readonly source: Source;
  /** In the order in which they can be applied. */
  readonly manifests: readonly Manifest[];
  readonly edits: readonly ServiceEdit[];
  /** Flags of controller and speaker. */
  readonly flags: readonly string[];
  /** Errors first, and among them addresses first. */
  readonly losses: readonly Loss[];
  /** Services whose present addresses were seen to stay. */
  readonly kept: number;
}
