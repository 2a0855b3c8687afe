import { clone, dict, type Dict, type KubeObject } from '../json.ts';

/** The Scale of a workload. */
export function scaleOf(object: KubeObject): Dict {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const spec = dict(object['spec']);
  const labels = dict(dict(spec['selector'])['matchLabels']);
  const selector = Object.entries(labels).map(([key, value]) => `${key}=${String(value)}`);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec['replicas'] ?? 0 },
    status: { replicas: dict(object['status'])['replicas'] ?? 0, selector: selector.join(',') },
  };
}

export function withScale(object: KubeObject, replicas: number): KubeObject {
  const scaled = clone(object);
  dict(scaled['spec'])['replicas'] = replicas;
  return scaled;
}
