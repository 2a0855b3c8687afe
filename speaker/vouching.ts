import type { Standing } from '../src/layer2/election.ts';
import type { Ip } from '../src/net/ip.ts';
import type { Mesh } from './mesh.ts';

/**
 * Whether an address that comes to this node was answered for by a speaker up to now. What none of them had may be a stranger's, and is asked for
 * first (RFC 5227), however long the cluster has known it; what one had is taken at once, whether that one lives or has just died.
 */
export class Vouching {
  readonly #node: string;
  readonly #mesh: Mesh;
  #owners: ReadonlyMap<Ip, string> = new Map();
  #sure: ReadonlySet<string> = new Set();

  constructor(node: string, mesh: Mesh) {
    this.#node = node;
    this.#mesh = mesh;
  }

  /** @param group the first address of those that go together */
  isHeld(ip: Ip, group: Ip): boolean {
    const owner = this.#owners.get(group);
    return owner !== undefined && owner !== this.#node && this.#sure.has(owner) && !this.#mesh.lacks(owner, ip);
  }

  /** @param standings by which the owners were found; who has just begun, or was never heard while this node began, has taken nothing yet */
  elected(owners: ReadonlyMap<Ip, string>, standings: ReadonlyMap<string, Standing>, isJoining: boolean): void {
    this.#owners = owners;
    const sure = [...standings].filter(([node, standing]) => standing !== 'last' && (!isJoining || this.#mesh.isUp(node)));
    this.#sure = new Set(sure.map(([node]) => node));
  }
}
