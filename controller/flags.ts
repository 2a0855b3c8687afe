import type { LogLevel } from '../src/host/log.ts';

/** What `heraldlb controller` was started with. */
export interface Flags {
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly apiGroup: string;
  readonly lbClass?: string;
  readonly logLevel: LogLevel;
  readonly metricsPort: number;
  readonly metricsAddress: string;
  readonly leaderElect: boolean;
  /** Absent: no webhook. */
  readonly webhookPort?: number;
  readonly identity: string;
}
