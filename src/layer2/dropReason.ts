import { type Ip } from '../net/ip.ts';
import { type FrameFault } from '../wire/frameFault.ts';

/** Why a frame gets no answer. Stable codes: the drop counters carry them as labels. */
export type DropReason =
  | FrameFault
  /** The interface is down, or does not speak this protocol (NOARP). */
  | { readonly reason: 'InterfaceUnfit' }
  /** Neither broadcast, nor a group of ours, nor our own MAC: somebody else's frame. */
  | { readonly reason: 'NotForUs' }
  /** Sent by one of our own interfaces, heard on another. */
  | { readonly reason: 'OwnFrame' }
  | { readonly reason: 'NotClaimed' }
  /** Claimed, but this interface is none of those selected. */
  | { readonly reason: 'InterfaceNotSelected'; readonly ip: Ip }
  /** Being probed for: it is not ours yet (RFC 5227 §2.1). */
  | { readonly reason: 'StillProbing'; readonly ip: Ip }
  /** A reply or an advertisement, which is never answered. */
  | { readonly reason: 'NoQuestion' };

export type DropReasonCode = DropReason['reason'];
