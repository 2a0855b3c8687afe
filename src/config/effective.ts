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
    interface: 'unnumbered peering is not there yet: there is no session',
    // SO_BINDTODEVICE is set on the socket that dials; the listener is one for all and bound to no device.
    vrf: "connections that the speaker opens are bound to this device, the router's own are not accepted there; not tested with a VRF device",
  },
};

/** A warning for each such field that an object sets. @param spec after its schema */
export function notYetEffective(kind: string, spec: object): Fault[] {
  const fields = NOT_YET[kind] ?? {};
  return Object.entries(spec)
    .filter(([name, value]) => Object.hasOwn(fields, name) && value !== undefined && value !== '' && value !== false)
    .map(([name]) => fault('NotYetEffective', `spec.${name}`, fields[name] ?? '', 'warning'));
}
