import { blockContains, blockOfPrefix } from '../src/net/block.ts';
import type { Ip } from '../src/net/ip.ts';
import { prefixAddress, prefixLength } from '../src/net/prefix.ts';
import type { Accepted, ListenKey } from './hands.ts';
import { listenKeyName } from './hands.ts';
import type { WireProblem } from './report.ts';
import type { Neighbour } from './sessionConfig.ts';

/** Where a connection of this neighbour comes from and arrives at; two neighbours that share it could not be told apart. */
export function doorOf({ config, socket }: Neighbour): string {
  return JSON.stringify([config.peerAddress, socket.device, socket.scope, config.sourceAddress]);
}

/**
 * Whose connection it is. Of several neighbours with one address the one that has its session at this local address comes
 * first, then one that has it anywhere.
 */
export function ownerOf<P extends { readonly neighbour: Neighbour }>(peers: Iterable<P>, accepted: Accepted): P | undefined {
  const { remote, device, scope, local } = accepted;
  const candidates = [...peers].filter(({ neighbour: { config, socket } }) => {
    const isThere = config.peerAddress === remote && socket.device === device;
    return isThere && (socket.scope === undefined || socket.scope === scope);
  });
  const at = (source: Ip | undefined): P | undefined => candidates.find(({ neighbour }) => neighbour.config.sourceAddress === source);
  return at(local) ?? at(undefined) ?? candidates[0];
}

export interface ListenKeys {
  /** By the device whose listener needs them; '' is the one for all. */
  readonly byDevice: ReadonlyMap<string, readonly ListenKey[]>;
  readonly problems: readonly WireProblem[];
}

/**
 * The keys that connections have to be signed with. A key belongs to an address: neighbours that share one share the key.
 * @param neighbours and, of those that are a range, the range alone
 */
export function listenKeys(neighbours: readonly Neighbour[]): ListenKeys {
  const byDevice = new Map<string, ListenKey[]>();
  const problems: WireProblem[] = [];
  const owners = new Map<string, Neighbour>();
  for (const neighbour of neighbours) {
    const { socket } = neighbour;
    const key = keyOf(neighbour);
    const door = `${socket.device ?? ''} ${listenKeyName(placeOf(neighbour))}`;
    const other = owners.get(door) ?? (key === undefined ? signedRangeOver(neighbour, neighbours) : undefined);
    if (other !== undefined && JSON.stringify(keyOf(other)) !== JSON.stringify(key))
      problems.push({ reason: 'KeyConflict', peer: neighbour.name, other: other.name });
    if (owners.has(door)) continue;
    owners.set(door, neighbour);
    if (key !== undefined) byDevice.set(socket.device ?? '', [...(byDevice.get(socket.device ?? '') ?? []), key]);
  }
  return { byDevice, problems };
}

/** Where the kernel asks for a range's key, a neighbour within that has none is not heard. */
function signedRangeOver({ config, socket, range }: Neighbour, neighbours: readonly Neighbour[]): Neighbour | undefined {
  if (range !== undefined) return undefined;
  return neighbours.find(
    (other) =>
      other.range !== undefined &&
      keyOf(other) !== undefined &&
      other.socket.device === socket.device &&
      blockContains(blockOfPrefix(other.range), config.peerAddress),
  );
}

function placeOf({ config, range }: Neighbour): Pick<ListenKey, 'address' | 'prefixLength'> {
  if (range === undefined) return { address: config.peerAddress };
  return { address: prefixAddress(range), prefixLength: prefixLength(range) };
}

/** What the listener has to ask of this neighbour. */
export function keyOf(neighbour: Neighbour): ListenKey | undefined {
  const { password, tcpAo } = neighbour.socket;
  if (tcpAo !== undefined) return { ...placeOf(neighbour), tcpAo };
  return password === undefined ? undefined : { ...placeOf(neighbour), password };
}
