import { type AnnouncedSlice, type EndpointView, endpointFrom, endpointKey } from '../src/cluster/endpoints.ts';
import { record, text } from '../src/cluster/json.ts';
import { projectEndpointSlice, projectService } from '../src/cluster/project.ts';
import type { AnnouncedService } from '../src/cluster/service.ts';

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
const endpoints = new Shared<EndpointView>(4096);
const endpointLists = new Shared<readonly EndpointView[]>(4096);

/** @returns undefined: no Service of type LoadBalancer */
export function projectLoadBalancer(object: unknown): LoadBalancer | undefined {
  if (text(record(record(object)?.['spec'])?.['type']) !== TYPE) return undefined;
  const service = projectService(object);
  if (service === undefined) return undefined;
  const { key, uid, deleting, loadBalancerClass, labels, externalTrafficPolicy, ingress } = service;
  const view = { key, uid, type: TYPE, deleting, labels, externalTrafficPolicy, ingress };
  return loadBalancerClass === undefined ? view : { ...view, loadBalancerClass };
}

/** Its endpoints are shared with slices that have the like. */
export function projectServingSlice(object: unknown): AnnouncedSlice | undefined {
  const slice = projectEndpointSlice(object);
  if (slice === undefined) return undefined;
  return { service: slice.service, family: slice.family, endpoints: endpointsFrom(endpointsText(slice.endpoints)) };
}

/** Equal for lists that are alike. */
export function endpointsText(list: readonly EndpointView[]): string {
  return JSON.stringify(list.map(endpointKey));
}

/** The same list for the same text, as long as there are not very many. */
export function endpointsFrom(text: string): readonly EndpointView[] {
  return endpointLists.of(text, () => (JSON.parse(text) as string[]).map((key) => endpoints.of(key, () => endpointFrom(key))));
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
  return alike && (a.endpoints === b.endpoints || endpointsText(a.endpoints) === endpointsText(b.endpoints));
}

function sameLabels(a: LoadBalancer['labels'], b: LoadBalancer['labels']): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
