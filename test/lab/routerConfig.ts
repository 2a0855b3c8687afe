import { BIRD, FRR, NODE_ASN, SEGMENT, nodeAddresses } from './addresses.ts';

/** An edge router as an operator would set it up: any node of the segment may peer, both families on one session, ECMP. */
export function frrConfig(): string {
  return `hostname frr
log stdout
router bgp ${FRR.asn}
 bgp router-id ${FRR.ipv4}
 no bgp ebgp-requires-policy
 no bgp network import-check
 bgp bestpath as-path multipath-relax
 neighbor nodes peer-group
 neighbor nodes remote-as ${NODE_ASN}
 neighbor nodes timers 1 3
 bgp listen range ${SEGMENT.ipv4}.0/24 peer-group nodes
 address-family ipv4 unicast
  neighbor nodes activate
  maximum-paths 16
 exit-address-family
 address-family ipv6 unicast
  neighbor nodes activate
  maximum-paths 16
 exit-address-family
`;
}

/** BIRD 2 with its routes in the kernel, equal paths merged. */
export function birdConfig(nodes: number): string {
  const sessions = Array.from({ length: nodes }, (_, index) => {
    return `protocol bgp node${index + 1} {
  local ${BIRD.ipv4} as ${BIRD.asn};
  neighbor ${nodeAddresses(index).ipv4} as ${NODE_ASN};
  hold time 3;
  keepalive time 1;
  connect retry time 2;
  error wait time 1, 2;
  passive on;
  ipv4 { import all; export none; };
  ipv6 { import all; export none; };
}`;
  });
  return `log stderr all;
router id ${BIRD.ipv4};
protocol device { scan time 2; }
protocol direct { ipv4; ipv6; }
protocol kernel { ipv4 { export where source = RTS_BGP; import none; }; merge paths on; }
protocol kernel { ipv6 { export where source = RTS_BGP; import none; }; merge paths on; }
${sessions.join('\n')}
`;
}
