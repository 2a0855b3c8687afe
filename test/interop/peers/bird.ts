import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerDaemon, type PeerOptions, type RouteView, overAddresses, sortedNumbers } from './peer.ts';

export function startBirdPeer(options: PeerOptions): PeerDaemon {
  const { space, host, directory } = options;
  const home = join(directory, `bird-${host}`);
  mkdirSync(home, { recursive: true });
  const [file, control] = [join(home, 'bird.conf'), join(home, 'ctl')];
  writeFileSync(file, config(options));
  const child = space.start(host, ['bird', '-f', '-c', file, '-s', control, '-P', join(home, 'pid')], join(directory, `bird-${host}.log`));
  const birdc = (command: string): string => space.run(host, ['birdc', '-s', control, ...command.split(' ')]);
  return {
    name: 'BIRD',
    established: () => /\bEstablished\b/.test(birdc('show protocols')),
    routes: () => parseRoutes(birdc('show route all')),
    describe: () => birdc('show protocols all s1'),
    refresh: () => void birdc('reload in s1'),
    stop: () => space.stop(child),
  };
}

function config(options: PeerOptions): string {
  const { local, remote, families, holdTimeSeconds = 9 } = options;
  const over = overAddresses(options);
  const lines = [`local ${over.local} as ${local.asn};`, `neighbor ${over.remote} as ${remote.asn};`, `hold time ${holdTimeSeconds};`];
  lines.push('connect retry time 1;', 'error wait time 1, 2;');
  if (options.passive !== false) lines.push('passive on;');
  if (options.password !== undefined) lines.push(`password "${options.password}";`);
  if (options.ttlSecurity === true) lines.push('ttl security on;');
  for (const family of families) lines.push(`${family} { import all; export none; };`);
  return `log stderr all;
router id ${local.ipv4};
protocol device { scan time 2; }
protocol bgp s1 {
${lines.map((line) => `  ${line}`).join('\n')}
}
`;
}

/** `show route all`: a prefix at the margin, then indented attributes. */
function parseRoutes(text: string): Map<string, RouteView> {
  const routes = new Map<string, RouteView>();
  for (const block of text.split(/\n(?=\S)/)) {
    const prefix = /^(\S+\/\d+)\s/.exec(block)?.[1];
    if (prefix === undefined) continue;
    const attribute = (name: string): string | undefined => new RegExp(`^\\tBGP\\.${name}: (.*)$`, 'm').exec(block)?.[1];
    const number = (name: string): number | undefined => (attribute(name) === undefined ? undefined : Number(attribute(name)));
    const tuples = (name: string): string[] =>
      [...(attribute(name) ?? '').matchAll(/\(([^)]+)\)/g)].map((match) => (match[1] ?? '').replaceAll(/,\s*/g, ':'));
    const [localPref, med] = [number('local_pref'), number('med')];
    routes.set(prefix, {
      nextHop: (attribute('next_hop') ?? '').split(' ')[0] ?? '',
      asPath: (attribute('as_path') ?? '').split(' ').filter(Boolean).map(Number),
      origin: (attribute('origin') ?? '').toLowerCase(),
      ...(localPref === undefined ? {} : { localPref }),
      ...(med === undefined ? {} : { med }),
      communities: sortedNumbers(tuples('community')),
      largeCommunities: sortedNumbers(tuples('large_community')),
    });
  }
  return routes;
}
