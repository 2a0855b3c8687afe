import type { Facts, Finding, Listener, NodeFacts } from './contract.ts';
import { fail, pass, warn } from './finding.ts';
import { layer2Here, peersHere } from './scope.ts';

/** linux/capability.h */
const CAPABILITIES = [
  { name: 'NET_RAW', bit: 13n, without: 'there is no ARP and no neighbour discovery' },
  { name: 'NET_ADMIN', bit: 12n, without: 'there is no TCP MD5, and no session on an interface of its own' },
  { name: 'NET_BIND_SERVICE', bit: 10n, without: 'port 179 cannot be had' },
] as const;
const SYS_NICE = 23n;

export function judgeCapabilities({ node }: Facts): Finding[] {
  const has = (bit: bigint): boolean => ((node.capabilities >> bit) & 1n) === 1n;
  const missing = CAPABILITIES.filter(({ bit }) => !has(bit)).map(({ name, without }) =>
    fail(`capability ${name}`, 'CapabilityMissing', `it is missing: ${without}`),
  );
  const nice = has(SYS_NICE)
    ? []
    : [warn('capability SYS_NICE', 'CapabilityMissing', 'it is missing: on a busy node BFD packets may be late, and sessions go down')];
  const all = [...missing, ...nice];
  return all.length > 0 ? all : [pass('capabilities', 'NET_RAW, NET_ADMIN, NET_BIND_SERVICE and SYS_NICE are there')];
}

export function judgeKernel(facts: Facts): Finding[] {
  const { addonError, md5Error, aoError } = facts.node;
  if (addonError !== undefined) return [fail('native addon', 'AddonMissing', `it cannot be loaded: ${addonError}`)];
  const peers = peersHere(facts);
  const md5 = peers.filter(({ password, tcpAo }) => password !== undefined && tcpAo === undefined).map(({ name }) => name);
  const ao = peers.filter(({ tcpAo }) => tcpAo !== undefined).map(({ name }) => name);
  return [keyed('TCP MD5', 'CannotSetKey', md5Error, md5), keyed('TCP-AO', 'NoTcpAo', aoError, ao)];
}

function keyed(what: string, reason: 'CannotSetKey' | 'NoTcpAo', error: string | undefined, peers: readonly string[]): Finding {
  if (error === undefined) return pass(`kernel ${what}`, 'the kernel takes a key');
  if (peers.length === 0) return pass(`kernel ${what}`, `the kernel takes no key (${error}), and no BGPPeer of this node has one`);
  return fail(`kernel ${what}`, reason, `the kernel takes no key (${error}), and ${peers.join(', ')} needs one`);
}

/** Ports that a speaker wants, in the order in which they matter. */
export function judgePorts(facts: Facts): Finding[] {
  return [...judgeRouterPorts(facts), judgeMeshPort(facts), judgeMetricsPort(facts)].flat();
}

function judgeMeshPort(facts: Facts): Finding[] {
  const mesh = foreign(facts.node, 'udp', 7483);
  if (mesh.length === 0) return [pass('port 7483', 'speakers can hear one another')];
  const level = layer2Here(facts).length > 0 ? fail : warn;
  const then = 'speakers do not hear this one, and its addresses of layer 2 move when the cluster calls the node not ready';
  return mesh.map((by) => taken(level, 'port 7483', 'NoMeshPort', by, then));
}

function judgeMetricsPort({ node }: Facts): Finding[] {
  const metrics = foreign(node, 'tcp', 7482);
  if (metrics.length === 0) return [pass('port 7482', 'it is free, or the speaker has it')];
  return metrics.map((by) => taken(fail, 'port 7482', 'MetricsPortTaken', by, 'the speaker does not start'));
}

function judgeRouterPorts(facts: Facts): Finding[] {
  const peers = peersHere(facts);
  const waits = peers.some(({ passive, listenRange }) => passive === true || listenRange !== undefined);
  const guarded = peers.some(({ bfdProfile }) => bfdProfile !== undefined);
  const bgp = foreign(facts.node, 'tcp', 179);
  const bfd = [3784, 4784].flatMap((port) => foreign(facts.node, 'udp', port));
  return [
    ...(bgp.length === 0
      ? [pass('port 179', 'routers can connect')]
      : bgp.map((by) =>
          taken(
            waits ? fail : warn,
            'port 179',
            'CannotListen',
            by,
            waits ? 'routers that are waited for cannot connect' : 'routers cannot connect, this node still can',
          ),
        )),
    ...(bfd.length === 0
      ? [pass('ports 3784 and 4784', 'BFD packets can be received')]
      : bfd.map((by) => taken(guarded ? fail : warn, `port ${by.port}`, 'CannotReceiveBfd', by, 'BFD guards nothing'))),
  ];
}

type PortReason = 'CannotListen' | 'CannotReceiveBfd' | 'NoMeshPort' | 'MetricsPortTaken';

function taken(level: typeof fail, check: string, reason: PortReason, by: Listener, then: string): Finding {
  return level(check, reason, `${who(by)} has it: ${then}`);
}

/** One for each program, whatever addresses it listens on. */
function foreign({ listeners, speakerRuns }: NodeFacts, protocol: 'tcp' | 'udp', port: number): Listener[] {
  const found = listeners.filter((each) => each.protocol === protocol && each.port === port && !each.isOurs);
  const seen = found.filter(({ program }) => program !== undefined || !speakerRuns);
  return seen.filter((each, at) => seen.findIndex((other) => who(other) === who(each)) === at);
}

function who({ program, pid }: Listener): string {
  return program === undefined ? 'another program, which cannot be seen from here,' : `${program} (process ${pid})`;
}

export function judgeSysctls({ node }: Facts): Finding[] {
  const { sysctls, nics } = node;
  const of = (name: string): number => sysctls[`net.ipv4.conf.${name}`] ?? 0;
  const ipvs = nics.some(({ name }) => name === 'kube-ipvs0');
  const strict = of('all.arp_ignore') >= 1 && of('all.arp_announce') >= 2;
  const arp =
    !ipvs || strict
      ? pass('ARP of kube-proxy', ipvs ? 'kube-proxy runs in IPVS mode, with strictARP' : 'kube-proxy puts no VIPs on this node')
      : fail(
          'ARP of kube-proxy',
          'StrictArpOff',
          `kube-proxy runs in IPVS mode, arp_ignore is ${of('all.arp_ignore')} and arp_announce ${of('all.arp_announce')}: every node answers for every VIP`,
        );
  // The kernel takes the higher of the two.
  const connected = nics.filter(
    ({ up, loopback, addresses, name }) => up && !loopback && name !== 'kube-ipvs0' && addresses.some(({ ip }) => !ip.includes(':')),
  );
  const filtering = connected.filter(({ name }) => Math.max(of('all.rp_filter'), of(`${name}.rp_filter`)) === 1).map(({ name }) => name);
  const reverse =
    connected.length < 2 || filtering.length === 0
      ? pass('rp_filter', 'answers may leave by another interface than questions came in by')
      : warn(
          'rp_filter',
          'RpFilterStrict',
          `it is strict on ${filtering.join(', ')}, and the node has ${connected.length} connected interfaces: packets to VIPs that come in by the one that does not lead back are dropped`,
        );
  return [arp, reverse];
}
