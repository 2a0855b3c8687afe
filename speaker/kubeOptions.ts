import type { DrainTrigger } from '../src/announce/drain.ts';
import type { LogLevel } from '../src/host/log.ts';

/** What the worker is started with; plain data. */
export interface KubeSideOptions {
  readonly node: string;
  readonly namespace: string;
  readonly apiGroup: string;
  readonly lbClass?: string;
  readonly kubeconfig?: string;
  readonly logLevel: LogLevel;
  readonly version: string;
  readonly startedAt: string;
  readonly drainOn: readonly DrainTrigger[];
  readonly drainWaitMs: number;
  /** Default: yes. */
  readonly metallbMetrics?: boolean;
}
