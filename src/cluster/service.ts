import type { Family, Ip } from '../net/ip.ts';

/** `namespace/name`: the key of a Service, and of everything that belongs to one. */
export type ServiceKey = string & { readonly __unit: 'ServiceKey' };

export interface ServicePort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

/** metav1.Condition, without the object it stands on. */
export interface ConditionView {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

/** What allocation and announcement need to know of a Service; nothing else of it is kept in memory. */
export interface ServiceView {
  readonly key: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly deleting: boolean;
  readonly creationTimestamp: string;
  readonly type: string;
  readonly loadBalancerClass?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Only annotations under `heraldlb.io/`, `metallb.io/` and `metallb.universe.tf/`. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly ipFamilies: readonly Family[];
  readonly ipFamilyPolicy: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  /** Empty for headless Services. */
  readonly clusterIPs: readonly Ip[];
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
  readonly loadBalancerIP?: string;
  readonly ports: readonly ServicePort[];
  readonly selector: Readonly<Record<string, string>>;
  /** `status.loadBalancer.ingress[].ip`, in order: the ledger of what is assigned. Entries that are no IP are left out. */
  readonly ingress: readonly Ip[];
  /** Its ingress has what we never write: a host name, or an address for which the data plane does nothing (`ipMode: Proxy`). */
  readonly foreignIngress?: true;
  /** `status.conditions` whose type is in our group. */
  readonly conditions: readonly ConditionView[];
  /** There are conditions besides: of other programs, or none that could be written again as it is. */
  readonly moreConditions?: true;
}

/** What announcement needs of it. */
export type AnnouncedService = Pick<
  ServiceView,
  'key' | 'type' | 'deleting' | 'loadBalancerClass' | 'labels' | 'externalTrafficPolicy' | 'ingress'
>;

/** Joined, not a template: that keeps its parts, also when somebody has read them, and a key is kept for as long as its object. */
export function serviceKey(namespace: string, name: string): ServiceKey {
  return [namespace, name].join('/') as ServiceKey;
}
