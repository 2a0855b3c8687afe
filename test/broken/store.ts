import type { Raw, RawCluster } from '../cli/explainSupport.ts';
import type { Cluster } from '../controller/support.ts';
import { GROUP } from '../../src/api/kind.ts';
import { CONFIG_KINDS } from '../../src/config/parse.ts';
import { configResource } from '../../src/host/kube/configResource.ts';
import type { KubeObject } from '../kubelab/json.ts';

const announced = { startMs: 0, settleMs: 100, reasonMs: 100, longestMs: 2000, wordsMs: 1000, restMs: 20 };
export const FLAGS = { glassPort: 0, glassAuth: 'none' } as const;
/** The controller tells at once what it tells after some seconds. */
export const QUICK = { announced, glassRestMs: 20 };

/** Stores what the API server would store if everybody had written it, and nothing else of these kinds. */
export function store({ lab }: Cluster, raw: RawCluster): void {
  const put = (storage: string, objects: readonly Raw[], apiVersion: string, kind: string): void => {
    const keyOf = ({ metadata: { namespace, name } }: Raw): string => (namespace === undefined ? name : `${namespace}/${name}`);
    const wanted = new Set(objects.map(keyOf));
    const { store: table } = lab;
    for (const { key } of table.list(storage)) if (!wanted.has(key)) table.remove(storage, key);
    for (const object of objects) {
      const known = table.get(storage, keyOf(object))?.object;
      const next = { apiVersion, kind, ...object } as unknown as KubeObject;
      const essence = (one: KubeObject | undefined): string =>
        JSON.stringify({ ...one, metadata: [one?.metadata.uid, one?.metadata.labels] });
      if (essence(known) !== essence(next)) table.put(storage, keyOf(object), structuredClone(next));
    }
  };
  for (const kind of CONFIG_KINDS) put(`${GROUP}/${configResource(GROUP, kind).plural}`, raw.config[kind], `${GROUP}/v1`, kind);
  put('nodes', raw.nodes, 'v1', 'Node');
  put('discovery.k8s.io/endpointslices', raw.slices, 'discovery.k8s.io/v1', 'EndpointSlice');
  put('heraldlb.io/nodestates', raw.nodeStates, 'heraldlb.io/v1', 'NodeState');
  put('pods', raw.pods ?? [], 'v1', 'Pod');
  put('services', raw.services, 'v1', 'Service');
}
