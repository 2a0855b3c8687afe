import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Space } from './space.ts';

/** The product's own executable, as `make build` left it. */
export const HERALDLB = join(process.env['HERALDLB_ROOT'] ?? process.cwd(), 'dist/src/cli/heraldlb.js');

/** Of Node.js, as the manifests have them. */
export const SPEAKER_FLAGS = ['--single-threaded-gc', '--optimize-for-size', '--max-semi-space-size=4'];

export interface DaemonOptions {
  readonly space: Space;
  readonly directory: string;
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly logLevel?: string;
  readonly extra?: readonly string[];
}

export function startController(options: DaemonOptions, host: string, identity = 'controller-1'): ChildProcess {
  const own = ['--identity', identity, '--metrics-port', '7481', '--metrics-address', '0.0.0.0'];
  return start(options, host, identity, ['controller', ...own]);
}

export function startSpeaker(options: DaemonOptions, node: string): ChildProcess {
  const own = ['--node-name', node, '--metrics-port', '7482', '--metrics-address', '0.0.0.0'];
  return start(options, node, `speaker-${node}`, ['speaker', ...own], SPEAKER_FLAGS);
}

/** @param node options of Node.js, as the manifests have them */
function start(options: DaemonOptions, host: string, name: string, command: readonly string[], node: readonly string[] = []): ChildProcess {
  const common = ['--kubeconfig', options.kubeconfig, '--namespace', options.namespace, '--log-level', options.logLevel ?? 'info'];
  const log = join(options.directory, `${name}.log`);
  return options.space.start(host, [process.execPath, ...node, HERALDLB, ...command, ...common, ...(options.extra ?? [])], log);
}
