import type { Ip } from '../net/ip.ts';
import type { Refusal } from './refusal.ts';

/** What one Service is to have. Only Services that this installation handles, or has to clean up after, get one. */
export interface Assignment {
  /** The ingress addresses, IPv4 first. */
  readonly ingress: readonly Ip[];
  /** The pool of the first address. */
  readonly pool?: string;
  /** All of them, where there are several. */
  readonly pools?: readonly string[];
  /** Why it has not all that it needs; it may still have an address, kept until what it asks for can be given. */
  readonly refusal?: Refusal;
  /** Why a PreferDualStack Service has one address only. */
  readonly missing?: Refusal;
  /** Addresses that it keeps although something else uses them. */
  readonly disputed?: readonly { readonly address: Ip; readonly by: string }[];
  /** Addresses that stand in its status and go, each with the reason. */
  readonly released: readonly { readonly address: Ip; readonly refusal: Refusal }[];
}
