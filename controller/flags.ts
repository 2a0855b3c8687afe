import type { LogLevel } from '../src/host/log.ts';
import type { GlassFlags } from './glass/glass.ts';

/** What `heraldlb controller` was started with. */
export interface Flags extends GlassFlags {
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly apiGroup: string;
  readonly lbClass?: string;
  readonly logLevel: LogLevel;
  readonly metricsPort: number;
  readonly metricsAddress: string;
  /** Metrics under MetalLB's names, too. Default: yes. */
  readonly metallbMetrics?: boolean;
  readonly leaderElect: boolean;
  /** Say of Services whether they are on the wire. Default: yes. */
  readonly announced?: boolean;
  /** Seconds that a change stands before it is told. Default: 3. */
  readonly announcedSettle?: number;
  /** Absent: no webhook. */
  readonly webhookPort?: number;
  readonly identity: string;
  /** Of this program; default: unknown. */
  readonly version?: string;
}
