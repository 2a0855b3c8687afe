import type { Ip } from '../src/net/ip.ts';
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

/** The keys that connections have to be signed with. A key belongs to an address: neighbours that share one share the key. */
export function listenKeys(neighbours: readonly Neighbour[]): ListenKeys {
  const byDevice = new Map<string, ListenKey[]>();
  const problems: WireProblem[] = [];
  const owners = new Map<string, Neighbour>();
  for (const neighbour of neighbours) {
    const { config, socket } = neighbour;
    const key = keyOf(neighbour);
    const door = `${socket.device ?? ''} ${key === undefined ? config.peerAddress : listenKeyName(key)}`;
    const owner = owners.get(door);
    if (owner !== undefined) {
      if (JSON.stringify(keyOf(owner)) !== JSON.stringify(key))
        problems.push({ reason: 'KeyConflict', peer: neighbour.name, other: owner.name });
      continue;
    }
    owners.set(door, neighbour);
    if (key !== undefined) byDevice.set(socket.device ?? '', [...(byDevice.get(socket.device ?? '') ?? []), key]);
  }
  return { byDevice, problems };
}

/** What the listener has to ask of this neighbour. */
export function keyOf({ config, socket }: Neighbour): ListenKey | undefined {
  if (socket.tcpAo !== undefined) return { address: config.peerAddress, tcpAo: socket.tcpAo };
  return socket.password === undefined ? undefined : { address: config.peerAddress, password: socket.password };
}
