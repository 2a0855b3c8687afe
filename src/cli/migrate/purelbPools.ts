import { items, text } from '../../cluster/json.ts';
import type { Draft } from './draft.ts';
import { type Group, type GroupRange, groupPool } from './purelbGroups.ts';
import { blockText } from './space.ts';

/** The group that a Service gets which names none. */
const DEFAULT = 'default';

/** One pool, or one for each range where a Service gets an address of each. */
export function writeGroupPools(draft: Draft, group: Group, all: readonly Group[]): void {
  const { object, ranges, multiPool, balancePools } = group;
  if (ranges.length === 0) return;
  const spec = placement(draft, group, all);
  const parts = multiPool || balancePools ? byPosition(ranges) : [ranges];
  const policy = balancePools ? { allocationPolicy: 'mostFree' } : {};
  group.pools = parts.map((part, index) => {
    const wanted = parts.length === 1 ? object.name : `${object.name}-${index + 1}`;
    const addresses = part.map(({ block }) => blockText(block));
    return groupPool(draft.write('IPAddressPool', wanted, { addresses, ...spec, ...policy }, { labels: object.labels }), part);
  });
  if (balancePools && parts.length > 1 && group.needsName)
    draft.lose('Approximated', object, 'spec', 'new Services that name this group get the pool that they name, not the emptier one');
}

/** The n-th range of each family together: one pool must have both for a Service that wants both. */
function byPosition(ranges: readonly GroupRange[]): GroupRange[][] {
  const of = (family: string): GroupRange[] => ranges.filter(({ block }) => block.family === family);
  const [v4, v6] = [of('ipv4'), of('ipv6')];
  return Array.from({ length: Math.max(v4.length, v6.length) }, (_, index) =>
    [v4[index], v6[index]].filter((range) => range !== undefined),
  );
}

/** Which Services get it without being told. */
function placement(draft: Draft, group: Group, all: readonly Group[]): object {
  const { object, ranges } = group;
  const namespaces = namespacesOf(group);
  if (namespaces.length === 0) {
    group.needsName = object.name !== DEFAULT;
    return group.needsName ? { autoAssign: false } : {};
  }
  const rivals = all.filter((other) => other !== group && namespacesOf(other).some((name) => namespaces.includes(name)));
  const isDefault = rivals.length === 0 || object.spec['namespaceDefault'] === true;
  const enforced = object.spec['enforceNamespaces'] === true;
  const strangers = draft.services.filter(
    ({ view }) => !namespaces.includes(view.namespace) && view.ingress.some((ip) => groupPool('', ranges).contains(ip)),
  );
  group.needsName = !isDefault || (!enforced && strangers.length > 0);
  if (!enforced && strangers.length > 0) {
    draft.lose(
      'Approximated',
      object,
      'spec.namespaces',
      `Services of other namespaces have addresses of it: every Service has to name the pool from now on`,
    );
    return { autoAssign: false };
  }
  if (!enforced) draft.lose('Approximated', object, 'spec.namespaces', 'Services of other namespaces cannot name this pool any more');
  return { ...(isDefault ? {} : { autoAssign: false }), serviceAllocation: { priority: 1, namespaces } };
}

function namespacesOf({ object }: Group): string[] {
  return items(object.spec['namespaces']).flatMap((one) => text(one) ?? []);
}
