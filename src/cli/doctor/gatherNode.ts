import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AF_INET, SOCK_STREAM } from '../../../speaker/io/constants.ts';
import { watchDefaultRoutes } from '../../../speaker/io/defaultRoutes.ts';
import { watchLinks } from '../../../speaker/io/links.ts';
import type { LinkState } from '../../../speaker/io/linkTable.ts';
import { addAoKey, setMd5Key } from '../../../speaker/io/tcpKeys.ts';
import { addon } from '../../../speaker/native/addon.ts';
import type { DefaultRoute } from '../../net/defaultRoute.ts';
import type { Ip } from '../../net/ip.ts';
import type { Listener, Nic, NodeFacts } from './contract.ts';

const PORTS: ReadonlySet<number> = new Set([179, 3784, 4784, 7482, 7483]);
const LIST_MS = 2000;
/** RT_TABLE_MAIN */
const MAIN_TABLE = 254;

/** What this machine, or the network namespace of this process, is like. Changes nothing. */
export async function gatherNode(): Promise<NodeFacts> {
  const kernel = tryKernel();
  const links = kernel.addonError === undefined ? await listLinks() : [];
  const nics = links.map((link) => nicOf(link, links));
  return {
    capabilities: capabilities(),
    listeners: listeners(),
    speakerRuns: await speakerRuns(),
    nics,
    gateways: kernel.addonError === undefined ? await listGateways() : [],
    sysctls: readSysctls(nics),
    ...kernel,
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function capabilities(): bigint {
  const [, mask = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(read('/proc/self/status')) ?? [];
  return BigInt(`0x${mask}`);
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.message;
}

function attempt(body: () => void): string | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** A key on a socket that is never connected. */
function tryKernel(): Pick<NodeFacts, 'addonError' | 'md5Error' | 'aoError'> {
  let fd: number;
  try {
    fd = addon().socket(AF_INET, SOCK_STREAM, 0);
  } catch (error) {
    return { addonError: codeOf(error) };
  }
  const nobody = '192.0.2.1' as Ip;
  const md5Error = attempt(() => setMd5Key(fd, nobody, 'heraldlb'));
  const aoError = attempt(() => {
    // One socket has keys of one kind only.
    if (md5Error === undefined) setMd5Key(fd, nobody, undefined);
    addAoKey(fd, nobody, { key: 'heraldlb', sendId: 1, receiveId: 1, algorithm: 'hmac-sha1-96' });
  });
  addon().close(fd);
  return { ...(md5Error === undefined ? {} : { md5Error }), ...(aoError === undefined ? {} : { aoError }) };
}

async function listLinks(): Promise<readonly LinkState[]> {
  return first<readonly LinkState[]>([], (take) => {
    const watcher = watchLinks(take);
    return () => watcher.close();
  });
}

async function listGateways(): Promise<Ip[]> {
  const routes = await first<readonly DefaultRoute[]>([], watchDefaultRoutes);
  return [...new Set(routes.filter(({ table }) => table === MAIN_TABLE).map(({ gateway }) => gateway))];
}

/** The first that a watch tells, or what stands for nothing. */
async function first<T>(otherwise: T, watch: (take: (value: T) => void) => () => void): Promise<T> {
  const limit = new AbortController();
  let stop: (() => void) | undefined;
  try {
    return await Promise.race([
      new Promise<T>((resolve) => {
        stop = watch(resolve);
      }),
      sleep(LIST_MS, otherwise, { signal: limit.signal }),
    ]);
  } finally {
    limit.abort();
    stop?.();
  }
}

function nicOf(link: LinkState, all: readonly LinkState[]): Nic {
  const master = all.find(({ index }) => index === link.master);
  return {
    name: link.name,
    up: link.up,
    carrier: link.running,
    loopback: link.loopback,
    arp: link.mac !== undefined && link.broadcast && !link.noarp,
    mtu: link.mtu,
    addresses: link.addresses.map(({ ip, prefixLength }) => ({ ip, prefixLength })),
    ...(master === undefined || master.kind === 'vrf' ? {} : { portOf: master.name }),
  };
}

function readSysctls(nics: readonly Nic[]): Record<string, number> {
  const names = ['all.arp_ignore', 'all.arp_announce', 'all.rp_filter', ...nics.map(({ name }) => `${name}.rp_filter`)];
  const values = names.flatMap((name): [string, number][] => {
    const cut = name.lastIndexOf('.');
    const value = read(`/proc/sys/net/ipv4/conf/${name.slice(0, cut)}/${name.slice(cut + 1)}`).trim();
    return value === '' ? [] : [[`net.ipv4.conf.${name}`, Number(value)]];
  });
  return Object.fromEntries(values);
}

/** Sockets that listen, of /proc/net: local address, state and inode of each. */
function listeners(): Listener[] {
  const found = (['tcp', 'tcp6', 'udp', 'udp6'] as const).flatMap((table) => {
    const protocol = table.startsWith('tcp') ? 'tcp' : 'udp';
    const listening = protocol === 'tcp' ? '0A' : '07';
    return read(`/proc/self/net/${table}`)
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state]) => state === listening)
      .map((words) => ({ protocol, port: Number.parseInt(words[1]?.split(':')[1] ?? '0', 16), inode: words[9] ?? '' }) as const)
      .filter(({ port }) => PORTS.has(port));
  });
  const owners = found.length === 0 ? new Map<string, number>() : ownersOf(new Set(found.map(({ inode }) => inode)));
  return found.map(({ protocol, port, inode }) => {
    const pid = owners.get(inode);
    if (pid === undefined) return { protocol, port, isOurs: false };
    const isOurs = /heraldlb/.test(read(`/proc/${pid}/cmdline`)) && /speaker/.test(read(`/proc/${pid}/cmdline`));
    return { protocol, port, pid, program: read(`/proc/${pid}/comm`).trim(), isOurs };
  });
}

function ownersOf(inodes: ReadonlySet<string>): Map<string, number> {
  const owners = new Map<string, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const inode of socketsOf(pid)) if (inodes.has(inode)) owners.set(inode, Number(pid));
  }
  return owners;
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

async function speakerRuns(): Promise<boolean> {
  try {
    const answer = await fetch('http://127.0.0.1:7482/metrics', { signal: AbortSignal.timeout(2000) });
    return (await answer.text()).includes('heraldlb_');
  } catch {
    return false;
  }
}
