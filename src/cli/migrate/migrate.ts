import { migrateCilium } from './cilium.ts';
import type { Loss, Manifest, Migration, MigrationReason, Source } from './contract.ts';
import { Draft } from './draft.ts';
import { keepShares, loseStrays, proveAccepted, proveAnnounced, proveKept } from './keep.ts';
import { migrateKubeVip } from './kubeVip.ts';
import { migrateMetallb } from './metallb.ts';
import { migratePurelb } from './purelb.ts';
import { sourceObject } from './sourceObject.ts';

const MIGRATIONS: Readonly<Record<Source, (draft: Draft) => void>> = {
  metallb: migrateMetallb,
  'kube-vip': migrateKubeVip,
  cilium: migrateCilium,
  purelb: migratePurelb,
};

/**
 * Objects of another system as objects of ours. Nothing is renumbered: the plan over the result is asked whether every Service
 * keeps what it has.
 * @param raw objects as JSON, of whatever kind: of the other system, Services, Nodes, Namespaces
 * @param namespace where the result is to live
 */
export function migrate(source: Source, raw: readonly unknown[], namespace: string): Migration {
  const draft = new Draft(
    raw.flatMap((object) => sourceObject(object) ?? []),
    namespace,
  );
  MIGRATIONS[source](draft);
  loseClasses(draft);
  keepShares(draft);
  loseStrays(draft);
  if (draft.services.length === 0)
    draft.lose(
      'ServicesNotSeen',
      undefined,
      '',
      'there is no Service of type LoadBalancer among the objects: whether addresses stay was not checked',
    );
  proveAccepted(draft);
  const kept = proveKept(draft);
  proveAnnounced(draft);
  return {
    source,
    manifests: draft.manifests.toSorted(byTurn),
    edits: draft.edits(),
    flags: [...draft.flags],
    losses: draft.losses.toSorted((a, b) => rank(a) - rank(b)),
    kept,
  };
}

function loseClasses(draft: Draft): void {
  const wanted = draft.loadBalancerClass;
  if (wanted !== undefined) draft.flags.add(`--lb-class=${wanted}`);
  for (const { view, object } of draft.services) {
    const { loadBalancerClass: own } = view;
    if (own !== wanted) {
      const served = wanted === undefined ? 'Services without a class' : `the class ${wanted}`;
      draft.lose(
        'ClassNeeded',
        object,
        'spec.loadBalancerClass',
        `is ${own ?? 'absent'}, and ${served} will be served: create it anew, the field cannot be changed`,
      );
    }
  }
}

const TURN = ['Secret', 'Community', 'BFDProfile', 'IPAddressPool', 'AddressClaim', 'BGPPeer', 'BGPAdvertisement', 'L2Advertisement'];

function byTurn(a: Manifest, b: Manifest): number {
  return TURN.indexOf(a.kind) - TURN.indexOf(b.kind);
}

/** What costs an address comes first, and what costs its traffic before the other warnings. */
const ORDER: readonly MigrationReason[] = ['AddressOutsidePools', 'AddressNotKept', 'NotAnnounced'];

function rank({ reason, severity }: Loss): number {
  const place = ORDER.indexOf(reason);
  if (severity === 'error') return place === -1 ? ORDER.length : place;
  return place === -1 ? ORDER.length + 2 : ORDER.length + 1;
}
