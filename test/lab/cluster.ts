import type { ApiClient, KubeObject, Ref } from '../support/apiClient.ts';
import { renderNat } from './kubeProxy.ts';
import { nodeName } from './addresses.ts';
import { ingressPod, node } from './manifests.ts';
import type { Space } from './space.ts';

const LEASES = 'kube-node-lease';

/**
 * What kubelets and kube-proxies would do: Nodes and Pods with their status, node leases renewed while a node lives, and
 * the nodes' NAT kept in step with Services and EndpointSlices.
 */
export class Cluster {
  readonly #api: ApiClient;
  readonly #space: Space;
  readonly #nodes: number;
  readonly #dead = new Set<string>();
  readonly #rules = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(api: ApiClient, space: Space, nodes: number) {
    this.#api = api;
    this.#space = space;
    this.#nodes = nodes;
  }

  /** Makes Nodes and one ready ingress Pod on each, then follows the API until `stop`. */
  async start(): Promise<void> {
    await this.#api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: LEASES } });
    for (let index = 0; index < this.#nodes; index++) {
      await this.#create(node(index));
      await this.#create(ingressPod(index));
    }
    await this.#turn();
    let isTurning = false;
    this.#timer = setInterval(() => {
      if (isTurning) return;
      isTurning = true;
      void this.#turn()
        .catch(() => {})
        .finally(() => (isTurning = false));
    }, 250);
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  /** The kubelet of this node says nothing from now on. */
  silence(name: string): void {
    this.#dead.add(name);
  }

  revive(name: string): void {
    this.#dead.delete(name);
  }

  /** Sets the readiness of a node's ingress Pod, as its kubelet would. */
  async setReady(name: string, ready: boolean): Promise<void> {
    const ref: Ref = { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: `ingress-${name}` };
    const status = ready ? 'True' : 'False';
    const conditions = [
      { type: 'Ready', status },
      { type: 'ContainersReady', status },
    ];
    await this.#api.patch(ref, { status: { conditions } }, '/status');
  }

  async #create(object: object): Promise<void> {
    const whole = object as KubeObject;
    const { status, ...rest } = whole;
    await this.#api.apply(rest);
    const ref: Ref = { ...whole, name: whole.metadata.name, namespace: whole.metadata.namespace ?? 'default' };
    await this.#api.patch(ref, { status }, '/status');
  }

  async #turn(): Promise<void> {
    const names = Array.from({ length: this.#nodes }, (_, index) => nodeName(index));
    await Promise.all(names.filter((name) => !this.#dead.has(name)).map((name) => this.#renew(name)));
    await this.#postReady();
    await this.syncNat();
  }

  /** Whom the control plane thought lost says that it is not, as a kubelet does. */
  async #postReady(): Promise<void> {
    for (const { metadata, status } of await this.#api.list({ apiVersion: 'v1', kind: 'Node' })) {
      const conditions = (status?.['conditions'] ?? []) as { type: string; status: string }[];
      const lost = conditions.find(({ type }) => type === 'Ready')?.status === 'Unknown';
      if (!lost || this.#dead.has(metadata.name)) continue;
      const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady' };
      const others = conditions.filter(({ type }) => type !== 'Ready');
      await this.#api.patch(
        { apiVersion: 'v1', kind: 'Node', name: metadata.name },
        { status: { conditions: [...others, ready] } },
        '/status',
      );
    }
  }

  async #renew(name: string): Promise<void> {
    const renewTime = new Date().toISOString().replace('Z', '000Z');
    await this.#api.apply({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: LEASES },
      spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime },
    });
  }

  async syncNat(): Promise<void> {
    const services = await this.#api.list({ apiVersion: 'v1', kind: 'Service' });
    const slices = await this.#api.list({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' });
    const balanced = services.filter((service) => service.spec?.['type'] === 'LoadBalancer');
    for (let index = 0; index < this.#nodes; index++) {
      const name = nodeName(index);
      const rules = renderNat(name, balanced, slices);
      // A turn that was under way at the end must not touch what has come in its place.
      if (this.#isStopped || this.#dead.has(name) || this.#rules.get(name) === rules) continue;
      this.#space.run(name, ['nft', '-f', '-'], rules);
      this.#rules.set(name, rules);
    }
  }
}
