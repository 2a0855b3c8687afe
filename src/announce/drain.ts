import type { NodeView } from '../cluster/node.ts';

/** What may begin the drain of a node; which of them do is configured. */
export type DrainTrigger =
  /** `spec.unschedulable`. */
  | 'cordon'
  /** The label {@link DRAIN_LABEL}: `heraldlb drain NODE`. */
  | 'label'
  /** The Node is being deleted. */
  | 'deletion'
  /** Its kubelet says that the machine shuts down. */
  | 'shutdown'
  /** A taint with this key, whatever its value and effect. */
  | { readonly taint: string };

export interface DrainReason {
  readonly reason: 'Cordoned' | 'DrainRequested' | 'NodeDeleted' | 'NodeShutdown' | 'NodeTainted';
  /** The taint's key. */
  readonly taint?: string;
}

export const DRAIN_LABEL = 'heraldlb.io/drain';

/** Taken out of service by somebody or something that means it. */
export const DEFAULT_DRAIN_TRIGGERS: readonly DrainTrigger[] = [
  'cordon',
  'label',
  'deletion',
  'shutdown',
  { taint: 'node.kubernetes.io/out-of-service' },
  { taint: 'ToBeDeletedByClusterAutoscaler' },
];

/** Why the node is to hand over what it announces; undefined: it is not. All speakers see the same Nodes, so all agree. */
export function drainReason(node: NodeView, triggers: readonly DrainTrigger[]): DrainReason | undefined {
  for (const trigger of triggers) {
    const reason = judge(node, trigger);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function judge(node: NodeView, trigger: DrainTrigger): DrainReason | undefined {
  if (trigger === 'cordon') return node.unschedulable ? { reason: 'Cordoned' } : undefined;
  if (trigger === 'label') return Object.hasOwn(node.labels, DRAIN_LABEL) ? { reason: 'DrainRequested' } : undefined;
  if (trigger === 'deletion') return node.deleting ? { reason: 'NodeDeleted' } : undefined;
  if (trigger === 'shutdown') return node.shuttingDown === true ? { reason: 'NodeShutdown' } : undefined;
  return node.taints.some(({ key }) => key === trigger.taint) ? { reason: 'NodeTainted', taint: trigger.taint } : undefined;
}

/** How far the drain of the node that plans has come. */
export interface OwnDrain {
  readonly reason: DrainReason;
  /** What other nodes announce is not announced any more; before that it is announced as about to go (RFC 8326). */
  readonly withdraw: boolean;
}

const WORDS: Readonly<Record<DrainReason['reason'], string>> = {
  Cordoned: 'cordoned',
  DrainRequested: 'drain requested',
  NodeDeleted: 'the Node is being deleted',
  NodeShutdown: 'the machine is being shut down',
  NodeTainted: 'tainted',
};

/** A few words, to stand in a sentence. */
export function drainText({ reason, taint }: DrainReason): string {
  return taint === undefined ? WORDS[reason] : `${WORDS[reason]} ${taint}`;
}
