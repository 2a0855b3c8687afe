import type { DrainTrigger } from '../src/announce/drain.ts';
import type { LogLevel } from '../src/host/log.ts';

export interface Flags {
  readonly nodeName: string;
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly apiGroup: string;
  readonly lbClass?: string;
  readonly logLevel: LogLevel;
  readonly metricsPort: number;
  readonly metricsAddress: string;
  /** Metrics under MetalLB's names, too. Default: yes. */
  readonly metallbMetrics?: boolean;
  readonly bgpListenPort: number;
  readonly record?: string;
  readonly excludeInterfaces?: RegExp;
  readonly l2RepeatSeconds: number;
  readonly drainOn: readonly DrainTrigger[];
  readonly drainWaitSeconds: number;
  readonly meshPort: number;
  readonly l2Failback: 'immediate' | 'delayed' | 'never';
  readonly l2FailbackSeconds: number;
  /** Of this program, for NodeState. */
  readonly version: string;
}
