import { type Command, Option } from 'commander';
import { GROUP } from '../api/kind.ts';
import { loadCredentials } from '../host/kube/credentials.ts';
import { type KubeClient, createKubeClient } from '../host/kube/kubeClient.ts';
import { listPages } from '../host/kube/listing.ts';
import type { KubeObject } from '../host/kube/objects.ts';
import type { Resource } from '../host/kube/resource.ts';
import { createLogger } from '../host/log.ts';

/** What every command that speaks to a cluster is told. */
export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly apiGroup: string;
}

export function withClusterOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, ~/.kube/config, then the service account of the pod')
    .addOption(
      new Option('-n, --namespace <name>', 'where HeraldLB and its configuration are').env('HERALDLB_NAMESPACE').default('heraldlb-system'),
    )
    .addOption(new Option('--api-group <group>', 'metallb.io reads the objects of MetalLB').default(GROUP));
}

/** Opens the cluster for as long as the body runs. @throws KubeError */
export async function withCluster<T>(flags: ClusterFlags, body: (client: KubeClient) => Promise<T>): Promise<T> {
  const credentials = loadCredentials(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig });
  const log = createLogger({ level: 'error', name: 'heraldlb' });
  const client = createKubeClient({ credentials, log, userAgent: 'heraldlb-cli' });
  try {
    return await body(client);
  } finally {
    await client.close();
  }
}

/** @param namespace absent: of the whole cluster @throws KubeError */
export async function listAll(client: KubeClient, resource: Resource, namespace?: string): Promise<KubeObject[]> {
  let found: KubeObject[] = [];
  const begin = (): void => {
    found = [];
  };
  const options = { pageSize: 500, signal: new AbortController().signal, ...(namespace === undefined ? {} : { namespace }) };
  await listPages(client, resource, options, { begin, item: (raw) => void found.push(raw) });
  return found;
}
