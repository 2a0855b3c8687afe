import { type Ip } from '../net/ip.ts';
import { type Mac, macToBytes } from '../net/mac.ts';

/** A network interface as the kernel reports it: what the layer-2 machines may know of it. */
export interface Link {
  readonly name: string;
  /** A recreated interface has another index under the same name. */
  readonly index: number;
  readonly mac: Mac;
  /** Administratively up and with carrier. */
  readonly up: boolean;
  /** False on NOARP and non-broadcast interfaces. */
  readonly arp: boolean;
  readonly ndp: boolean;
}

/** A link as the hot path wants it: its MAC already in bytes. Make a new one whenever the link changes. */
export interface InterfaceView extends Link {
  readonly hardware: Uint8Array;
}

export function viewInterface(link: Link): InterfaceView {
  return { ...link, hardware: macToBytes(link.mac) };
}

/** Whether the address can be announced on this link at all. */
export function isFit(link: Link, ip: Ip): boolean {
  return link.up && (ip.includes(':') ? link.ndp : link.arp);
}

export function isSelected(name: string, interfaces: readonly string[] | undefined): boolean {
  return interfaces === undefined || interfaces.includes(name);
}

/** As far as announcing is concerned. */
export function sameLink(a: Link | undefined, b: Link): boolean {
  return a?.index === b.index && a.mac === b.mac && a.up === b.up && a.arp === b.arp && a.ndp === b.ndp;
}
