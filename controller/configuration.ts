import type { Config } from '../src/config/config.ts';
import { CONFIG_KINDS, type ConfigKind, parseConfig } from '../src/config/parse.ts';
import type { Problem } from '../src/config/problem.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import { configResource } from '../src/host/kube/configResource.ts';
import type { Resource } from '../src/host/kube/resource.ts';
import type { Watches } from './watches.ts';

export interface ConfigObject {
  readonly resource: Resource;
  readonly object: KubeObject;
}

export function configResources(group: string): readonly Resource[] {
  return CONFIG_KINDS.map((kind) => configResource(group, kind));
}

/** The configuration as last read, and read anew only when an object's spec or labels changed, not for every status. */
export class Configuration {
  readonly #watches: Watches;
  #stores = '';
  #contents = '';
  #version = 0;
  #objects: readonly ConfigObject[] = [];
  #config: Config | undefined;
  #problems: readonly Problem[] = [];

  constructor(watches: Watches) {
    this.#watches = watches;
  }

  refresh(): void {
    const stores = [...this.#watches.configs.values()].map(({ store }) => store.version).join();
    if (stores === this.#stores) return;
    this.#stores = stores;
    this.#objects = [...this.#watches.configs].flatMap(([resource, { store }]) =>
      [...store.values()].map((object) => ({ resource, object })),
    );
    const contents = JSON.stringify(
      this.#objects.map(({ resource, object: { metadata, spec } }) => [resource.kind, metadata.name, metadata.uid, metadata.labels, spec]),
    );
    if (contents === this.#contents) return;
    this.#contents = contents;
    this.#version++;
    const { config, problems } = parseConfig(this.#byKind(), {
      generation: this.#version,
      ...(this.#config === undefined ? {} : { previous: this.#config }),
    });
    this.#config = config;
    this.#problems = problems;
  }

  #byKind(): Record<ConfigKind, KubeObject[]> {
    const raw = Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, []])) as unknown as Record<ConfigKind, KubeObject[]>;
    for (const { resource, object } of this.#objects) raw[resource.kind as ConfigKind].push(object);
    return raw;
  }

  /** Grows whenever something may have to be planned anew. */
  version(): number {
    return this.#version;
  }

  /** Whether a plan depends on the labels of namespaces; where not, namespaces come and go without a new one. */
  selectsNamespaces(): boolean {
    return this.config().pools.some(({ allocation }) => (allocation?.namespaceSelectors.length ?? 0) > 0);
  }

  objects(): readonly ConfigObject[] {
    return this.#objects;
  }

  config(): Pick<Config, 'pools'> {
    return this.#config ?? { pools: [] };
  }

  whole(): Config {
    return this.#config ?? { generation: 0, pools: [], peers: [], bgpAdvertisements: [], l2Advertisements: [], bfdProfiles: [] };
  }

  problems(): readonly Problem[] {
    return this.#problems;
  }

  /** Pools that exist, but not in the configuration: what they gave is not taken back for a typo. */
  unsettledPools(): readonly string[] {
    const usable = new Set(this.config().pools.map(({ name }) => name));
    const all = this.#objects.filter(({ resource }) => resource.kind === 'IPAddressPool').map(({ object }) => object.metadata.name);
    return all.filter((name) => !usable.has(name));
  }
}
