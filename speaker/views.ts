import { type AnnouncedSlice, type EndpointView, endpointKey } from '../src/cluster/endpoints.ts';
import { record, text } from '../src/cluster/json.ts';
import { projectEndpointSlice, projectService } from '../src/cluster/project.ts';
import type { AnnouncedService, ServiceKey } from '../src/cluster/service.ts';

/** A Service as a speaker keeps it: there may be 100,000. */
export interface LoadBalancer extends AnnouncedService {
  /** For events. */
  readonly uid: string;
}

/** Values that many objects have in common, up to a limit; beyond it the memory begins anew. */
class Shared<T> {
  readonly #known = new Map<string, T>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  of(key: string, make: () => T): T {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= this.#limit) this.#known.clear();
    const made = make();
    this.#known.set(key, made);
    return made;
  }
}

const TYPE = 'LoadBalancer';
const texts = new Shared<string>(1024);
const endpoints = new Shared<EndpointView>(4096);
const endpointLists = new Shared<readonly EndpointView[]>(4096);

/** @param as its key, where that is kept anyway @returns undefined: no Service of type LoadBalancer */
export function projectLoadBalancer(object: unknown, as?: string): LoadBalancer | undefined {
  if (text(record(record(object)?.['spec'])?.['type']) !== TYPE) return undefined;
  const service = projectService(object);
  if (service === undefined) return undefined;
  const { deleting, loadBalancerClass, externalTrafficPolicy, ingress, uid } = service;
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(service.labels)) labels[name] = texts.of(value, () => value);
  const key = same(service.key, as);
  const view = { key, uid, type: TYPE, deleting, labels, externalTrafficPolicy, ingress };
  return loadBalancerClass === undefined ? view : { ...view, loadBalancerClass: texts.of(loadBalancerClass, () => loadBalancerClass) };
}

/** Its endpoints are shared with all slices that have the like. @param known the Services that are kept, whose keys are taken */
export function projectServingSlice(
  object: unknown,
  known?: (key: ServiceKey) => { readonly key: ServiceKey } | undefined,
): AnnouncedSlice | undefined {
  const slice = projectEndpointSlice(object);
  if (slice === undefined) return undefined;
  const keys = slice.endpoints.map(endpointKey);
  const list = endpointLists.of(keys.join(), () => slice.endpoints.map((each, i) => endpoints.of(keys[i] ?? '', () => each)));
  return { service: known?.(slice.service)?.key ?? slice.service, family: slice.family, endpoints: list };
}

/** Of two equal texts the one that is there already. */
function same(key: ServiceKey, as: string | undefined): ServiceKey {
  return (as === key ? as : key) as ServiceKey;
}

export function sameLoadBalancer(a: LoadBalancer, b: LoadBalancer): boolean {
  return (
    a.uid === b.uid &&
    a.deleting === b.deleting &&
    a.loadBalancerClass === b.loadBalancerClass &&
    a.externalTrafficPolicy === b.externalTrafficPolicy &&
    a.ingress.length === b.ingress.length &&
    a.ingress.every((ip, i) => ip === b.ingress[i]) &&
    sameLabels(a.labels, b.labels)
  );
}

export function sameSlice(a: AnnouncedSlice, b: AnnouncedSlice): boolean {
  const alike = a.service === b.service && a.family === b.family;
  return alike && (a.endpoints === b.endpoints || String(a.endpoints.map(endpointKey)) === String(b.endpoints.map(endpointKey)));
}

function sameLabels(a: LoadBalancer['labels'], b: LoadBalancer['labels']): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
