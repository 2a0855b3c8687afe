import { isIP } from 'node:net';
import { dict, dicts, list, text, texts, type Dict, type KubeObject } from '../json.ts';
import type { Fault } from '../status.ts';
import { fitsFormat } from '../schema/formats.ts';
import { isExternal } from './strategy.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const portMessage = 'must be between 1 and 65535, inclusive';

type Add = (field: string, reason: Fault['reason'], text: string) => void;

function supported(values: readonly string[]): string {
  return `supported values: ${values.map((value) => JSON.stringify(value)).join(', ')}`;
}

function checkEnum(add: Add, field: string, value: unknown, values: readonly string[]): void {
  if (value !== undefined && !values.includes(text(value))) {
    add(field, 'FieldValueNotSupported', `Unsupported value: ${JSON.stringify(value)}: ${supported(values)}`);
  }
}

function checkPort(add: Add, field: string, port: Dict, many: boolean): void {
  const name = text(port['name']);
  if (name === '' && many) add(`${field}.name`, 'FieldValueRequired', 'Required value');
  if (name !== '' && (!label.test(name) || name.length > 63)) {
    add(
      `${field}.name`,
      'FieldValueInvalid',
      `Invalid value: ${JSON.stringify(name)}: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
    );
  }
  const number = Number(port['port'] ?? 0);
  if (number < 1 || number > 65_535) add(`${field}.port`, 'FieldValueInvalid', `Invalid value: ${number}: ${portMessage}`);
  checkEnum(add, `${field}.protocol`, port['protocol'], ['SCTP', 'TCP', 'UDP']);
  const target = port['targetPort'];
  if (typeof target === 'number' && (target < 1 || target > 65_535)) {
    add(`${field}.targetPort`, 'FieldValueInvalid', `Invalid value: ${target}: ${portMessage}`);
  }
}

function checkPorts(add: Add, spec: Dict): void {
  const ports = dicts(spec['ports']);
  if (ports.length === 0 && spec['type'] !== 'ExternalName' && spec['clusterIP'] !== 'None') {
    add('spec.ports', 'FieldValueRequired', 'Required value');
  }
  const names = new Set<string>();
  const pairs = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const field = `spec.ports[${index}]`;
    checkPort(add, field, port, ports.length > 1);
    const name = text(port['name']);
    if (name !== '' && names.has(name)) add(`${field}.name`, 'FieldValueDuplicate', `Duplicate value: ${JSON.stringify(name)}`);
    names.add(name);
    const pair = JSON.stringify({ protocol: port['protocol'], port: port['port'] });
    if (pairs.has(pair)) add(field, 'FieldValueDuplicate', `Duplicate value: ${pair}`);
    pairs.add(pair);
    if (!isExternal(spec) && Number(port['nodePort'] ?? 0) > 0) {
      add(`${field}.nodePort`, 'FieldValueForbidden', `Forbidden: may not be used when \`type\` is '${text(spec['type'])}'`);
    }
  }
}

function checkAddresses(add: Add, spec: Dict): void {
  for (const field of ['externalIPs', 'clusterIPs']) {
    for (const [index, ip] of texts(spec[field]).entries()) {
      if (ip !== 'None' && isIP(ip) === 0) {
        add(
          `spec.${field}[${index}]`,
          'FieldValueInvalid',
          `Invalid value: ${JSON.stringify(ip)}: must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`,
        );
      }
    }
  }
  const ranges = texts(spec['loadBalancerSourceRanges']);
  if (ranges.length > 0 && spec['type'] !== 'LoadBalancer') {
    add('spec.LoadBalancerSourceRanges', 'FieldValueForbidden', "Forbidden: may only be used when `type` is 'LoadBalancer'");
  }
  for (const [index, range] of ranges.entries()) {
    if (!fitsFormat('cidr', range.trim())) {
      add(
        `spec.loadBalancerSourceRanges[${index}]`,
        'FieldValueInvalid',
        `Invalid value: ${JSON.stringify(range)}: must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`,
      );
    }
  }
}

function checkLoadBalancer(add: Add, spec: Dict, old: Dict | undefined): void {
  const balancer = spec['type'] === 'LoadBalancer';
  if (spec['loadBalancerClass'] !== undefined && !balancer) {
    add('spec.loadBalancerClass', 'FieldValueForbidden', "Forbidden: may only be used when `type` is 'LoadBalancer'");
  }
  if (spec['allocateLoadBalancerNodePorts'] !== undefined && !balancer) {
    add('spec.allocateLoadBalancerNodePorts', 'FieldValueForbidden', "Forbidden: may only be used when `type` is 'LoadBalancer'");
  }
  if (old?.['type'] === 'LoadBalancer' && balancer && old['loadBalancerClass'] !== spec['loadBalancerClass']) {
    add(
      'spec.loadBalancerClass',
      'FieldValueInvalid',
      `Invalid value: ${JSON.stringify(spec['loadBalancerClass'] ?? null)}: may not change once set`,
    );
  }
  if (spec['externalTrafficPolicy'] !== undefined && !isExternal(spec) && list(spec['externalIPs']).length === 0) {
    add(
      'spec.externalTrafficPolicy',
      'FieldValueInvalid',
      `Invalid value: ${JSON.stringify(spec['externalTrafficPolicy'])}: may only be set for externally-accessible services`,
    );
  }
  checkHealthPort(add, spec, old);
}

function checkHealthPort(add: Add, spec: Dict, old: Dict | undefined): void {
  const health = spec['type'] === 'LoadBalancer' && spec['externalTrafficPolicy'] === 'Local';
  if (spec['healthCheckNodePort'] !== undefined && spec['healthCheckNodePort'] !== 0 && !health) {
    add(
      'spec.healthCheckNodePort',
      'FieldValueInvalid',
      `Invalid value: ${text(spec['healthCheckNodePort'])}: may only be set when \`type\` is 'LoadBalancer' and \`externalTrafficPolicy\` is 'Local'`,
    );
  }
  if (
    health &&
    old !== undefined &&
    Number(old['healthCheckNodePort'] ?? 0) > 0 &&
    old['healthCheckNodePort'] !== spec['healthCheckNodePort']
  ) {
    add('spec.healthCheckNodePort', 'FieldValueInvalid', `Invalid value: ${text(spec['healthCheckNodePort'])}: field is immutable`);
  }
}

/** The checks of the real server a load balancer's users run into. */
export function validateService(service: KubeObject, oldService: KubeObject | undefined): Fault[] {
  const faults: Fault[] = [];
  const add: Add = (field, reason, message) => faults.push({ field, reason, text: message });
  const spec = dict(service['spec']);
  const old = oldService === undefined ? undefined : dict(oldService['spec']);
  checkEnum(add, 'spec.type', spec['type'], types);
  checkEnum(add, 'spec.sessionAffinity', spec['sessionAffinity'], ['ClientIP', 'None']);
  checkEnum(add, 'spec.externalTrafficPolicy', spec['externalTrafficPolicy'], ['Cluster', 'Local']);
  checkEnum(add, 'spec.internalTrafficPolicy', spec['internalTrafficPolicy'], ['Cluster', 'Local']);
  checkEnum(add, 'spec.ipFamilyPolicy', spec['ipFamilyPolicy'], ['SingleStack', 'PreferDualStack', 'RequireDualStack']);
  checkPorts(add, spec);
  checkAddresses(add, spec);
  checkLoadBalancer(add, spec, old);
  if (old !== undefined && old['type'] !== 'ExternalName' && spec['type'] !== 'ExternalName') {
    if (text(old['clusterIP']) !== '' && spec['clusterIP'] !== old['clusterIP']) {
      add('spec.clusterIPs[0]', 'FieldValueInvalid', `Invalid value: ${JSON.stringify(spec['clusterIPs'])}: may not change once set`);
    }
    const [before, after] = [texts(old['ipFamilies'])[0], texts(spec['ipFamilies'])[0]];
    if (before !== undefined && before !== after) {
      add('spec.ipFamilies[0]', 'FieldValueInvalid', `Invalid value: ${JSON.stringify(spec['ipFamilies'])}: may not change once set`);
    }
  }
  return faults;
}

/** Checks of what is written to /status. */
export function validateServiceStatus(service: KubeObject): Fault[] {
  const faults: Fault[] = [];
  const add: Add = (field, reason, message) => faults.push({ field, reason, text: message });
  const type = dict(service['spec'])['type'];
  const entries = dicts(dict(dict(service['status'])['loadBalancer'])['ingress']);
  if (entries.length > 0 && type !== 'LoadBalancer') {
    add('status.loadBalancer.ingress', 'FieldValueForbidden', `Forbidden: may only be used when \`spec.type\` is "LoadBalancer"`);
  }
  for (const [index, entry] of entries.entries()) {
    const field = `status.loadBalancer.ingress[${index}]`;
    const ip = text(entry['ip']);
    if (ip !== '' && isIP(ip) === 0) {
      add(
        `${field}.ip`,
        'FieldValueInvalid',
        `Invalid value: ${JSON.stringify(ip)}: must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`,
      );
    }
    if (ip === '' && entry['ipMode'] !== undefined) {
      add(`${field}.ipMode`, 'FieldValueForbidden', 'Forbidden: may not be specified when `ip` is not set');
    }
    checkEnum(add, `${field}.ipMode`, entry['ipMode'], ['Proxy', 'VIP']);
  }
  return faults;
}
