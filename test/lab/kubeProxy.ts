import type { KubeObject } from '../support/apiClient.ts';

/**
 * The stand-in for kube-proxy: which packets a node's kernel sends where. Local endpoints are preferred; under
 * externalTrafficPolicy Cluster a node without one forwards to another node's (masqueraded, as kube-proxy does).
 */
export function renderNat(node: string, services: readonly KubeObject[], slices: readonly KubeObject[]): string {
  const rules: string[] = [];
  for (const service of services) {
    for (const ip of vips(service)) rules.push(...rulesFor(node, service, ip, slices));
  }
  return `table inet lab
delete table inet lab
table inet lab {
  chain prerouting {
    type nat hook prerouting priority dstnat
${rules.map((rule) => `    ${rule}`).join('\n')}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    meta mark 0x1ab masquerade
  }
}
`;
}

interface Target {
  readonly address: string;
  readonly port: number;
  readonly node: string | undefined;
}

function rulesFor(node: string, service: KubeObject, ip: string, slices: readonly KubeObject[]): string[] {
  const family = ip.includes(':') ? 'ip6' : 'ip';
  const local = (service.spec?.['externalTrafficPolicy'] as string | undefined) === 'Local';
  const ports = (service.spec?.['ports'] ?? []) as { port: number; protocol?: string; name?: string }[];
  return ports.flatMap(({ port, protocol = 'TCP', name }) => {
    const targets = targetsOf(service, slices, family === 'ip6' ? 'IPv6' : 'IPv4', name);
    const here = targets.find((target) => target.node === node);
    const target = here ?? (local ? undefined : targets[0]);
    if (target === undefined) return [];
    const to = family === 'ip6' ? `[${target.address}]:${target.port}` : `${target.address}:${target.port}`;
    const mark = here === undefined ? 'meta mark set 0x1ab ' : '';
    return [`${family} daddr ${ip} ${protocol.toLowerCase()} dport ${port} ${mark}dnat ${family} to ${to}`];
  });
}

function targetsOf(service: KubeObject, slices: readonly KubeObject[], addressType: string, portName = ''): Target[] {
  return slices
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === service.metadata.name)
    .map((slice) => slice as unknown as Slice)
    .filter((slice) => slice.addressType === addressType)
    .flatMap((slice) => {
      const port = slice.ports.find((candidate) => (candidate.name ?? '') === portName)?.port ?? slice.ports[0]?.port ?? 0;
      return (slice.endpoints ?? [])
        .filter((endpoint) => endpoint.conditions?.ready !== false)
        .map((endpoint) => ({ address: endpoint.addresses[0] ?? '', port, node: endpoint.nodeName }));
    });
}

interface Slice {
  readonly addressType: string;
  readonly ports: readonly { name?: string; port: number }[];
  readonly endpoints?: readonly { addresses: string[]; nodeName?: string; conditions?: { ready?: boolean } }[];
}

export function vips(service: KubeObject): string[] {
  const balancer = service.status?.['loadBalancer'] as { ingress?: { ip?: string }[] } | undefined;
  return (balancer?.ingress ?? []).flatMap((entry) => (entry.ip === undefined ? [] : [entry.ip]));
}
