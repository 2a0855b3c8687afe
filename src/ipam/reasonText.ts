import type { Family } from '../net/ip.ts';
import type { PoolVerdict, PoolVerdictReason, Refusal, RefusalReason, SharingConflict } from './refusal.ts';

type Texts = { readonly [Reason in RefusalReason]: (refusal: Extract<Refusal, { readonly reason: Reason }>) => string };

/** More pools than this are summed up, so that a condition stays readable with a thousand pools. */
const POOLS_IN_TEXT = 8;
const SERVICES_IN_TEXT = 5;

const FAMILY: Readonly<Record<Family, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' };

const VERDICT: Readonly<Record<PoolVerdictReason, string>> = {
  AutoAssignOff: 'autoAssign is off',
  Disabled: 'it is disabled',
  QuotaExceeded: 'the quota of the namespace is used up',
  NamespaceNotSelected: "it does not take the Service's namespace",
  ServiceNotSelected: "its serviceSelectors do not match the Service's labels",
  NoAddressOfFamily: 'it has no addresses of that family',
  NotBothFamilies: 'it does not have both families',
  Exhausted: 'no address is free',
};

const SHARING: Readonly<Record<SharingConflict, string>> = {
  'no-key': 'both must carry the annotation allow-shared-ip',
  'different-key': 'their sharing keys differ',
  'different-traffic-policy': 'their externalTrafficPolicy differs',
  'different-selector': 'with externalTrafficPolicy Local both must select the same Pods',
};

const TEXTS: Texts = {
  NoPools: () => 'There is no usable IPAddressPool.',
  NoPoolMatches: ({ pools }) => `No IPAddressPool takes this Service: ${verdicts(pools)}.`,
  PoolExhausted: ({ pools, family }) => `No ${FAMILY[family]} address is free: ${verdicts(pools)}.`,
  QuotaExceeded: ({ pools, pool, namespace, family, used, limit }) =>
    `Namespace "${namespace}" has ${used} of the ${limit} ${FAMILY[family]} addresses that IPAddressPool "${pool}" has for it${others(pools, pool)}.`,
  UnknownPool: ({ pool }) => `The requested IPAddressPool "${pool}" does not exist or is not usable.`,
  PoolNotForService: ({ pool, why }) => `IPAddressPool "${pool}" is not for this Service: ${VERDICT[why]}.`,
  InvalidRequest: ({ field, value, detail }) => `The request in ${field}, "${value}", is not valid: ${detail}.`,
  AddressOutsidePools: ({ address }) => `Address ${address} is in no usable IPAddressPool.`,
  AddressNotInRequestedPool: ({ address, pool }) => `Address ${address} is not in the IPAddressPool "${pool}".`,
  AddressAvoided: ({ address, pool }) => `IPAddressPool "${pool}" avoids addresses ending in .0 and .255, such as ${address}.`,
  AddressExcluded: ({ address, pool }) => `IPAddressPool "${pool}" excludes ${address}.`,
  ClaimedByOther: ({ address, claim, service }) =>
    `Address ${address} is kept by AddressClaim "${claim}" for ${service ?? 'no Service yet'}.`,
  AddressInUse: ({ address, by }) => `Address ${address} is in use by ${some(by, SERVICES_IN_TEXT)}.`,
  AddressReserved: ({ address, by }) => `Address ${address} is in use by ${by}.`,
  PortInUse: ({ address, port, by }) => `Port ${port} of the shared address ${address} is in use by ${by}.`,
  SharingKeyConflict: ({ address, by, detail }) => `Address ${address} cannot be shared with ${by}: ${SHARING[detail]}.`,
  FamilyMismatch: ({ requested, service }) =>
    `The requested addresses are ${families(requested)}, but the cluster IPs of the Service are ${families(service)}.`,
  FamilyUnavailable: ({ family, pools }) => `There is no ${FAMILY[family]} address for this Service: ${verdicts(pools)}.`,
  NoClusterIP: () => 'The Service has no cluster IP, so the IP families that it needs are not known.',
  DualStackNeedsTwoClusterIPs: () => 'The Service requires dual stack but has cluster IPs of one family only.',
  OtherAddressRequested: ({ address }) => `Address ${address} is given back because the Service asks for another one.`,
  FamilyNotWanted: ({ address }) => `Address ${address} is given back because the Service needs no further address of its family.`,
  NotLoadBalancer: () => 'The Service is no longer of type LoadBalancer.',
};

/** One sentence with the facts: the only place where a refusal is put into words. */
export function reasonText(refusal: Refusal): string {
  return (TEXTS[refusal.reason] as (refusal: Refusal) => string)(refusal);
}

function families(list: readonly Family[]): string {
  return list.map((family) => FAMILY[family]).join(' and ');
}

function verdicts(pools: readonly PoolVerdict[]): string {
  if (pools.length === 0) return 'no pool was eligible';
  return some(
    pools.map(({ pool, why }) => `${pool} (${VERDICT[why]})`),
    POOLS_IN_TEXT,
  );
}

function others(pools: readonly PoolVerdict[], but: string): string {
  const rest = pools.filter(({ pool }) => pool !== but);
  return rest.length === 0 ? '' : `; ${verdicts(rest)}`;
}

function some(items: readonly string[], most: number): string {
  const shown = items.slice(0, most).join(', ');
  return items.length > most ? `${shown} and ${items.length - most} more` : shown;
}
