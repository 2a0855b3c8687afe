import { type Raw, items, labels, record, text } from '../../cluster/json.ts';
import type { Draft } from './draft.ts';
import type { SourceObject } from './sourceObject.ts';

/** kube-vip as it runs: a DaemonSet, or a static Pod. */
export interface Daemon {
  readonly object: SourceObject;
  /** Values that are written out; those taken from a field or a Secret are not known here. */
  readonly env: ReadonlyMap<string, string>;
  readonly nodeSelectors: readonly object[];
  readonly on: (name: string) => boolean;
  /** Of an environment variable, for messages. */
  readonly path: (name: string) => string;
}

/** @returns undefined when this is no kube-vip */
export function readDaemon(draft: Draft, object: SourceObject): Daemon | undefined {
  const spec = object.kind === 'Pod' ? object.spec : (record(record(object.spec['template'])?.['spec']) ?? {});
  const container = items(spec['containers'])
    .map(record)
    .find((one) => /(^|\/)kube-vip(-iptables)?(:|@|$)/.test(text(one?.['image']) ?? ''));
  if (container === undefined) return undefined;
  const env = environmentOf(draft, object, container);
  return {
    object,
    env,
    nodeSelectors: object.kind === 'Pod' ? [] : nodeSelectorsOf(draft, object, spec),
    on: (name) => /^(true|1|t)$/i.test(env.get(name) ?? ''),
    path,
  };
}

function environmentOf(draft: Draft, object: SourceObject, container: Raw): Map<string, string> {
  const env = new Map<string, string>();
  for (const raw of items(container['env']).map((one) => record(one) ?? {})) {
    const name = text(raw['name']) ?? '';
    const value = text(raw['value']);
    if (name !== '' && value !== undefined) env.set(name, value);
    const elsewhere = record(raw['valueFrom']) ?? {};
    if (elsewhere['secretKeyRef'] !== undefined || elsewhere['configMapKeyRef'] !== undefined)
      draft.lose('SecretToCopy', object, path(name), 'stands in a Secret or ConfigMap, which is not read: set what it says by hand');
  }
  return env;
}

const path = (name: string): string => `spec.template.spec.containers[kube-vip].env ${name}`;

const OPERATORS = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist']);

/** Where its Pods run. Terms are alternatives there as selectors are here. */
function nodeSelectorsOf(draft: Draft, object: SourceObject, spec: Raw): object[] {
  const matchLabels = labels(spec['nodeSelector']);
  const plain = Object.keys(matchLabels).length === 0 ? {} : { matchLabels };
  const required = record(record(record(spec['affinity'])?.['nodeAffinity'])?.['requiredDuringSchedulingIgnoredDuringExecution']);
  const terms = items(required?.['nodeSelectorTerms']).map((term) => record(term) ?? {});
  const affinity = 'spec.template.spec.affinity.nodeAffinity';
  if (terms.some((term) => items(term['matchFields']).length > 0)) draft.lose('NoEquivalent', object, affinity, 'matchFields are left out');
  const selectors = terms.map((term) => {
    const all = items(term['matchExpressions']).map((one) => record(one) ?? {});
    const matchExpressions = all.filter(({ operator }) => OPERATORS.has(text(operator) ?? ''));
    if (matchExpressions.length < all.length) draft.lose('NoEquivalent', object, affinity, 'the operators Gt and Lt are left out');
    return { ...plain, ...(matchExpressions.length === 0 ? {} : { matchExpressions }) };
  });
  if (selectors.length === 0) return 'matchLabels' in plain ? [plain] : [];
  return selectors.some((selector) => Object.keys(selector).length === 0) ? [] : selectors;
}
