import { KINDS } from '../../api/crd.ts';
import { GROUP } from '../../api/kind.ts';
import type { Right } from './contract.ts';

type Rule = Omit<Right, 'account' | 'namespace' | 'verb'> & { readonly verbs: readonly string[]; readonly everywhere?: true };

const CONFIG = ['ipaddresspools', 'bgppeers', 'bgpadvertisements', 'l2advertisements', 'bfdprofiles', 'communities'];
const READ = ['list', 'watch'];

const of = (group: string, resources: readonly string[], verbs: readonly string[], more: Partial<Rule> = {}): Rule[] =>
  resources.map((resource) => ({ group, resource, verbs, ...more }));

const EVENTS = of('', ['events'], ['create', 'patch'], { everywhere: true });

/** What manifests/base/rbac.yaml gives, which is what the programs need: a test compares the two. */
const RULES: Readonly<Record<'controller' | 'speaker', readonly Rule[]>> = {
  controller: [
    ...of('', ['services', 'namespaces', 'nodes'], READ, { everywhere: true }),
    ...of('discovery.k8s.io', ['endpointslices'], READ, { everywhere: true }),
    ...of('', ['services'], ['patch'], { subresource: 'status', everywhere: true }),
    ...EVENTS,
    ...KINDS.flatMap(({ plural }) =>
      of('apiextensions.k8s.io', ['customresourcedefinitions'], ['get'], { name: `${plural}.${GROUP}`, everywhere: true }),
    ),
    ...of(GROUP, [...CONFIG, 'nodestates', 'addressclaims'], READ),
    ...of('', ['pods'], READ),
    ...of(GROUP, ['addressclaims'], ['create', 'patch', 'delete']),
    ...of(GROUP, [...CONFIG, 'addressclaims'], ['patch'], { subresource: 'status' }),
    ...of('coordination.k8s.io', ['leases'], ['create']),
    ...of('coordination.k8s.io', ['leases'], ['get', 'update'], { name: 'heraldlb-controller' }),
  ],
  speaker: [
    ...of('', ['services', 'nodes'], READ, { everywhere: true }),
    ...of('discovery.k8s.io', ['endpointslices'], READ, { everywhere: true }),
    ...EVENTS,
    ...of(GROUP, CONFIG, READ),
    // Those that BGPPeers name, and heraldlb-mesh.
    ...of('', ['secrets'], ['get']),
    ...of(GROUP, ['nodestates'], ['create']),
    ...of(GROUP, ['nodestates'], ['patch'], { subresource: 'status' }),
  ],
};

/** Each right by itself. @param namespace of HeraldLB */
export function rightsOf(program: 'controller' | 'speaker', namespace: string): Right[] {
  return RULES[program].flatMap(({ verbs, everywhere, ...rule }) =>
    verbs.map((verb) => ({ account: `heraldlb-${program}`, verb, ...rule, ...(everywhere === true ? {} : { namespace }) })),
  );
}
