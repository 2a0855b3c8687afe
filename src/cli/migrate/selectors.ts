import { items, labels, record, text } from '../../cluster/json.ts';
import { type LabelExpression, type LabelSelector, selectorMatches } from '../../config/selector.ts';
import type { Draft, SourceService } from './draft.ts';
import { type SourceObject, dnsName } from './sourceObject.ts';

/** Cilium lets a selector of Services ask for what is no label. */
const NAMESPACE = 'io.kubernetes.service.namespace';
const NAME = 'io.kubernetes.service.name';

export function readSelector(raw: unknown): LabelSelector | undefined {
  const object = record(raw);
  if (object === undefined) return undefined;
  const matchExpressions = items(object['matchExpressions']).flatMap((one): LabelExpression[] => {
    const expression = record(one);
    const key = text(expression?.['key']);
    const operator = text(expression?.['operator']) as LabelExpression['operator'] | undefined;
    const values = items(expression?.['values']).filter((value) => typeof value === 'string');
    return key === undefined || operator === undefined ? [] : [{ key, operator, ...(values.length === 0 ? {} : { values }) }];
  });
  const matchLabels = labels(object['matchLabels']);
  return {
    ...(Object.keys(matchLabels).length === 0 ? {} : { matchLabels }),
    ...(matchExpressions.length === 0 ? {} : { matchExpressions }),
  };
}

export function isEmpty({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;
}

/** With the two names that Cilium adds. */
export function matchesService(selector: LabelSelector, { view }: SourceService): boolean {
  return selectorMatches(selector, { ...view.labels, [NAMESPACE]: view.namespace, [NAME]: view.name });
}

function asksForMore({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return [...Object.keys(matchLabels ?? {}), ...(matchExpressions ?? []).map(({ key }) => key)].some(
    (key) => key === NAMESPACE || key === NAME,
  );
}

/** Namespaces that a selector names, when apart from that it asks for nothing but labels. */
export function byNamespace(selector: LabelSelector): { readonly namespaces: readonly string[]; readonly rest: LabelSelector } | undefined {
  const { [NAMESPACE]: named, ...others } = selector.matchLabels ?? {};
  const expressions = selector.matchExpressions ?? [];
  const listed = expressions.filter(({ key, operator }) => key === NAMESPACE && operator === 'In');
  const rest: LabelSelector = {
    ...(Object.keys(others).length === 0 ? {} : { matchLabels: others }),
    ...(expressions.length === listed.length ? {} : { matchExpressions: expressions.filter((one) => !listed.includes(one)) }),
  };
  const lists = [...(named === undefined ? [] : [[named]]), ...listed.map(({ values = [] }) => values)];
  const [first, ...more] = lists;
  const namespaces = (first ?? []).filter((name) => more.every((list) => list.includes(name)));
  // No list of namespaces means all of them, which is not what a contradiction says.
  if (asksForMore(rest) || (lists.length > 0 && namespaces.length === 0)) return undefined;
  return { namespaces, rest };
}

/**
 * Selectors for an object of ours that say the same. What labels cannot say is said by a label of our own, on every Service
 * that is selected at present.
 */
export function servicesOf(draft: Draft, object: SourceObject, path: string, selector: LabelSelector): LabelSelector[] {
  if (isEmpty(selector)) return [];
  if (!asksForMore(selector)) return [selector];
  const key = `migrated.heraldlb.io/${dnsName(object.name)}`;
  const selected = draft.services.filter((service) => matchesService(selector, service));
  for (const service of selected) draft.label(service, key, 'true');
  const message = `asks for names and namespaces of Services: the ${selected.length} Services that are selected get the label ${key}, later ones need it too`;
  draft.lose('Approximated', object, path, message);
  return [{ matchLabels: { [key]: 'true' } }];
}
