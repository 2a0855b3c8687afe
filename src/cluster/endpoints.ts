import type { Family } from '../net/ip.ts';
import type { ServiceKey } from './service.ts';

/** One endpoint of an EndpointSlice, reduced to what decides whether a node may announce. */
export interface EndpointView {
  readonly nodeName?: string;
  /** `ready` nil counts as true (discovery/v1). */
  readonly ready: boolean;
  /** `serving` nil counts as `ready`. */
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** One EndpointSlice (discovery.k8s.io/v1). FQDN slices are not kept. */
export interface EndpointSliceView {
  readonly namespace: string;
  readonly name: string;
  /** From the label `kubernetes.io/service-name`. */
  readonly service: ServiceKey;
  readonly family: Family;
  readonly endpoints: readonly EndpointView[];
}

/** What announcement needs of it. */
export type AnnouncedSlice = Pick<EndpointSliceView, 'service' | 'family' | 'endpoints'>;

/** Equal for endpoints that are alike. */
export function endpointKey({ nodeName, ready, serving, terminating }: EndpointView): string {
  return `${Number(ready)}${Number(serving)}${Number(terminating)}${nodeName === undefined ? '' : ` ${nodeName}`}`;
}

/** What {@link endpointKey} was made of. */
export function endpointFrom(key: string): EndpointView {
  const [ready, serving, terminating] = [key[0] === '1', key[1] === '1', key[2] === '1'];
  return key.length === 3 ? { ready, serving, terminating } : { nodeName: key.slice(4), ready, serving, terminating };
}
