import { stringify } from 'yaml';
import type { Loss, Manifest, Migration, ServiceEdit } from './contract.ts';

/** For `kubectl apply -f`. */
export function manifestText(manifests: readonly Manifest[]): string {
  return manifests.map((manifest) => stringify(manifest, { lineWidth: 140, aliasDuplicateObjects: false })).join('---\n');
}

/** What is to be said of a migration, the worst first. */
export function reportLines(migration: Migration): string[] {
  const { losses, manifests, edits, flags, kept } = migration;
  const errors = losses.filter(({ severity }) => severity === 'error').length;
  const commands = edits.flatMap(editCommands);
  return [
    ...losses.map(lossLine),
    ...(flags.length === 0 ? [] : ['', `Start controller and speakers with ${flags.join(' ')}`]),
    ...(commands.length === 0 ? [] : ['', 'Services, before HeraldLB starts:', ...commands.map((command) => `  ${command}`)]),
    '',
    `${manifests.length} objects, ${kept} Services keep their addresses: ${errors} errors, ${losses.length - errors} warnings`,
  ];
}

function lossLine({ severity, reason, object, path, message }: Loss): string {
  const { kind = '', namespace, name = '' } = object ?? {};
  const about = object === undefined ? '' : ` ${kind}/${namespace === undefined ? '' : `${namespace}/`}${name}`;
  return `${severity} ${reason}${about}${path === '' ? '' : ` ${path}`}: ${message}`;
}

/** One line each, for a shell. */
export function editCommands({ service, annotations, labels, clearLoadBalancerIP }: ServiceEdit): string[] {
  const [namespace = '', name = ''] = service.split('/');
  const about = `service -n ${namespace} ${name}`;
  return [
    ...(Object.keys(annotations).length === 0 ? [] : [`kubectl annotate --overwrite ${about} ${pairs(annotations)}`]),
    ...(Object.keys(labels).length === 0 ? [] : [`kubectl label --overwrite ${about} ${pairs(labels)}`]),
    ...(clearLoadBalancerIP ? [`kubectl patch ${about} --type=merge -p '{"spec":{"loadBalancerIP":null}}'`] : []),
  ];
}

function pairs(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${quoted(value)}`)
    .join(' ');
}

function quoted(value: string): string {
  return /^[\w.,:/-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
