import { type Block, blockContains, blockOfPrefix, blocksOverlap } from '../../net/block.ts';
import type { Pool } from '../../config/config.ts';
import { prefixOf } from '../../net/prefix.ts';
import type { Facts, Finding, Nic } from './contract.ts';
import { fail, pass, warn } from './finding.ts';
import { layer2Here, layer2Pools } from './scope.ts';

/** RFC 8200 §5: what every link of IPv6 carries. */
const LEAST_MTU = 1280;

export function judgeInterfaces(facts: Facts): Finding[] {
  const scopes = layer2Here(facts);
  const named = new Set(scopes.flatMap(({ interfaces }) => interfaces));
  const faults = [...named].flatMap((name) => {
    const fault = faultOf(facts, name);
    return fault === undefined ? [] : [fail(`interface ${name}`, 'NoUsableInterface', fault)];
  });
  const fit = fitNics(facts);
  const needsAny = scopes.some(({ interfaces }) => interfaces.length === 0) || facts.config === undefined;
  if (fit.length === 0 && needsAny) faults.push(fail('interfaces', 'NoUsableInterface', `none of ${list(facts)} can announce an address`));
  const small = fit.filter(({ mtu }) => mtu < LEAST_MTU).map(({ name, mtu }) => `${name} (${mtu})`);
  const mtu =
    small.length === 0
      ? []
      : [
          warn(
            'MTU',
            'MtuTooSmall',
            `${small.join(', ')} is below ${LEAST_MTU}: large packets of BGP sessions and IPv6 do not get through`,
          ),
        ];
  return faults.length > 0
    ? [...faults, ...mtu]
    : [pass('interfaces', `${fit.map(({ name }) => name).join(', ') || 'no interface'} can announce addresses`), ...mtu];
}

function faultOf({ node, excludeInterfaces }: Facts, name: string): string | undefined {
  const nic = node.nics.find((each) => each.name === name);
  const where = 'an L2Advertisement of this node names it, and';
  if (nic === undefined) return `${where} this node has no such interface`;
  if (nic.portOf !== undefined) return `${where} it is a port of ${nic.portOf}: name ${nic.portOf}`;
  if (excludeInterfaces.test(name)) return `${where} --exclude-interfaces leaves it out`;
  if (!nic.up) return `${where} it is down`;
  return nic.carrier ? undefined : `${where} it has no carrier`;
}

function fitNics({ node, excludeInterfaces }: Facts): Nic[] {
  return node.nics.filter(
    ({ name, up, carrier, loopback, arp, portOf }) =>
      up && carrier && !loopback && arp && portOf === undefined && !excludeInterfaces.test(name),
  );
}

function list({ node, excludeInterfaces }: Facts): string {
  const others = node.nics.filter(({ loopback }) => !loopback);
  const said = others.map((nic) => `${nic.name} (${why(nic, excludeInterfaces)})`);
  return said.length === 0 ? 'the interfaces, of which there are none,' : said.join(', ');
}

function why({ name, up, carrier, portOf, arp }: Nic, excluded: RegExp): string {
  if (portOf !== undefined) return `port of ${portOf}`;
  if (excluded.test(name)) return 'excluded';
  if (!up) return 'down';
  if (!carrier) return 'no carrier';
  return arp ? 'fit' : 'no ARP';
}

/** Addresses of a layer 2 pool that no interface's subnet has reach no client without a route of somebody's. */
export function judgePools(facts: Facts): Finding[] {
  const { config } = facts;
  if (config === undefined) return [];
  const subnets = fitNics(facts).flatMap(({ addresses }) =>
    addresses.map(({ ip, prefixLength }) => blockOfPrefix(prefixOf(ip, prefixLength))),
  );
  const outside = layer2Pools(facts).flatMap((pool) => outsideOf(pool, subnets).map((block) => `${block.text} of ${pool.name}`));
  const taken = config.pools.flatMap((pool) => takenOf(facts, pool));
  if (taken.length + outside.length === 0) return [pass('pools', 'fit the subnets of this node')];
  return [
    ...taken,
    ...(outside.length === 0
      ? []
      : [
          warn(
            'pools',
            'PoolOutsideSubnets',
            `${outside.join(', ')} is in no subnet of a fit interface: nobody asks for it by ARP or NDP, unless a router has a route to it on this link`,
          ),
        ]),
  ];
}

function outsideOf({ blocks }: Pool, subnets: readonly Block[]): Block[] {
  return blocks.filter((block) => !subnets.some((subnet) => blocksOverlap(subnet, block)));
}

function takenOf({ node }: Facts, pool: Pool): Finding[] {
  const excluded = (ip: Parameters<typeof blockContains>[1]): boolean => (pool.excluded ?? []).some((block) => blockContains(block, ip));
  const own = node.nics.flatMap(({ name, addresses }) => addresses.map(({ ip }) => ({ ip, what: `is on ${name}` })));
  const all = [...own, ...node.gateways.map((ip) => ({ ip, what: 'is the default gateway' }))];
  return all
    .filter(({ ip }) => pool.blocks.some((block) => blockContains(block, ip)) && !excluded(ip))
    .map(({ ip, what }) => fail('pools', 'PoolHasNodeAddress', `${ip} of IPAddressPool ${pool.name} ${what}`));
}
