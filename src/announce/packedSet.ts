import { type Family, addressBits, ipFromBytes } from '../net/ip.ts';
import { type Prefix, prefixFamily, prefixOf } from '../net/prefix.ts';
import type { PackedSet, RouteSet } from './plan.ts';

/*
 * What a set was made of: texts are made of it where somebody reads them, and what goes to the wire goes as it is. This remembers only what
 * could be computed again.
 */
const PACKED = new WeakMap<RouteSet, PackedSet>();

/** The same set, whose prefixes are texts for who looks at them. */
export function routeSetOf(packed: PackedSet): RouteSet {
  const { attributes, nlri } = packed;
  const set: RouteSet = {
    attributes,
    get prefixes() {
      return prefixesOf(nlri);
    },
  };
  PACKED.set(set, packed);
  return set;
}

/** @returns undefined for sets that were written down as texts */
export function packedOf(set: RouteSet): PackedSet | undefined {
  return PACKED.get(set);
}

export function prefixCount(set: RouteSet): number {
  return packedOf(set)?.nlri.count ?? set.prefixes.length;
}

/** @returns undefined for an empty set; no other has prefixes of two families */
export function familyOf(set: RouteSet): Family | undefined {
  const packed = packedOf(set);
  if (packed !== undefined) return packed.nlri.family;
  const [first] = set.prefixes;
  return first === undefined ? undefined : prefixFamily(first);
}

function prefixesOf({ family, bytes }: PackedSet['nlri']): readonly Prefix[] {
  const found: Prefix[] = [];
  const address = new Uint8Array(addressBits(family) / 8);
  for (let at = 0; at < bytes.length;) {
    const bits = bytes[at] ?? 0;
    const end = at + 1 + ((bits + 7) >> 3);
    address.fill(0);
    address.set(bytes.subarray(at + 1, end));
    found.push(prefixOf(ipFromBytes(address), bits));
    at = end;
  }
  return found;
}
