import type { Registry } from 'prom-client';
import type { Engine } from './engine.ts';
import { byKey, byPeer, isUp, pending, routerOf } from './peerMetrics.ts';
import type { BfdReport, PeerReport } from './report.ts';

/**
 * The metrics of MetalLB's speaker that mean the same here, with its names, labels and types, so that dashboards and alerts made
 * for it go on working: `metallb_` those of its own BGP and of FRR beside it, `frrk8s_` those of frr-k8s, whose label `peer` has no port.
 */
export function metallbMetrics(registry: Registry, engine: Engine): void {
  sessionMetrics(registry, engine, 'metallb', routerOf);
  sessionMetrics(registry, engine, 'frrk8s', ({ address }) => address);
  const { counters } = engine.layer2;
  const asked = 'ARP requests and neighbour solicitations for an announced address';
  byKey(registry, 'metallb_layer2_requests_received', asked, 'ip', () => counters.requests);
  byKey(registry, 'metallb_layer2_responses_sent', 'Answers to them', 'ip', () => counters.responses);
  byKey(registry, 'metallb_layer2_gratuitous_sent', 'Announcements of the address', 'ip', () => counters.announcements);
}

function sessionMetrics(registry: Registry, engine: Engine, prefix: string, label: (row: PeerReport) => string): void {
  const bgp = byPeer<PeerReport>(registry, () => engine.bgp.report(), label);
  bgp.gauge(`${prefix}_bgp_session_up`, '1 while the session is established', isUp);
  bgp.gauge(
    `${prefix}_bgp_announced_prefixes_total`,
    'Prefixes that the router holds from this node',
    (row) => row.counters.prefixesAnnounced,
  );
  bgp.gauge(`${prefix}_bgp_pending_prefixes_total`, 'Prefixes that are still to be announced', pending);
  bgp.counter(`${prefix}_bgp_updates_total`, 'UPDATE messages sent', (row) => row.counters.updatesSent);
  bgp.counter(`${prefix}_bgp_updates_total_received`, 'UPDATE messages received', (row) => row.counters.updatesReceived);
  bgp.counter(`${prefix}_bgp_total_sent`, 'Messages sent', (row) => row.counters.messagesSent);
  bgp.counter(`${prefix}_bgp_total_received`, 'Messages received', (row) => row.counters.messagesReceived);
  const bfd = byPeer<BfdReport>(
    registry,
    () => engine.bfd.report(),
    ({ session }) => session,
  );
  bfd.gauge(`${prefix}_bfd_session_up`, '1 while the BFD session is up', ({ state }) => (state === 'Up' ? 1 : 0));
  bfd.counter(`${prefix}_bfd_control_packet_input`, 'Control packets received and believed', ({ counters }) => counters.packetsReceived);
  bfd.counter(`${prefix}_bfd_control_packet_output`, 'Control packets sent', ({ counters }) => counters.packetsSent);
  bfd.counter(`${prefix}_bfd_echo_packet_input`, 'Echo packets of the peer received', ({ counters }) => counters.echoesReceived);
  bfd.counter(`${prefix}_bfd_echo_packet_output`, 'Echo packets sent back', ({ counters }) => counters.echoesSent);
  bfd.counter(`${prefix}_bfd_session_up_events`, 'How often the session came up', ({ counters }) => counters.timesUp);
  bfd.counter(`${prefix}_bfd_session_down_events`, 'How often it went down', ({ counters }) => counters.timesDown);
}
