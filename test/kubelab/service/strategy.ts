import { dict, dicts, list, text, texts, type Dict, type KubeObject } from '../json.ts';
import { keyOf } from '../store.ts';
import type { Fault } from '../status.ts';
import { familyOf, type Family, type ServiceAllocator } from './allocator.ts';

function hasNodePorts(spec: Dict): boolean {
  if (spec['type'] === 'NodePort') return true;
  return spec['type'] === 'LoadBalancer' && spec['allocateLoadBalancerNodePorts'] !== false;
}

export function isExternal(spec: Dict): boolean {
  return spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer';
}

function needsHealthPort(spec: Dict): boolean {
  return spec['type'] === 'LoadBalancer' && spec['externalTrafficPolicy'] === 'Local';
}

function needsClusterIp(spec: Dict): boolean {
  return spec['type'] !== 'ExternalName';
}

/** Defaults every Service gets, before anything is allocated. */
export function defaultService(service: KubeObject): void {
  const spec = dict(service['spec']);
  service['spec'] = spec;
  spec['sessionAffinity'] ??= 'None';
  spec['type'] ??= 'ClusterIP';
  if (spec['sessionAffinity'] === 'ClientIP') spec['sessionAffinityConfig'] ??= { clientIP: { timeoutSeconds: 10_800 } };
  if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig'];
  for (const port of dicts(spec['ports'])) {
    port['protocol'] ??= 'TCP';
    if (port['targetPort'] === undefined || port['targetPort'] === 0 || port['targetPort'] === '') port['targetPort'] = port['port'];
  }
  if (isExternal(spec)) spec['externalTrafficPolicy'] ??= 'Cluster';
  if (needsClusterIp(spec)) spec['internalTrafficPolicy'] ??= 'Cluster';
  if (spec['type'] === 'LoadBalancer') spec['allocateLoadBalancerNodePorts'] ??= true;
  const status = dict(service['status']);
  service['status'] = status;
  const balancer = dict(status['loadBalancer']);
  status['loadBalancer'] = balancer;
  for (const ingress of dicts(balancer['ingress'])) {
    if (text(ingress['ip']) !== '') ingress['ipMode'] ??= 'VIP';
  }
}

/** What a change of type makes meaningless goes; only what the client left as it was. */
function dropLeftovers(spec: Dict, old: Dict): void {
  const same = (field: string) => JSON.stringify(spec[field]) === JSON.stringify(old[field]);
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy']) {
      if (same(field)) delete spec[field];
    }
  }
  if (hasNodePorts(old) && !hasNodePorts(spec) && spec['type'] !== 'LoadBalancer') {
    const before = new Map(dicts(old['ports']).map((port) => [`${text(port['protocol'])}/${text(port['port'])}`, port['nodePort']]));
    for (const port of dicts(spec['ports'])) {
      if (before.get(`${text(port['protocol'])}/${text(port['port'])}`) === port['nodePort']) delete port['nodePort'];
    }
  }
  if (needsHealthPort(old) && !needsHealthPort(spec) && same('healthCheckNodePort')) delete spec['healthCheckNodePort'];
  if (isExternal(old) && !isExternal(spec) && same('externalTrafficPolicy')) delete spec['externalTrafficPolicy'];
  if (old['type'] === 'LoadBalancer' && spec['type'] !== 'LoadBalancer') {
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass']) if (same(field)) delete spec[field];
  }
}

function sameList(a: unknown, b: unknown): boolean {
  return JSON.stringify(list(a)) === JSON.stringify(list(b));
}

/** clusterIP and clusterIPs[0] are one value; a client that changed one of them means both. */
function alignClusterIps(spec: Dict, old: Dict): void {
  const ip = text(spec['clusterIP']);
  if (ip !== text(old['clusterIP'])) {
    if (sameList(spec['clusterIPs'], old['clusterIPs'])) spec['clusterIPs'] = ip === '' ? [] : [ip];
  } else if (!sameList(spec['clusterIPs'], old['clusterIPs'])) {
    spec['clusterIP'] = list(spec['clusterIPs']).length === 0 ? ip : (texts(spec['clusterIPs'])[0] ?? '');
  }
}

function keepClusterIps(spec: Dict, old: Dict): void {
  alignClusterIps(spec, old);
  if (text(spec['clusterIP']) === '' && list(spec['clusterIPs']).length === 0 && text(old['clusterIP']) !== '') {
    spec['clusterIP'] = old['clusterIP'];
    spec['clusterIPs'] = old['clusterIPs'];
  } else if (list(spec['clusterIPs']).length === 0 && spec['clusterIP'] === old['clusterIP']) {
    spec['clusterIPs'] = old['clusterIPs'];
  }
  spec['ipFamilies'] ??= old['ipFamilies'];
  spec['ipFamilyPolicy'] ??= old['ipFamilyPolicy'];
}

function keepNodePorts(spec: Dict, old: Dict): void {
  const used = new Set(dicts(spec['ports']).map((port) => `${text(port['protocol'])}/${text(port['nodePort'])}`));
  for (const port of dicts(spec['ports'])) {
    if (port['nodePort'] !== undefined && port['nodePort'] !== 0) continue;
    const before = dicts(old['ports']).find((o) => o['port'] === port['port'] && o['protocol'] === port['protocol']);
    const number = before?.['nodePort'];
    if (number !== undefined && !used.has(`${text(port['protocol'])}/${text(number)}`)) port['nodePort'] = number;
  }
}

/** What an update leaves out but was allocated stays. */
function keepAllocated(spec: Dict, old: Dict): void {
  if (needsClusterIp(old) && needsClusterIp(spec)) keepClusterIps(spec, old);
  if (hasNodePorts(old) && hasNodePorts(spec)) keepNodePorts(spec, old);
  if (needsHealthPort(old) && needsHealthPort(spec)) spec['healthCheckNodePort'] ??= old['healthCheckNodePort'];
}

function isSelectorless(spec: Dict): boolean {
  return Object.keys(dict(spec['selector'])).length === 0;
}

function isHeadless(spec: Dict): boolean {
  return spec['clusterIP'] === 'None' || texts(spec['clusterIPs'])[0] === 'None';
}

function defaultPolicy(spec: Dict): string {
  const given = texts(spec['ipFamilies']).length;
  const two = given > 1 || texts(spec['clusterIPs']).length > 1;
  return two || (isHeadless(spec) && isSelectorless(spec) && given === 0) ? 'RequireDualStack' : 'SingleStack';
}

/** The families of a Service, from what it asks for and what the cluster has. */
function chooseFamilies(spec: Dict, old: Dict | undefined, available: Family[]): Family[] {
  const free = isHeadless(spec) && isSelectorless(spec);
  const ips = texts(spec['clusterIPs']).filter((ip) => ip !== '' && ip !== 'None');
  const families = [...new Set([...(texts(spec['ipFamilies']) as Family[]), ...ips.map(familyOf)])];
  if (families.length === 0) families.push(available[0] ?? 'IPv4');
  if (spec['ipFamilyPolicy'] !== 'SingleStack') {
    const both: Family[] = free ? ['IPv4', 'IPv6'] : available;
    return [...new Set([...families, ...both])];
  }
  // Going back to one family drops the second address.
  const wasDual = old?.['ipFamilyPolicy'] !== undefined && old['ipFamilyPolicy'] !== 'SingleStack';
  if (!wasDual || families.length < 2) return families;
  if (Array.isArray(spec['clusterIPs'])) spec['clusterIPs'] = spec['clusterIPs'].slice(0, 1);
  return families.slice(0, 1);
}

function settleFamilies(spec: Dict, old: Dict | undefined, available: Family[], faults: Fault[]): void {
  spec['ipFamilyPolicy'] ??= defaultPolicy(spec);
  const policy = spec['ipFamilyPolicy'];
  const families = chooseFamilies(spec, old, available);
  spec['ipFamilies'] = families;
  const bad = (field: string, value: string, why: string) =>
    faults.push({ field, reason: 'FieldValueInvalid', text: `Invalid value: "${value}": ${why}` });
  const free = isHeadless(spec) && isSelectorless(spec);
  for (const [index, family] of families.entries()) {
    if (!available.includes(family) && !free) bad(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster');
  }
  if (policy === 'RequireDualStack' && available.length < 2 && !free) {
    bad('spec.ipFamilyPolicy', policy, 'this cluster is not configured for dual-stack services');
  }
  if (policy === 'SingleStack' && families.length > 1) {
    bad('spec.ipFamilyPolicy', policy, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
  }
}

function allocateIps(spec: Dict, key: string, allocator: ServiceAllocator, faults: Fault[]): void {
  if (text(spec['clusterIP']) !== '' && list(spec['clusterIPs']).length === 0) spec['clusterIPs'] = [spec['clusterIP']];
  if (spec['clusterIP'] === 'None' || texts(spec['clusterIPs'])[0] === 'None') {
    spec['clusterIP'] = 'None';
    spec['clusterIPs'] = ['None'];
    return;
  }
  const ips = texts(spec['clusterIPs']).filter((ip) => ip !== '');
  for (const ip of ips) {
    const problem = allocator.ipProblem(ip, key);
    if (problem !== undefined) {
      faults.push({ field: 'spec.clusterIPs', reason: 'FieldValueInvalid', text: `Invalid value: ${JSON.stringify(ips)}: ${problem}` });
    }
  }
  const families = texts(spec['ipFamilies']) as Family[];
  for (const family of families.slice(ips.length)) {
    const ip = allocator.nextIp(family);
    if (ip !== undefined) ips.push(ip);
  }
  spec['clusterIPs'] = ips;
  spec['clusterIP'] = ips[0] ?? '';
}

function allocatePorts(spec: Dict, key: string, allocator: ServiceAllocator, faults: Fault[]): void {
  const taken = new Set(dicts(spec['ports']).map(({ nodePort }) => Number(nodePort ?? 0)));
  const byPort = new Map<unknown, number>();
  for (const [index, port] of dicts(spec['ports']).entries()) {
    const asked = Number(port['nodePort'] ?? 0);
    if (asked > 0) {
      const problem = allocator.nodePortProblem(asked, text(port['protocol']), key);
      if (problem !== undefined) {
        faults.push({ field: `spec.ports[${index}].nodePort`, reason: 'FieldValueInvalid', text: `Invalid value: ${asked}: ${problem}` });
      }
    } else if (hasNodePorts(spec)) {
      // TCP and UDP of one port share a node port.
      const number = byPort.get(port['port']) ?? allocator.nextNodePort(taken);
      if (number !== undefined) {
        taken.add(number);
        port['nodePort'] = number;
      }
    }
    if (typeof port['nodePort'] === 'number') byPort.set(port['port'], port['nodePort']);
  }
  if (!needsHealthPort(spec)) return;
  const health = Number(spec['healthCheckNodePort'] ?? 0);
  if (health === 0) spec['healthCheckNodePort'] = allocator.nextNodePort(taken);
  else {
    const problem = allocator.nodePortProblem(health, 'TCP', key);
    if (problem !== undefined) {
      faults.push({ field: 'spec.healthCheckNodePort', reason: 'FieldValueInvalid', text: `Invalid value: ${health}: ${problem}` });
    }
  }
}

/** What an update keeps, and the families: before validation, as nothing of it is taken from anybody. */
export function settleService(service: KubeObject, old: KubeObject | undefined, allocator: ServiceAllocator): Fault[] {
  const spec = dict(service['spec']);
  const before = old === undefined ? undefined : dict(old['spec']);
  const faults: Fault[] = [];
  if (before !== undefined) {
    keepAllocated(spec, before);
    dropLeftovers(spec, before);
  }
  if (spec['type'] !== 'LoadBalancer') (service['status'] as Dict)['loadBalancer'] = {};
  if (!needsClusterIp(spec)) return faults;
  if (text(spec['clusterIP']) !== '' && list(spec['clusterIPs']).length === 0) spec['clusterIPs'] = [spec['clusterIP']];
  settleFamilies(spec, before, allocator.families(), faults);
  return faults;
}

/** Fills in addresses and ports; the faults it returns refuse the write. */
export function allocateService(service: KubeObject, allocator: ServiceAllocator): Fault[] {
  const spec = dict(service['spec']);
  const faults: Fault[] = [];
  if (!needsClusterIp(spec)) return faults;
  const key = keyOf(service.metadata.namespace ?? '', service.metadata.name);
  allocateIps(spec, key, allocator, faults);
  allocatePorts(spec, key, allocator, faults);
  return faults;
}
