import { dig, text, type KubeObject } from './json.ts';
import type { Resource } from './resources.ts';
import { badRequest } from './status.ts';

export type Match = (object: KubeObject) => boolean;

type Labels = Record<string, string>;

function setTerm(term: string): ((labels: Labels) => boolean) | undefined {
  const found = /^([^\s!=,()]+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term);
  if (found === null) return undefined;
  const [, key = '', operator, values = ''] = found;
  const set = new Set(values.split(',').map((value) => value.trim()));
  return operator === 'in'
    ? (labels) => labels[key] !== undefined && set.has(labels[key])
    : (labels) => labels[key] === undefined || !set.has(labels[key]);
}

function labelTerm(term: string): (labels: Labels) => boolean {
  const set = setTerm(term);
  if (set !== undefined) return set;
  const compare = /^([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)$/.exec(term);
  if (compare !== null) {
    const [, key = '', operator, value] = compare;
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const exists = /^(!?)\s*([^\s!=,()]+)$/.exec(term);
  if (exists === null) throw badRequest(`unable to parse requirement: found '${term}', expected: '=', '!=', '==', 'in', notin'`);
  const [, not, key = ''] = exists;
  return not === '!' ? (labels) => labels[key] === undefined : (labels) => labels[key] !== undefined;
}

/** Commas inside the parentheses of `in (...)` do not separate terms. */
function splitTerms(selector: string): string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '');
}

export function labelSelector(selector: string): Match | undefined {
  const terms = splitTerms(selector).map(labelTerm);
  if (terms.length === 0) return undefined;
  return (object) => {
    const labels = object.metadata.labels ?? {};
    return terms.every((term) => term(labels));
  };
}

const podFields = [
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'spec.hostNetwork',
  'status.phase',
  'status.podIP',
  'status.nominatedNodeName',
];
const eventFields = [
  'involvedObject.kind',
  'involvedObject.namespace',
  'involvedObject.name',
  'involvedObject.uid',
  'involvedObject.apiVersion',
  'involvedObject.resourceVersion',
  'involvedObject.fieldPath',
  'reason',
  'reportingComponent',
  'source',
  'type',
];

/** Fields a selector may name besides metadata.name and metadata.namespace. */
const fieldsOf: Readonly<Record<string, string[]>> = {
  '/pods': podFields,
  '/events': eventFields,
  'events.k8s.io/events': eventFields.map((name) => name.replace('involvedObject', 'regarding')),
  '/services': ['spec.clusterIP', 'spec.type'],
  '/nodes': ['spec.unschedulable'],
  '/namespaces': ['status.phase'],
  '/secrets': ['type'],
  'apps/replicasets': ['status.replicas'],
  'batch/jobs': ['status.successful'],
};

function fieldValue(object: KubeObject, field: string): string {
  // Events are kept in their core form; the newer group names the same field otherwise.
  const path = field.replace(/^regarding\./, 'involvedObject.').split('.');
  if (field === 'source') return text(dig(object, 'source', 'component')) || text(object['reportingComponent']);
  if (field === 'spec.unschedulable') return String(dig(object, 'spec', 'unschedulable') === true);
  return text(dig(object, ...path));
}

function unescape(value: string): string {
  return value.replace(/\\([\\,=])/g, '$1');
}

export function fieldSelector(resource: Resource, selector: string): Match | undefined {
  const allowed = new Set([
    'metadata.name',
    'metadata.namespace',
    ...(fieldsOf[`${resource.group}/${resource.plural}`] ?? resource.selectableFields ?? []),
  ]);
  const terms = selector
    .split(/(?<!\\),/)
    .filter((term) => term !== '')
    .map((term): Match => {
      const found = /^(.*?)(!=|==|=)(.*)$/.exec(term);
      if (found === null) throw badRequest(`invalid selector: '${selector}'; can't understand '${term}'`);
      const [, field = '', operator, raw = ''] = found;
      if (!allowed.has(field)) {
        throw badRequest(
          resource.custom || resource.group !== '' || fieldsOf[`/${resource.plural}`] === undefined
            ? `field label not supported: ${field}`
            : `field label not supported: ${field}`,
        );
      }
      const value = unescape(raw);
      return operator === '!=' ? (object) => fieldValue(object, field) !== value : (object) => fieldValue(object, field) === value;
    });
  return terms.length === 0 ? undefined : (object) => terms.every((term) => term(object));
}

/** Namespace and both selectors in one; undefined when everything matches. */
export function selection(resource: Resource, namespace: string, labels: string, fields: string): Match | undefined {
  const matches = [labelSelector(labels), fieldSelector(resource, fields)].filter((match) => match !== undefined);
  if (namespace !== '') matches.unshift((object) => object.metadata.namespace === namespace);
  if (matches.length === 0) return undefined;
  return matches.length === 1 ? matches[0] : (object) => matches.every((match) => match(object));
}
