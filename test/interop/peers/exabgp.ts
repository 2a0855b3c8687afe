import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerDaemon, type PeerOptions, type RouteView, overAddresses, sortedNumbers } from './peer.ts';

/** ExaBGP keeps no table: it hands every message to a program as JSON, and the table is built from that. */
export function startExabgpPeer(options: PeerOptions): PeerDaemon {
  const { space, host, directory } = options;
  const home = join(directory, `exabgp-${host}`);
  mkdirSync(home, { recursive: true });
  const [file, log] = [join(home, 'exabgp.conf'), join(home, 'messages.jsonl')];
  writeFileSync(file, config(options, log));
  const settings = [
    'daemon_user=root',
    'daemon_drop=false',
    'api_cli=false',
    'api_ack=false',
    `tcp_bind=${overAddresses(options).local}`,
    'tcp_port=179',
  ];
  const env = settings.map((setting) => `exabgp_${setting}`);
  const child = space.start(host, ['env', ...env, 'exabgp', file], join(directory, `exabgp-${host}.log`));
  const messages = (): ExaMessage[] => {
    if (!existsSync(log)) return [];
    const whole = readFileSync(log, 'utf8').split('\n').slice(0, -1);
    // ExaBGP's own end is told too, as a notification of no neighbour.
    return whole.map((line) => JSON.parse(line) as ExaMessage).filter((message) => 'neighbor' in message);
  };
  return {
    name: 'ExaBGP',
    established: () => messages().findLast((message) => message.type === 'state')?.neighbor?.state === 'up',
    flaps: () => messages().filter((message) => message.neighbor?.state === 'up').length,
    routes: () => replay(messages()),
    describe: () => (existsSync(log) ? readFileSync(log, 'utf8').slice(-3000) : 'no message yet'),
    stop: () => space.stop(child),
  };
}

function config(options: PeerOptions, log: string): string {
  const { local, remote, families, holdTimeSeconds = 9 } = options;
  const over = overAddresses(options);
  return `process log {
  run /usr/bin/tee -a ${log};
  encoder json;
}
neighbor ${over.remote} {
  router-id ${local.ipv4};
  local-address ${over.local};
  local-as ${local.asn};
  peer-as ${remote.asn};
  hold-time ${holdTimeSeconds};
  passive ${options.passive !== false};
${options.password === undefined ? '' : `  md5-password "${options.password}";\n`}${options.ttlSecurity === true ? '  incoming-ttl 255;\n  outgoing-ttl 255;\n' : ''}  family {
${families.map((family) => `    ${family} unicast;`).join('\n')}
  }
  api {
    processes [ log ];
    neighbor-changes;
    receive { parsed; update; }
  }
}
`;
}

interface ExaUpdate {
  readonly attribute?: {
    readonly origin?: string;
    readonly 'as-path'?: readonly number[];
    readonly med?: number;
    readonly 'local-preference'?: number;
    readonly community?: readonly (readonly [number, number] | string)[];
    readonly 'large-community'?: readonly (readonly [number, number, number])[];
  };
  readonly announce?: Record<string, Record<string, unknown>>;
  readonly withdraw?: Record<string, readonly { nlri: string }[]>;
}

interface ExaMessage {
  readonly type: string;
  /** Absent where ExaBGP speaks of itself: it shuts down. */
  readonly neighbor?: { readonly state?: string; readonly message?: { readonly update?: ExaUpdate } };
}

function replay(messages: readonly ExaMessage[]): Map<string, RouteView> {
  const routes = new Map<string, RouteView>();
  for (const message of messages) {
    if (message.neighbor?.state === 'down') routes.clear();
    const update = message.neighbor?.message?.update;
    for (const family of Object.values(update?.withdraw ?? {})) {
      for (const { nlri } of family) routes.delete(nlri);
    }
    for (const byNextHop of Object.values(update?.announce ?? {})) announce(routes, byNextHop, update?.attribute ?? {});
  }
  return routes;
}

function announce(
  routes: Map<string, RouteView>,
  byNextHop: Record<string, unknown>,
  attribute: NonNullable<ExaUpdate['attribute']>,
): void {
  for (const [nextHop, prefixes] of Object.entries(byNextHop)) {
    // An End-of-RIB stands in the same place and is no list of prefixes.
    const listed = Array.isArray(prefixes) ? (prefixes as { nlri?: string }[]) : [];
    for (const { nlri } of listed) if (nlri !== undefined) routes.set(nlri, view(nextHop, attribute));
  }
}

function view(nextHop: string, attribute: NonNullable<ExaUpdate['attribute']>): RouteView {
  return {
    nextHop,
    asPath: attribute['as-path'] ?? [],
    origin: attribute.origin ?? '',
    ...(attribute['local-preference'] === undefined ? {} : { localPref: attribute['local-preference'] }),
    ...(attribute.med === undefined ? {} : { med: attribute.med }),
    communities: sortedNumbers((attribute.community ?? []).map((value) => (typeof value === 'string' ? value : value.join(':')))),
    largeCommunities: sortedNumbers((attribute['large-community'] ?? []).map((value) => value.join(':'))),
  };
}
