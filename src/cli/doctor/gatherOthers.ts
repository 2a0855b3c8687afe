import { type Raw, items, record, text } from '../../cluster/json.ts';
import type { KubeClient } from '../../host/kube/kubeClient.ts';
import { type Resource, customResource } from '../../host/kube/resource.ts';
import { listAll } from '../clusterAccess.ts';
import { child, records } from '../migrate/fields.ts';
import type { OtherSystem } from './contract.ts';
import { optional } from './optional.ts';

const WORKLOADS: readonly Resource[] = [
  customResource('apps', 'v1', 'daemonsets', 'DaemonSet'),
  customResource('apps', 'v1', 'deployments', 'Deployment'),
];

const CILIUM_POOLS = customResource('cilium.io', 'v2', 'ciliumloadbalancerippools', 'CiliumLoadBalancerIPPool', false);

/** By the image of a container. kube-vip for the API server's address alone serves no Service. */
const IMAGES: readonly { readonly system: OtherSystem['system']; readonly image: RegExp; readonly name: RegExp }[] = [
  { system: 'MetalLB', image: /metallb\/|\/metallb-/, name: /controller/ },
  { system: 'kube-vip', image: /\/kube-vip(-iptables)?(:|@|$)/, name: /./ },
  { system: 'PureLB', image: /purelb\//, name: /allocator/ },
  { system: 'ServiceLB', image: /klipper-lb/, name: /^svclb-/ },
  { system: 'OpenELB', image: /openelb/, name: /controller/ },
];

/** Other controllers that hand out addresses, by their workloads; Cilium by its pools. @returns undefined where workloads may not be seen */
export async function findOthers(client: KubeClient): Promise<OtherSystem[] | undefined> {
  const found: OtherSystem[] = [];
  for (const resource of WORKLOADS) {
    const objects = await optional(listAll(client, resource));
    if (objects === undefined) return undefined;
    for (const other of objects.flatMap((object) => systemOf(object) ?? []))
      if (!found.some(({ system }) => system === other.system)) found.push(other);
  }
  const pools = await optional(listAll(client, CILIUM_POOLS));
  const [first] = pools ?? [];
  if (first !== undefined) found.push({ system: 'Cilium', evidence: `CiliumLoadBalancerIPPool ${first.metadata.name}` });
  return found;
}

/** @param object a DaemonSet or Deployment @returns undefined when it is none of them, or serves no Services */
export function systemOf(object: unknown): OtherSystem | undefined {
  const metadata = child(record(object), 'metadata');
  const name = text(metadata['name']) ?? '';
  const pod = child(record(object), 'spec', 'template', 'spec');
  const [found] = records(pod['containers']).flatMap((container) => {
    const system = IMAGES.find((each) => each.image.test(text(container['image']) ?? '') && each.name.test(name))?.system;
    return system === undefined || !servesServices(system, container) ? [] : [{ system, container }];
  });
  if (found === undefined) return undefined;
  const own = classOf(found.container);
  const evidence = `${text(metadata['namespace']) ?? ''}/${name}`;
  return { system: found.system, evidence, ...(own === undefined ? {} : { loadBalancerClass: own }) };
}

function servesServices(system: OtherSystem['system'], container: Raw): boolean {
  return system !== 'kube-vip' || env(container, 'svc_enable') === 'true';
}

function env(container: Raw, name: string): string | undefined {
  const found = items(container['env'])
    .map(record)
    .find((one) => one?.['name'] === name);
  return text(found?.['value']);
}

function classOf(container: Raw): string | undefined {
  const flag = items(container['args']).flatMap((arg) => /^--lb-class=(.+)$/.exec(text(arg) ?? '')?.[1] ?? []);
  if (flag[0] !== undefined) return flag[0];
  return env(container, 'lb_class_name') ?? (env(container, 'lb_class_only') === 'true' ? 'kube-vip.io/kube-vip-class' : undefined);
}
