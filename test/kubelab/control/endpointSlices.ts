import { randomUUID } from 'node:crypto';
import { clone, dict, dicts, equal, now, text, texts, type Dict, type KubeObject } from '../json.ts';
import { familyOf } from '../service/allocator.ts';
import type { Store } from '../store.ts';

const storage = 'discovery.k8s.io/endpointslices';
const serviceLabel = 'kubernetes.io/service-name';

function selects(selector: Dict, pod: KubeObject): boolean {
  const labels = pod.metadata.labels ?? {};
  const terms = Object.entries(selector);
  return terms.length > 0 && terms.every(([key, value]) => labels[key] === value);
}

function isReady(pod: KubeObject): boolean {
  return dicts(dict(pod['status'])['conditions']).some((condition) => condition['type'] === 'Ready' && condition['status'] === 'True');
}

function endpointOf(pod: KubeObject, address: string, zone: string): Dict {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const serving = isReady(pod);
  return {
    addresses: [address],
    conditions: { ready: serving && !terminating, serving, terminating },
    ...(text(dict(pod['spec'])['nodeName']) === '' ? {} : { nodeName: dict(pod['spec'])['nodeName'] }),
    ...(zone === '' ? {} : { zone }),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
  };
}

function portOf(port: Dict, pods: readonly KubeObject[]): Dict {
  let number = port['targetPort'] ?? port['port'];
  if (typeof number === 'string') {
    const containers = pods.flatMap((pod) => dicts(dict(pod['spec'])['containers']));
    number = containers.flatMap((container) => dicts(container['ports'])).find(({ name }) => name === number)?.['containerPort'];
  }
  return { name: text(port['name']), port: number ?? null, protocol: port['protocol'] };
}

/** Keeps EndpointSlices of Services with a selector, one per address family, as Pods come and go. */
export class EndpointSlices {
  private store: Store;
  private unobserve: () => void;
  private dirty = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(store: Store) {
    this.store = store;
    this.unobserve = store.observe((where, { entry }) => {
      if (where === 'services') this.mark(entry.key);
      else if (where === 'pods') this.markOf(text(entry.object.metadata.namespace));
    });
  }

  private mark(key: string): void {
    this.dirty.add(key);
    this.timer ??= setTimeout(() => this.flush(), 5);
  }

  private markOf(namespace: string): void {
    for (const { key, object } of this.store.list('services')) if (object.metadata.namespace === namespace) this.mark(key);
  }

  private flush(): void {
    this.timer = undefined;
    const keys = [...this.dirty];
    this.dirty.clear();
    for (const key of keys) this.sync(key);
  }

  private sync(key: string): void {
    const service = this.store.get('services', key)?.object;
    const spec = dict(service?.['spec']);
    const families = texts(spec['ipFamilies']);
    const managed = service !== undefined && Object.keys(dict(spec['selector'])).length > 0;
    for (const family of ['IPv4', 'IPv6']) {
      const name = `${key}-${family.toLowerCase()}-kubelab`;
      if (managed && families.includes(family)) this.write(name, service, family);
      else this.store.remove(storage, name);
    }
  }

  private write(key: string, service: KubeObject, family: string): void {
    const spec = dict(service['spec']);
    const pods = this.store
      .list('pods')
      .map(({ object }) => object)
      .filter((pod) => pod.metadata.namespace === service.metadata.namespace && selects(dict(spec['selector']), pod));
    const endpoints = pods.flatMap((pod) => {
      const zone =
        this.store.get('nodes', text(dict(pod['spec'])['nodeName']))?.object.metadata.labels?.['topology.kubernetes.io/zone'] ?? '';
      const ips = dicts(dict(pod['status'])['podIPs']).map(({ ip }) => text(ip));
      const all = ips.length > 0 ? ips : [text(dict(pod['status'])['podIP'])];
      return all.filter((ip) => ip !== '' && familyOf(ip) === family).map((ip) => endpointOf(pod, ip, zone));
    });
    const ports = dicts(spec['ports']).map((port) => portOf(port, pods));
    const before = this.store.get(storage, key)?.object;
    if (before !== undefined && equal(before['endpoints'], endpoints) && equal(before['ports'], ports)) return;
    const { namespace = '', name, uid = '' } = service.metadata;
    const slice: KubeObject = clone(
      before ?? {
        kind: 'EndpointSlice',
        apiVersion: 'discovery.k8s.io/v1',
        metadata: {
          name: key.slice(namespace.length + 1),
          namespace,
          uid: randomUUID(),
          creationTimestamp: now(),
          generation: 0,
          labels: { [serviceLabel]: name, 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' },
          ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true }],
        },
        addressType: family,
      },
    );
    slice['endpoints'] = endpoints;
    slice['ports'] = ports;
    slice.metadata.generation = (slice.metadata.generation ?? 0) + 1;
    if (spec['clusterIP'] === 'None') slice.metadata.labels = { ...slice.metadata.labels, 'service.kubernetes.io/headless': '' };
    this.store.put(storage, key, slice);
  }

  stop(): void {
    this.unobserve();
    clearTimeout(this.timer);
  }
}
