import { type Fault, fault } from './fault.ts';

/**
 * Fields that are parsed and validated and have no effect, or not all of it, in this version. A capability that lands
 * removes its line.
 */
const NOT_YET: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  BFDProfile: {
    echoMode: "the router's echo packets are sent back; none of our own are sent",
  },
  BGPPeer: {
    disableMP: 'has no effect: each session offers the families it carries',
    vrf: 'connections are made and accepted on this device; tested with a plain device, not with a VRF',
  },
};

/** A warning for each such field that an object sets. @param spec after its schema */
export function notYetEffective(kind: string, spec: object): Fault[] {
  const fields = NOT_YET[kind] ?? {};
  return Object.entries(spec)
    .filter(([name, value]) => Object.hasOwn(fields, name) && value !== undefined && value !== '' && value !== false)
    .map(([name]) => fault('NotYetEffective', `spec.${name}`, fields[name] ?? '', 'warning'));
}
