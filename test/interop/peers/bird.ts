import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerDaemon, type PeerOptions, type RouteView, overAddresses, signalAll, sortedNumbers } from './peer.ts';
import { programs } from './programs.ts';

export function startBirdPeer(options: PeerOptions): PeerDaemon {
  const { space, host, directory } = options;
  const { bird, birdc: client } = programs(options.newer);
  const home = join(directory, `bird-${host}`);
  mkdirSync(home, { recursive: true });
  const [file, control] = [join(home, 'bird.conf'), join(home, 'ctl')];
  writeFileSync(file, options.text ?? config(options));
  const child = space.start(host, [bird, '-f', '-c', file, '-s', control, '-P', join(home, 'pid')], join(directory, `bird-${host}.log`));
  const birdc = (command: string): string => space.run(host, [client, '-s', control, ...command.split(' ')]);
  return {
    name: 'BIRD',
    established: () => /\bEstablished\b/.test(birdc('show protocols')),
    routes: () => parseRoutes(birdc('show route all')),
    stale: () => parseStale(birdc('show route'), /graceful restart active/i.test(birdc('show protocols all s1'))),
    count: () => Number(/(\d+) of \d+ routes [^\n]*\s*$/.exec(birdc('show route count'))?.[1] ?? 0),
    agreed() {
      const [ours = '', theirs = ''] = birdc('show protocols all s1').split('Neighbor capabilities');
      const both = (name: string): boolean => ours.includes(name) && theirs.includes(name);
      return {
        addPath: /ADD-PATH\s+RX: ipv4/.test(ours) && /ADD-PATH\s+RX:\s+TX: ipv4/.test(theirs),
        extendedMessages: both('Extended message'),
        enhancedRefresh: both('Enhanced refresh'),
      };
    },
    describe: () => birdc('show protocols all s1'),
    refresh: () => void birdc(options.newer === true ? 'reload bgp in s1' : 'reload in s1'),
    signal: (signal) => signalAll(child, signal),
    stop: () => space.stop(child),
  };
}

function config(options: PeerOptions): string {
  const { local, remote, families, holdTimeSeconds = 9 } = options;
  const over = overAddresses(options);
  // One of four octets cannot be written here without the capability, and is yet what it goes by.
  const as = options.capabilities === 'asn2' ? 'external' : `as ${remote.asn}`;
  const lines = [`local ${over.local} as ${local.asn};`, `neighbor ${over.remote} ${as};`, `hold time ${holdTimeSeconds};`];
  lines.push('connect delay time 1;', 'connect retry time 1;', 'error wait time 1, 2;');
  if (options.passive !== false) lines.push('passive on;');
  if (options.password !== undefined) lines.push(`password "${options.password}";`);
  if (options.ttlSecurity === true) lines.push('ttl security on;');
  if (options.multihop === true) lines.push('multihop 8;');
  if (options.extended === true) lines.push('enable extended messages on;');
  if (options.capabilities === 'none') lines.push('capabilities off;');
  if (options.capabilities === 'asn2') lines.push('enable as4 off;');
  const paths = options.extended === true ? ' add paths rx;' : '';
  for (const family of families) lines.push(`${family} { import all; export none;${paths} };`);
  return `log stderr all;
router id ${local.ipv4};
protocol device { scan time 2; }
protocol bgp s1 {
${lines.map((line) => `  ${line}`).join('\n')}
}
`;
}

/** A route that is stale for long has an `s` behind its preference. Before that BIRD says it of the session alone. */
function parseStale(text: string, isHelping: boolean): Map<string, boolean> {
  const lines = [...text.matchAll(/^(\S+\/\d+)\s.*\(\d+(s?)/gm)];
  return new Map(lines.map(([, prefix = '', mark]) => [prefix, isHelping || mark === 's']));
}

/** `show route all`: a prefix at the margin, then indented attributes, which BIRD 3 has other names for. */
function parseRoutes(text: string): Map<string, RouteView> {
  const routes = new Map<string, RouteView>();
  for (const block of text.split(/\n(?=\S)/)) {
    const prefix = /^(\S+\/\d+)\s/.exec(block)?.[1];
    if (prefix === undefined) continue;
    const attribute = (name: string): string | undefined => new RegExp(`^\\t(?:BGP\\.|bgp_)${name}: (.*)$`, 'm').exec(block)?.[1];
    const number = (name: string): number | undefined => (attribute(name) === undefined ? undefined : Number(attribute(name)));
    const tuples = (name: string): string[] =>
      [...(attribute(name) ?? '').matchAll(/\(([^)]+)\)/g)].map((match) => (match[1] ?? '').replaceAll(/,\s*/g, ':'));
    const [localPref, med] = [number('local_pref'), number('med')];
    routes.set(prefix, {
      nextHop: (attribute('next_hop') ?? '').split(' ')[0] ?? '',
      asPath: (attribute('as_path') ?? attribute('path') ?? '').split(' ').filter(Boolean).map(Number),
      origin: (attribute('origin') ?? '').toLowerCase(),
      ...(localPref === undefined ? {} : { localPref }),
      ...(med === undefined ? {} : { med }),
      communities: sortedNumbers(tuples('community')),
      largeCommunities: sortedNumbers(tuples('large_community')),
    });
  }
  return routes;
}
