import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Space } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { NEWER } from './daemons.ts';
import { Ours } from './ours.ts';
import { needPrograms, programs } from './peers/programs.ts';
import { ip, planOf, routes } from './plans.ts';

const paths = programs(NEWER);

/** Serving endpoints on each node, of two Services: the second must not get the weights of the first. */
const NODES = [
  { name: 'n1', web: 1, mail: 5 },
  { name: 'n2', web: 2, mail: 2 },
  { name: 'n3', web: 5, mail: 1 },
] as const;
const [WEB, MAIL] = ['192.0.2.1/32', '192.0.2.2/32'] as const;
const OUR_ASN = 64512;
/** 100 Mbit/s, in bytes. */
const PER_ENDPOINT = 12_500_000;

const nodeAddress = (position: number): string => `10.99.${position + 1}.1`;
const routerAddress = (position: number): string => `10.99.${position + 1}.2`;

interface Router {
  describe(): string;
  stop(): Promise<void>;
}

let space: Space;
let directory: string;
let router: Router | undefined;
let speakers: Ours[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hlb-weights-'));
  // Daemons that drop their rights read their files here.
  chmodSync(directory, 0o755);
  speakers = [];
  space = new Space('lb');
  space.add('r');
  for (const [position, { name }] of NODES.entries()) {
    space.add(name);
    space.link(name, 'eth0', 'r', name);
    space.run(name, `ip addr add ${nodeAddress(position)}/24 dev eth0`);
    space.run('r', `ip addr add ${routerAddress(position)}/24 dev ${name}`);
  }
});

afterEach(async () => {
  await Promise.all(speakers.map((ours) => ours.stop('SIGKILL')));
  await router?.stop();
  router = undefined;
  await space.dispose();
  rmSync(directory, { recursive: true, force: true });
});

async function announce(theirAsn: number, transitive: boolean): Promise<void> {
  const starting = NODES.map(({ name }) => Ours.start(space, name, directory));
  speakers = await Promise.all(starting);
  for (const [position, { web, mail }] of NODES.entries()) {
    const weighed = (endpoints: number, prefix: string) =>
      routes({ linkBandwidth: { bytesPerSecond: endpoints * PER_ENDPOINT, transitive } }, prefix);
    const session = {
      myAsn: OUR_ASN,
      peerAsn: theirAsn,
      address: ip(routerAddress(position)),
      routerId: ip(nodeAddress(position)),
      families: ['ipv4'] as const,
      holdTimeMs: 90_000,
      keepaliveTimeMs: 30_000,
    };
    speakers[position]?.apply(planOf(session, weighed(web, WEB), weighed(mail, MAIL)));
  }
}

/** What the router's kernel has: node to the weight of its next hop, the smallest of them being one. */
function kernelWeights(prefix: string): Record<string, number> {
  const text = space.run('r', `ip route show ${prefix}`);
  const weights = NODES.flatMap(({ name }, position) => {
    const weight = new RegExp(`via ${nodeAddress(position).replaceAll('.', '\\.')} dev \\S+ weight (\\d+)`).exec(text)?.[1];
    return weight === undefined ? [] : [[name, Number(weight)] as const];
  });
  const shares = toShares(weights.map(([, weight]) => weight));
  return Object.fromEntries(weights.map(([name], position) => [name, shares[position] ?? 0]));
}

/** FRR 8 makes percents of the sum, FRR 10 parts of 255, and both cut what is behind the point. */
function toShares(weights: readonly number[]): number[] {
  return weights.map((weight) => Math.round(weight / Math.min(...weights)));
}

/** Polls until the kernel holds exactly these weights; the message of a failure has what the router says. */
async function kernelHolds(wanted: Readonly<Record<string, Readonly<Record<string, number>>>>): Promise<void> {
  const holds = (): boolean =>
    Object.entries(wanted).every(([prefix, weights]) =>
      NODES.every(({ name }) => kernelWeights(prefix)[name] === weights[name] && weights[name] !== undefined),
    );
  try {
    await until('the weights in the kernel', holds, 30_000, 300);
  } catch (error) {
    const said = `${String(error)}\n${space.run('r', 'ip route')}\n${router?.describe()}`;
    throw new Error(said, { cause: error });
  }
}

interface Frr extends Router {
  weights(prefix: string): number[];
  /** As it shows the communities of the paths. */
  bandwidths(prefix: string): string[];
}

async function startFrr(asn: number): Promise<Frr> {
  const home = join(directory, 'frr');
  mkdirSync(home);
  const neighbors = NODES.map(
    (_, position) => ` neighbor ${nodeAddress(position)} remote-as ${OUR_ASN}\n neighbor ${nodeAddress(position)} passive\n`,
  );
  const files = {
    'zebra.conf': 'log stdout\n',
    'bgpd.conf': `log stdout
router bgp ${asn}
 bgp router-id ${routerAddress(0)}
 no bgp ebgp-requires-policy
${neighbors.join('')} address-family ipv4 unicast
  maximum-paths 8
  maximum-paths ibgp 8
 exit-address-family
`,
  };
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'frr'], { encoding: 'utf8' }))) as [number, number];
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(home, file), text);
    chownSync(join(home, file), uid, gid);
  }
  chownSync(home, uid, gid);
  const daemon = (name: 'zebra' | 'bgpd', ...more: string[]) => {
    const flags = ['-f', join(home, `${name}.conf`), '--vty_socket', home, '-i', join(home, `${name}.pid`), '-z', join(home, 'zserv.api')];
    return space.start('r', [paths[name], ...flags, ...more], join(directory, `${name}.log`));
  };
  const children = [daemon('zebra')];
  await until("zebra's socket", () => existsSync(join(home, 'zserv.api')));
  children.push(daemon('bgpd', '-A', '127.0.0.1'));
  await until('bgpd to run', () => existsSync(join(home, 'bgpd.vty')));
  const vtysh = (command: string): string => space.run('r', [paths.vtysh, '--vty_socket', home, '-c', command]);
  return {
    weights(prefix) {
      const table = JSON.parse(vtysh(`show ip route ${prefix} json`)) as Record<string, { nexthops: { ip: string; weight?: number }[] }[]>;
      const hops = new Map(table[prefix]?.[0]?.nexthops.map((hop) => [hop.ip, hop.weight ?? 0]));
      return toShares(NODES.map((_, position) => hops.get(nodeAddress(position)) ?? 0));
    },
    bandwidths: (prefix) => [...vtysh(`show bgp ipv4 unicast ${prefix}`).matchAll(/LB:\d+:(\d+)/g)].map(([, rate = '']) => rate).toSorted(),
    describe: () => `${vtysh('show bgp summary')}\n${vtysh(`show bgp ipv4 unicast ${WEB}`)}\n${vtysh('show ip route')}`,
    stop: async () => void (await Promise.all(children.map((child) => space.stop(child)))),
  };
}

/** The eight octets that BIRD calls generic: ours has its AS number and an IEEE float in it. */
function asBirdWrites(endpoints: number, transitive: boolean): string {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, endpoints * PER_ENDPOINT);
  const head = ((transitive ? 0x00 : 0x40) << 24) | (0x04 << 16) | OUR_ASN;
  return `(generic, 0x${head.toString(16)}, 0x${view.getUint32(0).toString(16)})`;
}

/** BIRD does not count with the community, but a filter can give each value of it a weight; to BIRD 3 only where the next hop is known by then. */
async function startBird(asn: number, transitive: boolean): Promise<Router> {
  const home = join(directory, 'bird');
  mkdirSync(home);
  const [file, control] = [join(home, 'bird.conf'), join(home, 'ctl')];
  const cases = [1, 2, 5].map((endpoints) => `  if ${asBirdWrites(endpoints, transitive)} ~ bgp_ext_community then weight = ${endpoints};`);
  const sessions = NODES.map(
    ({ name }, position) => `protocol bgp ${name} {
  local ${routerAddress(position)} as ${asn};
  neighbor ${nodeAddress(position)} as ${OUR_ASN};
  direct;
  passive on;
  ipv4 { import filter weigh; export none; };
}`,
  );
  writeFileSync(
    file,
    `log stderr all;
router id ${routerAddress(0)};
filter weigh {
${cases.join('\n')}
  accept;
}
protocol device { scan time 2; }
protocol direct { ipv4; }
protocol kernel { merge paths on; ipv4 { export where source = RTS_BGP; import none; }; }
${sessions.join('\n')}
`,
  );
  const child = space.start('r', [paths.bird, '-f', '-c', file, '-s', control, '-P', join(home, 'pid')], join(directory, 'bird.log'));
  await until('BIRD to run', () => existsSync(control));
  const birdc = (command: string): string => space.run('r', [paths.birdc, '-s', control, ...command.split(' ')]);
  return { describe: () => `${birdc('show protocols')}\n${birdc('show route all')}`, stop: () => space.stop(child) };
}

need('netns', ...needPrograms(NEWER, 'zebra', 'bgpd', 'vtysh')).describe('FRR weighs nodes by their endpoints', () => {
  it.each([
    ['eBGP, transitive', 64513, true],
    ['eBGP, not transitive', 64513, false],
    ['iBGP, not transitive', OUR_ASN, false],
  ])(
    '%s',
    async (_, asn, transitive) => {
      const frr = await startFrr(asn);
      router = frr;
      await announce(asn, transitive);
      // 10.3 up to 10.3.3 shows those that are not transitive, and does not count with them.
      const counts = transitive || !NEWER;
      const shares = (service: 'web' | 'mail') => Object.fromEntries(NODES.map((node) => [node.name, counts ? node[service] : 1]));
      await kernelHolds({ [WEB]: shares('web'), [MAIL]: shares('mail') });
      expect(frr.weights(WEB)).toEqual(counts ? [1, 2, 5] : [1, 1, 1]);
      expect(frr.weights(MAIL)).toEqual(counts ? [5, 2, 1] : [1, 1, 1]);
      expect(frr.bandwidths(WEB)).toEqual(NODES.map(({ web }) => String(web * PER_ENDPOINT)).toSorted());
    },
    90_000,
  );
});

need('netns', ...needPrograms(NEWER, 'bird', 'birdc')).describe('BIRD weighs nodes by a filter over their endpoints', () => {
  it.each([
    ['eBGP, transitive', 64513, true],
    ['iBGP, not transitive', OUR_ASN, false],
  ])(
    '%s',
    async (_, asn, transitive) => {
      router = await startBird(asn, transitive);
      await announce(asn, transitive);
      const weights = (service: 'web' | 'mail') => Object.fromEntries(NODES.map((node) => [node.name, node[service]]));
      await kernelHolds({ [WEB]: weights('web'), [MAIL]: weights('mail') });
      expect(kernelWeights(WEB)).toEqual({ n1: 1, n2: 2, n3: 5 });
    },
    90_000,
  );
});
