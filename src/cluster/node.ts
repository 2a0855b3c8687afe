import type { Ip } from '../net/ip.ts';

export interface TaintView {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
}

export interface NodeView {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly deleting: boolean;
  /** `spec.unschedulable`: the node is cordoned. */
  readonly unschedulable: boolean;
  readonly taints: readonly TaintView[];
  /** Condition Ready is True; a node without the condition counts as not ready. */
  readonly ready: boolean;
  /** Its kubelet says that the machine is being shut down (graceful node shutdown, KEP-2000). */
  readonly shuttingDown?: boolean;
  /** Condition NetworkUnavailable is True. */
  readonly networkUnavailable: boolean;
  /** `status.addresses` of type InternalIP, in order. */
  readonly internalIPs: readonly Ip[];
}

export interface NamespaceView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface NodeAddresses {
  readonly name: string;
  readonly addresses: readonly Ip[];
}

/** Addresses that a node's speaker has seen another host use. */
export interface NodeSightings {
  /** Of the node. */
  readonly name: string;
  readonly used: readonly { readonly address: Ip; readonly text: string }[];
}

/** Kubernetes KEP-1143: a node with this label, whatever its value, takes no load-balancer traffic. */
export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
