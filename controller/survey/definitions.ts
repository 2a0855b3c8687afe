import { addressClaim } from '../../src/api/addressClaim.ts';
import { KINDS } from '../../src/api/crd.ts';
import { GROUP, type Kind } from '../../src/api/kind.ts';
import { nodeState } from '../../src/api/nodeState.ts';
import { sleep } from '../../src/host/kube/backoff.ts';
import { deepEqual } from '../../src/host/kube/deepEqual.ts';
import { readDefinitions } from '../../src/host/kube/definitions.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import type { Logger } from '../../src/host/log.ts';
import { type OutdatedKind, outdatedKinds, outdatedText } from '../../src/view/definitions.ts';

export interface DefinitionsOptions {
  readonly client: KubeClient;
  /** Of the configuration. */
  readonly apiGroup: string;
  /** Between two looks. Default: a minute. */
  readonly restMs?: number;
  readonly onChange: () => void;
  readonly log: Logger;
}

/** Whether the definitions in the cluster are those of this version. They change with an upgrade: so they are asked for, not watched. */
export interface Definitions {
  /** The same array while nothing changes. */
  readonly outdated: () => readonly OutdatedKind[];
  readonly stop: () => Promise<void>;
}

const REST_MS = 60_000;

export function startDefinitions({ client, apiGroup, restMs = REST_MS, onChange, log }: DefinitionsOptions): Definitions {
  const kinds: readonly Kind[] = apiGroup === GROUP ? KINDS : [addressClaim, nodeState];
  const stopping = new AbortController();
  let outdated: readonly OutdatedKind[] = [];
  const look = async (): Promise<void> => {
    const found = outdatedKinds(kinds, await readDefinitions(client, kinds, stopping.signal));
    if (deepEqual(found, outdated)) return;
    outdated = found;
    for (const one of found) log.warn({ object: `CustomResourceDefinition ${one.name}`, reason: 'CrdOutdated' }, outdatedText(one));
    onChange();
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await look().catch((error: unknown) => log.debug({ err: error }, 'the definitions could not be read'));
      await sleep(restMs, stopping.signal);
    }
  };
  const running = run();
  return {
    outdated: () => outdated,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
