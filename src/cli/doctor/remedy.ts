import { nextStep, roomOf } from '../../view/nextStep.ts';
import type { DoctorReason, OwnReason } from './contract.ts';

/** What to do, in a sentence; docs/troubleshoot.md says more under the same code. */
export const REMEDIES: Readonly<Record<OwnReason, string>> = {
  AddonMissing: 'run make build, or take an image for this architecture',
  ApiRefused: 'look at the kubeconfig, or at the service account and its token',
  ApiUnreachable: 'look at the address of the server, at DNS and at firewalls between',
  ClockSkew: 'run chrony or systemd-timesyncd on the node',
  CrdMissing: 'kubectl apply -k manifests/crds',
  GatewaySilent: 'nothing, if it filters pings; else look at the link and the gateway',
  MetricsPortTaken: 'start the speakers with another --metrics-port',
  MtuTooSmall: 'raise the MTU of the link',
  NodeMissing: 'name the Node with --node-name',
  OtherLoadBalancer: 'remove it, or give each its own loadBalancerClass',
  PeerSilent: 'nothing, if it filters pings',
  PoolHasNodeAddress: 'exclude the address: spec.excludedAddresses of the pool',
  RightMissing: 'kubectl apply the roles of manifests/base/rbac.yaml',
  RpFilterStrict: 'sysctl -w net.ipv4.conf.all.rp_filter=2, and of the interfaces',
  StrictArpOff: 'set ipvs.strictARP: true in the configuration of kube-proxy and restart it',
};

/** Of what the running programs say, too, the same is to be done. */
export function remedyFor(reason: DoctorReason): string {
  const own: Readonly<Partial<Record<DoctorReason, string>>> = REMEDIES;
  return own[reason] ?? nextStep(roomOf(reason), reason);
}
