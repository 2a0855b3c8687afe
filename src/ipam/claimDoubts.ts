import { serviceKey } from '../cluster/service.ts';
import type { AddressClaim } from '../config/addressClaims.ts';
import type { Desk } from './desk.ts';
import type { Refusal } from './refusal.ts';

const NOBODY = serviceKey('', '');

/** What keeps the Service of a claim from its addresses, whatever other Services have. @param desk the claim is among its claims */
export function claimDoubts(desk: Desk, { name, addresses, service = NOBODY }: AddressClaim): Refusal[] {
  return addresses.flatMap((address) => {
    const space = desk.pools.of(address);
    if (space === undefined) return [{ reason: 'AddressOutsidePools' as const, address }];
    const refusal = desk.bar(address, space) ?? desk.claimRefusal(address, service);
    // A claim for nobody keeps its addresses from everybody.
    return refusal === undefined || (refusal.reason === 'ClaimedByOther' && refusal.claim === name) ? [] : [refusal];
  });
}
