import { BGP_POOL, BIRD, FRR, L2_POOL, NODE_ASN, nodeAddresses, nodeName } from './addresses.ts';

export const NAMESPACE = 'heraldlb-system';

/** The two ways to be reached, side by side: one pool each. */
export function labConfig(): string {
  return `apiVersion: heraldlb.io/v1
kind: IPAddressPool
metadata: { name: bgp, namespace: ${NAMESPACE}, labels: { announce: bgp } }
spec:
  addresses: ["${BGP_POOL.ipv4}", "${BGP_POOL.ipv6}"]
  avoidBuggyIPs: true
  autoAssign: false
---
apiVersion: heraldlb.io/v1
kind: IPAddressPool
metadata: { name: segment, namespace: ${NAMESPACE}, labels: { announce: l2 } }
spec:
  addresses: ["${L2_POOL.ipv4}", "${L2_POOL.ipv6}"]
---
apiVersion: heraldlb.io/v1
kind: L2Advertisement
metadata: { name: segment, namespace: ${NAMESPACE} }
spec:
  ipAddressPools: [segment]
---
apiVersion: heraldlb.io/v1
kind: BGPAdvertisement
metadata: { name: edge, namespace: ${NAMESPACE} }
spec:
  ipAddressPools: [bgp]
---
${peer('frr', FRR.ipv4, FRR.asn)}---
${peer('bird', BIRD.ipv4, BIRD.asn)}`;
}

function peer(name: string, address: string, asn: number): string {
  return `apiVersion: heraldlb.io/v1
kind: BGPPeer
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec:
  myASN: ${NODE_ASN}
  peerASN: ${asn}
  peerAddress: ${address}
  dualStackAddressFamily: true
  holdTime: 3s
  keepaliveTime: 1s
  connectTime: 1s
`;
}

export function service(name: string, pool: 'bgp' | 'segment', policy: 'Cluster' | 'Local' = 'Cluster'): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: default
  annotations: { heraldlb.io/address-pool: ${pool} }
spec:
  type: LoadBalancer
  ipFamilyPolicy: RequireDualStack
  externalTrafficPolicy: ${policy}
  selector: { app: ingress }
  ports: [{ name: http, port: 80, targetPort: 8080, protocol: TCP }]
`;
}

export function node(index: number): object {
  const { ipv4, ipv6 } = nodeAddresses(index);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName(index), labels: { 'kubernetes.io/hostname': nodeName(index) } },
    status: {
      addresses: [
        { type: 'InternalIP', address: ipv4 },
        { type: 'InternalIP', address: ipv6 },
        { type: 'Hostname', address: nodeName(index) },
      ],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'ready',
          lastHeartbeatTime: new Date().toISOString().replace(/\.\d+Z/, 'Z'),
          lastTransitionTime: new Date().toISOString().replace(/\.\d+Z/, 'Z'),
        },
      ],
    },
  };
}

export function ingressPod(index: number): object {
  const { ipv4, ipv6 } = nodeAddresses(index);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `ingress-${nodeName(index)}`, namespace: 'default', labels: { app: 'ingress' } },
    spec: {
      nodeName: nodeName(index),
      hostNetwork: true,
      containers: [{ name: 'nginx', image: 'nginx', ports: [{ containerPort: 8080 }] }],
    },
    status: {
      phase: 'Running',
      hostIP: ipv4,
      podIP: ipv4,
      podIPs: [{ ip: ipv4 }, { ip: ipv6 }],
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'ContainersReady', status: 'True' },
      ],
    },
  };
}
