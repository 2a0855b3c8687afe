import { isIPv4 } from 'node:net';
import { Address4, Address6 } from 'ip-address';
import { dicts, texts, type KubeObject } from '../json.ts';
import type { Store } from '../store.ts';

export type Family = 'IPv4' | 'IPv6';

interface Range {
  family: Family;
  first: bigint;
  size: bigint;
  next: bigint;
}

export const nodePortRange = { first: 30_000, last: 32_767 } as const;

function rangeOf(cidr: string): Range {
  const v4 = isIPv4(cidr.split('/')[0] ?? '');
  const prefix = v4 ? new Address4(cidr) : new Address6(cidr);
  const width = (v4 ? 32 : 128) - prefix.subnetMask;
  return { family: v4 ? 'IPv4' : 'IPv6', first: prefix.startAddress().bigInt(), size: 1n << BigInt(width), next: 2n };
}

function toText(family: Family, value: bigint): string {
  return family === 'IPv4' ? Address4.fromBigInt(value).correctForm() : Address6.fromBigInt(value).correctForm();
}

export function familyOf(ip: string): Family {
  return ip.includes(':') ? 'IPv6' : 'IPv4';
}

function toNumber(ip: string): bigint {
  return familyOf(ip) === 'IPv4' ? new Address4(ip).bigInt() : new Address6(ip).bigInt();
}

/** Cluster IPs and node ports in use. It follows the stored Services, so a refused write holds nothing back. */
export class ServiceAllocator {
  private ranges: Range[];
  private ips = new Map<string, string>();
  private ports = new Map<string, string>();
  private nextPort: number = nodePortRange.first;

  constructor(cidrs: readonly string[], store: Store) {
    this.ranges = cidrs.map(rangeOf);
    store.observe((storage, { entry, before, change }) => {
      if (storage !== 'services') return;
      if (before !== undefined) this.release(before.object);
      if (change !== 'DELETED') this.hold(entry.key, entry.object);
    });
  }

  /** Families the cluster has, the primary one first. */
  families(): Family[] {
    return this.ranges.map(({ family }) => family);
  }

  private hold(key: string, service: KubeObject): void {
    for (const ip of ipsOf(service)) this.ips.set(ip, key);
    for (const port of portKeys(service)) this.ports.set(port, key);
  }

  private release(service: KubeObject): void {
    for (const ip of ipsOf(service)) this.ips.delete(ip);
    for (const port of portKeys(service)) this.ports.delete(port);
  }

  nextIp(family: Family): string | undefined {
    const range = this.ranges.find((candidate) => candidate.family === family);
    if (range === undefined) return undefined;
    // The first and, for IPv4, the last address are not given out.
    const end = range.family === 'IPv4' ? range.size - 1n : range.size;
    for (let tried = 0n; tried < end; tried += 1n) {
      if (range.next >= end) range.next = 1n;
      const ip = toText(family, range.first + range.next);
      range.next += 1n;
      if (!this.ips.has(ip)) return ip;
    }
    return undefined;
  }

  /** Why the address cannot be had by this Service; undefined when it can. */
  ipProblem(ip: string, key: string): string | undefined {
    const range = this.ranges.find(({ family }) => family === familyOf(ip));
    const value = toNumber(ip);
    if (range === undefined || value <= range.first || value >= range.first + range.size) {
      return `failed to allocate IP ${ip}: the provided network does not match the current range`;
    }
    const holder = this.ips.get(ip);
    return holder === undefined || holder === key ? undefined : `failed to allocate IP ${ip}: provided IP is already allocated`;
  }

  /** A free node port; the same for every protocol. */
  nextNodePort(taken: ReadonlySet<number>): number | undefined {
    const span = nodePortRange.last - nodePortRange.first + 1;
    for (let tried = 0; tried < span; tried += 1) {
      const port = this.nextPort;
      this.nextPort = port === nodePortRange.last ? nodePortRange.first : port + 1;
      const free = ['TCP', 'UDP', 'SCTP'].every((protocol) => !this.ports.has(`${protocol}/${port}`));
      if (free && !taken.has(port)) return port;
    }
    return undefined;
  }

  nodePortProblem(port: number, protocol: string, key: string): string | undefined {
    if (port < nodePortRange.first || port > nodePortRange.last) {
      return `provided port is not in the valid range. The range of valid ports is ${nodePortRange.first}-${nodePortRange.last}`;
    }
    const holder = this.ports.get(`${protocol}/${port}`);
    return holder === undefined || holder === key ? undefined : 'provided port is already allocated';
  }
}

function ipsOf(service: KubeObject): string[] {
  return texts((service['spec'] as { clusterIPs?: unknown } | undefined)?.clusterIPs).filter((ip) => ip !== '' && ip !== 'None');
}

function portKeys(service: KubeObject): string[] {
  const spec = (service['spec'] ?? {}) as { ports?: unknown; healthCheckNodePort?: number };
  const keys = dicts(spec.ports)
    .filter(({ nodePort }) => typeof nodePort === 'number' && nodePort > 0)
    .map(({ nodePort, protocol }) => `${String(protocol)}/${String(nodePort)}`);
  if ((spec.healthCheckNodePort ?? 0) > 0) keys.push(`TCP/${spec.healthCheckNodePort}`);
  return keys;
}
