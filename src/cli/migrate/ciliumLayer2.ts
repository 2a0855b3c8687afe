import { items, text } from '../../cluster/json.ts';
import type { Draft } from './draft.ts';
import { isEmpty, readSelector, servicesOf } from './selectors.ts';
import { type SourceObject, given } from './sourceObject.ts';

/** CiliumL2AnnouncementPolicy. */
export function migrateLayer2(draft: Draft): void {
  for (const object of draft.of('CiliumL2AnnouncementPolicy', 'cilium.io')) {
    const { spec } = object;
    if (spec['externalIPs'] === true)
      draft.lose(
        'NoEquivalent',
        object,
        'spec.externalIPs',
        'spec.externalIPs of Services are not announced, only addresses of load balancers',
      );
    if (spec['loadBalancerIPs'] !== true) {
      draft.lose('SelectsNothing', object, 'spec.loadBalancerIPs', 'is not true: this policy announced no address of a load balancer');
      continue;
    }
    const nodes = readSelector(spec['nodeSelector']);
    const services = readSelector(spec['serviceSelector']);
    const selectors = services === undefined ? [] : servicesOf(draft, object, 'spec.serviceSelector', services);
    draft.write(
      'L2Advertisement',
      object.name,
      given({
        nodeSelectors: nodes === undefined || isEmpty(nodes) ? undefined : [nodes],
        serviceSelectors: selectors.length === 0 ? undefined : selectors,
        interfaces: interfacesOf(
          draft,
          object,
          'spec.interfaces',
          items(spec['interfaces']).flatMap((one) => text(one) ?? []),
        ),
      }),
      { labels: object.labels },
    );
  }
}

/** Names, out of regular expressions that stand for names. */
export function interfacesOf(draft: Draft, object: SourceObject, path: string, patterns: readonly string[]): string[] | undefined {
  if (patterns.length === 0) return undefined;
  const names = patterns.map(namesOf);
  if (names.every((each) => each !== undefined)) return [...new Set(names.flat())];
  draft.lose(
    'Approximated',
    object,
    path,
    `${patterns.join(', ')} cannot be written as names: every fit interface is used, name them in spec.interfaces`,
  );
  return undefined;
}

function namesOf(pattern: string): string[] | undefined {
  const [, plain] = /^\^?(?:\(([^()]*)\)|([^()]*))\$?$/.exec(pattern) ?? [];
  const body = plain ?? pattern.replace(/^\^/, '').replace(/\$$/, '');
  const names = body.split('|').map((name) => name.replaceAll('\\.', '.'));
  return names.every((name) => /^[\w.@-]{1,15}$/.test(name)) ? names : undefined;
}
