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
  readonly bgpListenPort: number;
  readonly record?: string;
  readonly excludeInterfaces?: RegExp;
  readonly l2RepeatSeconds: number;
  readonly meshPort: number;
  readonly l2Failback: 'immediate' | 'delayed' | 'never';
  readonly l2FailbackSeconds: number;
  /** Of this program, for NodeState. */
  readonly version: string;
}
