import type { Reader, Writer } from '../cursor.ts';
import type { AfiSafi } from './family.ts';
import { HEADER_LENGTH, HeaderError } from './iana.ts';
import { failHeader, failRouteRefresh } from './malformed.ts';

/** RFC 2918 §3, RFC 7313 §3.2: AFI (2), subtype (1), SAFI (1). */
export interface RouteRefresh extends AfiSafi {
  readonly type: 'routeRefresh';
  /** 0 request, 1 begin, 2 end; others are to be ignored. */
  readonly subtype: number;
}

const BODY_LENGTH = 4;

/** @param message the whole message, for the NOTIFICATION */
export function decodeRouteRefresh(body: Reader, message: Uint8Array): RouteRefresh {
  const subtype = message[HEADER_LENGTH + 2] ?? 0;
  if (body.left !== BODY_LENGTH) {
    if (subtype !== 0 && body.left > BODY_LENGTH) failRouteRefresh(message);
    failHeader(HeaderError.badLength, message.subarray(16, 18));
  }
  const afi = body.u16();
  body.u8();
  return { type: 'routeRefresh', afi, subtype, safi: body.u8() };
}

export function encodeRouteRefresh(writer: Writer, refresh: RouteRefresh): void {
  writer.u16(refresh.afi);
  writer.u8(refresh.subtype);
  writer.u8(refresh.safi);
}
