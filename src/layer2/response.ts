import { type Ip } from '../net/ip.ts';
import { type Mac } from '../net/mac.ts';
import { type ClaimEntry, type Counted } from './claimTable.ts';
import { type DropReason } from './dropReason.ts';
import { type InterfaceView, isSelected } from './link.ts';

/** Somebody else uses, or is about to use, an address of ours. */
export interface Sighting {
  readonly ip: Ip;
  readonly mac: Mac;
  readonly interface: string;
  /** `probe`: it asks first (RFC 5227 §2.1.1, RFC 4862 §5.4.3) and has not taken the address yet. */
  readonly by: 'arp-request' | 'arp-reply' | 'advertisement' | 'probe';
  /** What the address was to us when it was seen. */
  readonly phase: ClaimEntry['phase'];
}

export type Response =
  /** So many bytes have been written; `defended` when the asker was about to take the address for itself. */
  | { readonly kind: 'reply'; readonly length: number; readonly claim: Counted; readonly defended: boolean }
  | { readonly kind: 'drop'; readonly reason: DropReason }
  | { readonly kind: 'conflict'; readonly sighting: Sighting };

/** Somebody asks who has the address before it takes it, and was told that it is ours. */
export function isProbe(response: Response): response is Extract<Response, { readonly kind: 'reply' }> {
  return response.kind === 'reply' && response.defended;
}

/** Why a claim forbids an answer on this interface. */
export function refuse(claim: ClaimEntry, iface: InterfaceView): DropReason | undefined {
  if (!isSelected(iface.name, claim.interfaces)) return { reason: 'InterfaceNotSelected', ip: claim.ip };
  if (claim.phase === 'probing') return { reason: 'StillProbing', ip: claim.ip };
  return undefined;
}

export function drop(reason: DropReason): Response {
  return { kind: 'drop', reason };
}
