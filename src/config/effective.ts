import { type Fault, fault } from './object.ts';

/** Fields that are parsed and validated and have no effect in this version. A capability that lands removes its line. */
const NOT_YET: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  BGPPeer: {
    bfdProfile: 'BFD is not there yet: the session is guarded by its hold timer alone',
    interface: 'unnumbered peering is not there yet: there is no session',
    vrf: 'VRFs are not there yet: the session uses the default one',
  },
};

/** A warning for each such field that an object sets. @param spec after its schema */
export function notYetEffective(kind: string, spec: object): Fault[] {
  const fields = NOT_YET[kind] ?? {};
  return Object.entries(spec)
    .filter(([name, value]) => Object.hasOwn(fields, name) && value !== undefined && value !== '' && value !== false)
    .map(([name]) => fault('NotYetEffective', `spec.${name}`, fields[name] ?? '', 'warning'));
}
