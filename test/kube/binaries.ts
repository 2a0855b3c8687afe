import { accessSync, constants, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const KUBE_VERSION = 'v1.35.4';

export interface KubeBinaries {
  readonly apiServer: string;
  readonly etcd: string;
  /** Not part of every KUBEBUILDER_ASSETS. */
  readonly controllerManager: string | undefined;
  readonly kubectl: string | undefined;
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}

function cacheRoot(): string {
  return process.env['HERALDLB_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'heraldlb');
}

function cacheDirectory(): string {
  return join(cacheRoot(), 'kube', KUBE_VERSION);
}

/** $HERALDLB_HELM, else what `test/kube/helm/build.sh` made. */
export function findHelm(): string | undefined {
  const version = /^require helm\.sh\/helm\/v3 (\S+)$/m.exec(readFileSync(join(import.meta.dirname, 'helm/go.mod'), 'utf8'))?.[1] ?? '';
  return executable(process.env['HERALDLB_HELM'] ?? '') ?? executable(join(cacheRoot(), 'helm', version, 'helm'));
}

/** In KUBEBUILDER_ASSETS, else in the cache that `test/kube/build.sh` fills. */
export function findKubeBinaries(): KubeBinaries | undefined {
  for (const directory of [process.env['KUBEBUILDER_ASSETS'], cacheDirectory()]) {
    if (directory === undefined || directory === '') continue;
    const apiServer = executable(join(directory, 'kube-apiserver'));
    const etcd = executable(join(directory, 'etcd'));
    if (apiServer === undefined || etcd === undefined) continue;
    const controllerManager = executable(join(directory, 'kube-controller-manager'));
    return { apiServer, etcd, controllerManager, kubectl: executable(join(directory, 'kubectl')) };
  }
  return undefined;
}

/**
 * The binaries, or undefined after having said loudly what is skipped for want of them: for `describe.skipIf`. In CI their
 * absence is a failure.
 */
export function needKube(what: string): KubeBinaries | undefined {
  const binaries = findKubeBinaries();
  if (binaries !== undefined) return binaries;
  const message = `SKIPPED for want of a real kube-apiserver: ${what}. Run test/kube/build.sh (needs Go) or set KUBEBUILDER_ASSETS.`;
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') throw new Error(message);
  process.stderr.write(`\n*** ${message}\n\n`);
  return undefined;
}
