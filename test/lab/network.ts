import { API, BIRD, CLIENT, FAR, FRR, type HostAddresses, nodeAddresses, nodeName } from './addresses.ts';
import type { Space } from './space.ts';

/** Builds the network drawn in addresses.ts: one bridge, hosts on it, two routers with a client behind them. */
export function buildNetwork(space: Space, nodes: number): void {
  space.add('seg');
  space.run('seg', 'ip link add br0 type bridge');
  space.run('seg', ['sysctl', '-qw', 'net.ipv6.conf.br0.disable_ipv6=1']);
  space.run('seg', 'ip link set br0 up');
  for (let index = 0; index < nodes; index++) {
    attach(space, nodeName(index), nodeAddresses(index));
    routeThroughRouters(space, nodeName(index));
    forward(space, nodeName(index));
  }
  attach(space, 'frr', FRR);
  attach(space, 'bird', BIRD);
  attach(space, 'client', CLIENT);
  attach(space, 'api', API);
  buildFarSide(space);
}

export function attach(space: Space, name: string, addresses: HostAddresses): void {
  space.add(name);
  space.link('seg', `p-${name}`, name, 'eth0');
  space.run('seg', `ip link set p-${name} master br0`);
  // No waiting for duplicate address detection: the lab knows its addresses.
  space.run(name, ['sysctl', '-qw', 'net.ipv6.conf.eth0.accept_dad=0']);
  space.run(name, `ip addr add ${addresses.ipv4}/24 dev eth0`);
  space.run(name, `ip -6 addr add ${addresses.ipv6}/64 dev eth0 nodad`);
}

function forward(space: Space, name: string): void {
  space.run(name, ['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.all.rp_filter=0']);
  space.run(name, ['sysctl', '-qw', 'net.ipv4.fib_multipath_hash_policy=1', 'net.ipv6.fib_multipath_hash_policy=1']);
}

function routeThroughRouters(space: Space, name: string): void {
  for (const router of [FRR, BIRD]) {
    space.run(name, `ip route add ${router.far.subnet} via ${router.ipv4}`);
    space.run(name, `ip -6 route add ${router.far.prefix6} via ${router.ipv6}`);
  }
}

function buildFarSide(space: Space): void {
  space.add('far');
  for (const [name, router, far] of [
    ['frr', FRR, FAR.frr],
    ['bird', BIRD, FAR.bird],
  ] as const) {
    forward(space, name);
    space.link(name, 'far0', 'far', name);
    space.run(name, ['sysctl', '-qw', 'net.ipv6.conf.far0.accept_dad=0']);
    space.run('far', ['sysctl', '-qw', `net.ipv6.conf.${name}.accept_dad=0`]);
    space.run(name, `ip addr add ${router.far.ipv4}/24 dev far0`);
    space.run(name, `ip -6 addr add ${router.far.ipv6}/64 dev far0 nodad`);
    space.run('far', `ip addr add ${far.ipv4}/24 dev ${name}`);
    space.run('far', `ip -6 addr add ${far.ipv6}/64 dev ${name} nodad`);
  }
  routeFarThrough(space, 'frr');
}

/** The far client sends everything through one of the routers. */
export function routeFarThrough(space: Space, router: 'frr' | 'bird'): void {
  const far = router === 'frr' ? FRR.far : BIRD.far;
  space.run('far', `ip route replace default via ${far.ipv4}`);
  space.run('far', `ip -6 route replace default via ${far.ipv6}`);
}
