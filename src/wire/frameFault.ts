/**
 * Why a received frame cannot be read as ARP or NDP. Codes are stable: drop counters carry them as labels.
 * `found` is the offending number as it stood in the frame.
 */
export type FrameFault =
  | { readonly reason: 'EthernetTooShort'; readonly length: number }
  | { readonly reason: 'VlanTagged'; readonly found: number }
  | { readonly reason: 'EtherTypeUnknown'; readonly found: number }
  | { readonly reason: 'SourceMacIsGroup' }
  | { readonly reason: 'ArpTooShort'; readonly length: number }
  | { readonly reason: 'ArpHardwareType'; readonly found: number }
  | { readonly reason: 'ArpProtocolType'; readonly found: number }
  | { readonly reason: 'ArpHardwareLength'; readonly found: number }
  | { readonly reason: 'ArpProtocolLength'; readonly found: number }
  | { readonly reason: 'ArpOperation'; readonly found: number }
  | { readonly reason: 'ArpSenderMacIsGroup' }
  | { readonly reason: 'Ipv6TooShort'; readonly length: number }
  | { readonly reason: 'Ipv6Version'; readonly found: number }
  | { readonly reason: 'Ipv6PayloadLength'; readonly found: number; readonly left: number }
  | { readonly reason: 'Ipv6NextHeader'; readonly found: number }
  | { readonly reason: 'Ipv6SourceIsMulticast' }
  | { readonly reason: 'NdpHopLimit'; readonly found: number }
  | { readonly reason: 'NdpTooShort'; readonly length: number }
  | { readonly reason: 'NdpType'; readonly found: number }
  | { readonly reason: 'NdpCode'; readonly found: number }
  | { readonly reason: 'NdpChecksum'; readonly found: number }
  | { readonly reason: 'NdpTargetIsMulticast' }
  | { readonly reason: 'NdpOptionLengthZero' }
  | { readonly reason: 'NdpOptionTooLong'; readonly found: number }
  | { readonly reason: 'NdpLinkLayerLength'; readonly found: number }
  | { readonly reason: 'NdpLinkLayerIsGroup' }
  | { readonly reason: 'NdpUnspecifiedDestination' }
  | { readonly reason: 'NdpUnspecifiedWithLinkLayer' }
  | { readonly reason: 'NdpUnspecifiedSource' }
  | { readonly reason: 'NdpSolicitedMulticast' };

/** Tells a fault from a decoded header: no header has a field `reason`. */
export function isFault(value: object): value is FrameFault {
  return 'reason' in value;
}
