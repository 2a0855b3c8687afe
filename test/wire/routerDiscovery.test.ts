import { describe, expect, it } from 'vitest';
import type { Ip } from '../../src/net/ip.ts';
import type { Mac } from '../../src/net/mac.ts';
import { advertisingRouter, encodeRouterAdvertisement, encodeRouterSolicitation } from '../../src/wire/routerDiscovery.ts';

const router = 'fe80::1' as Ip;
/** FRR's, for BGP alone: lifetime 0, with its link-layer address. */
const ADVERTISEMENT = Uint8Array.of(134, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1);

function changed(at: number, value: number): Uint8Array {
  const bytes = ADVERTISEMENT.slice();
  bytes[at] = value;
  return bytes;
}

describe('router discovery (RFC 4861)', () => {
  it('solicits with eight bytes, the checksum left to the kernel (§4.1)', () => {
    expect([...encodeRouterSolicitation()]).toEqual([133, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('advertises a node that is no router (§4.2)', () => {
    const bytes = encodeRouterAdvertisement('02:00:00:00:00:0a' as Mac);
    expect([...bytes]).toEqual([134, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 10]);
    expect(advertisingRouter({ bytes, source: router, hopLimit: 255 })).toBe(router);
  });

  it('takes an advertisement, also of a router that is nobody’s default (§6.1.2)', () => {
    expect(advertisingRouter({ bytes: ADVERTISEMENT, source: router, hopLimit: 255 })).toBe(router);
    expect(advertisingRouter({ bytes: ADVERTISEMENT.subarray(0, 16), source: router, hopLimit: 255 })).toBe(router);
  });

  it.each([
    ['from an address that is not link-local', { source: '2001:db8::1' as Ip }],
    ['that was forwarded', { hopLimit: 254 }],
    ['whose hop limit is not known', { hopLimit: undefined }],
    ['that is too short', { bytes: ADVERTISEMENT.subarray(0, 15) }],
    ['of another type', { bytes: changed(0, 133) }],
    ['with another code', { bytes: changed(1, 1) }],
    ['with an option of no length', { bytes: changed(17, 0) }],
    ['with an option that is cut off', { bytes: changed(17, 2) }],
    ['with half an option', { bytes: ADVERTISEMENT.subarray(0, 17) }],
  ])('takes none %s (§6.1.2)', (_, change) => {
    expect(advertisingRouter({ bytes: ADVERTISEMENT, source: router, hopLimit: 255, ...change })).toBeUndefined();
  });
});
