import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerDaemon, type PeerOptions, type RouteView, overAddresses, signalAll, sortedNumbers } from './peer.ts';
import { programs } from './programs.ts';

/** ExaBGP keeps no table: it hands every message to a program as JSON, and the table is built from that. */
export function startExabgpPeer(options: PeerOptions): PeerDaemon {
  const { space, host, directory } = options;
  const home = join(directory, `exabgp-${host}`);
  mkdirSync(home, { recursive: true });
  const [file, log, commands] = ['exabgp.conf', 'messages.jsonl', 'commands'].map((name) => join(home, name)) as [string, string, string];
  writeFileSync(commands, '');
  // What a program prints ExaBGP takes for commands, and one that shuts its output is dead to it.
  const writer = join(home, 'write');
  writeFileSync(writer, `#!/bin/sh\nexec tee -a ${log} 3>&1 > /dev/null\n`, { mode: 0o755 });
  writeFileSync(file, config(options, writer, commands));
  const settings = [
    'daemon_user=root',
    'daemon_drop=false',
    'api_cli=false',
    'api_ack=false',
    `tcp_bind=${overAddresses(options).local}`,
    'tcp_port=179',
  ];
  const env = settings.map((setting) => `exabgp_${setting}`);
  const child = space.start(host, ['env', ...env, programs(options.newer).exabgp, file], join(directory, `exabgp-${host}.log`));
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
    count: () => replay(messages()).size,
    agreed() {
      const said = messages().findLast((message) => message.type === 'negotiated')?.neighbor?.negotiated;
      return {
        addPath: (said?.add_path?.receive ?? []).length > 0,
        extendedMessages: (said?.message_size ?? 0) > 4096,
        enhancedRefresh: said?.refresh === 'enhanced',
      };
    },
    refresh: () => appendFileSync(commands, options.families.map((family) => `announce route-refresh ${family} unicast\n`).join('')),
    describe: () => (existsSync(log) ? readFileSync(log, 'utf8').slice(-3000) : 'no message yet'),
    signal: (signal) => signalAll(child, signal),
    stop: () => space.stop(child),
  };
}

function config(options: PeerOptions, writer: string, commands: string): string {
  const { local, remote, families, holdTimeSeconds = 9 } = options;
  const over = overAddresses(options);
  return `process log {
  run ${writer};
  encoder json;
}
process ask {
  run /usr/bin/tail -n +1 -f ${commands};
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
  capability {
${capabilities(options)
  .map((line) => `    ${line};`)
  .join('\n')}
  }
  api tell {
    processes [ log ];
    neighbor-changes;
    negotiated;
    receive { parsed; update; }
  }
  api ask {
    processes [ ask ];
  }
}
`;
}

function capabilities({ capabilities: wanted, extended }: PeerOptions): string[] {
  const lines = ['route-refresh enable'];
  if (wanted !== undefined) lines.push('asn4 disable');
  lines.push(`extended-message ${extended === true ? 'enable' : 'disable'}`);
  if (extended === true) lines.push('add-path receive');
  return lines;
}

interface ExaUpdate {
  readonly attribute?: {
    readonly origin?: string;
    /** In 5 by segments, in their order. */
    readonly 'as-path'?: readonly number[] | Readonly<Record<string, { readonly value: readonly number[] }>>;
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
  readonly neighbor?: {
    readonly state?: string;
    readonly message?: { readonly update?: ExaUpdate };
    readonly negotiated?: {
      readonly message_size?: number;
      readonly refresh?: string;
      readonly add_path?: { readonly receive?: readonly string[] };
    };
  };
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
    const listed = Array.isArray(prefixes) ? (prefixes as { nlri?: string; 'path-information'?: string }[]) : [];
    for (const { nlri, 'path-information': path } of listed) {
      if (nlri === undefined) continue;
      // Written as an IPv4 address.
      const pathId = path?.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
      routes.set(nlri, { ...view(nextHop, attribute), ...(pathId === undefined ? {} : { pathId }) });
    }
  }
}

function view(nextHop: string, attribute: NonNullable<ExaUpdate['attribute']>): RouteView {
  return {
    nextHop,
    asPath: Object.values(attribute['as-path'] ?? []).flatMap((part) => (typeof part === 'number' ? part : part.value)),
    origin: attribute.origin ?? '',
    ...(attribute['local-preference'] === undefined ? {} : { localPref: attribute['local-preference'] }),
    ...(attribute.med === undefined ? {} : { med: attribute.med }),
    communities: sortedNumbers((attribute.community ?? []).map((value) => (typeof value === 'string' ? value : value.join(':')))),
    largeCommunities: sortedNumbers((attribute['large-community'] ?? []).map((value) => value.join(':'))),
  };
}
