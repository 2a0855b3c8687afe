import { clone, dict, dicts, now, text, type Dict, type KubeObject } from '../json.ts';
import type { Entry, Store } from '../store.ts';

export interface NodeLifecycleOptions {
  /** A node whose Lease is older than this is not ready. */
  graceMs?: number;
  checkMs?: number;
}

const taintKey = 'node.kubernetes.io/unreachable';

/** Marks nodes whose Lease is stale, and taints them, as the node controller does. Nodes without a Lease are left alone. */
export class NodeLifecycle {
  private store: Store;
  private timer: NodeJS.Timeout;
  private graceMs: number;
  /** When each Lease was last seen to change, by this process's own clock. */
  private renewed = new Map<string, { text: string; at: number }>();
  private checkMs: number;
  private checkedAt = performance.now();

  constructor(store: Store, options: NodeLifecycleOptions) {
    this.store = store;
    this.graceMs = options.graceMs ?? 40_000;
    this.checkMs = options.checkMs ?? Math.min(5000, this.graceMs / 4);
    this.timer = setInterval(() => this.check(), this.checkMs);
  }

  private check(): void {
    const at = performance.now();
    // Nobody could renew anything while this process, which is the server too, stood still.
    const stoodMs = Math.max(0, at - this.checkedAt - 2 * this.checkMs);
    this.checkedAt = at;
    for (const known of this.renewed.values()) known.at += stoodMs;
    for (const entry of this.store.list('nodes')) {
      const lease = this.store.get('coordination.k8s.io/leases', `kube-node-lease/${entry.key}`);
      if (lease === undefined) continue;
      const renewTime = text(dict(lease.object['spec'])['renewTime']);
      const known = this.renewed.get(entry.key);
      if (known?.text !== renewTime) this.renewed.set(entry.key, { text: renewTime, at });
      else if (at - known.at > this.graceMs) this.markUnknown(entry);
    }
  }

  private markUnknown(entry: Entry): void {
    const node: KubeObject = clone(entry.object);
    const status = dict(node['status']);
    const conditions = dicts(status['conditions']);
    const ready = conditions.find((condition) => condition['type'] === 'Ready');
    if (ready?.['status'] === 'Unknown') return;
    const lost: Dict = {
      type: 'Ready',
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastHeartbeatTime: ready?.['lastHeartbeatTime'] ?? now(),
      lastTransitionTime: now(),
    };
    node['status'] = { ...status, conditions: [...conditions.filter((condition) => condition !== ready), lost] };
    const spec = dict(node['spec']);
    const taints = dicts(spec['taints']).filter((taint) => taint['key'] !== taintKey);
    const added = ['NoSchedule', 'NoExecute'].map((effect) => ({ key: taintKey, effect, timeAdded: now() }));
    node['spec'] = { ...spec, taints: [...taints, ...added] };
    this.store.put('nodes', entry.key, node);
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
