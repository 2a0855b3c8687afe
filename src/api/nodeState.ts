import * as z from 'zod';
import { conditions, crdMeta } from './fields.ts';
import type { Kind } from './kind.ts';

const text = (maximum = 1024): z.ZodString => z.string().max(maximum);

const session = z.object({
  peer: text(253).describe('BGPPeer name.'),
  address: text(64).optional(),
  asn: text(16).optional().describe("The router's AS number."),
  state: z.enum(['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established']).describe('RFC 4271 section 8.2.2.'),
  since: text(64).describe('When the session entered this state.'),
  families: z.array(text(16)).max(8).optional(),
  routes: z.int().min(0).optional().describe('Prefixes that are announced on it.'),
  lastError: text().optional().describe('Why the session last went down or does not come up.'),
  lastErrorAt: text(64).optional(),
});

const guard = z.object({
  session: text(512).describe("The router's address, with its interface or VRF where that matters."),
  address: text(64),
  peers: z.array(text(253)).max(64).describe('BGPPeers that it guards.'),
  profile: text(253).describe('BFDProfile name.'),
  state: z.enum(['AdminDown', 'Down', 'Init', 'Up']).describe('RFC 5880 section 6.2.'),
  since: text(64).describe('When the session entered this state.'),
  transmitIntervalMs: z.int().min(0).optional().describe('As negotiated.'),
  detectionTimeMs: z.int().min(0).optional().describe('After so much silence the router is held to be gone.'),
  lastDown: text().optional().describe('Why the session last went down.'),
  lastDownAt: text(64).optional(),
});

const claim = z.object({
  ip: text(45),
  services: z.array(text(400)).max(256),
  interfaces: z.array(text(15)).max(64).optional(),
  since: text(64),
});

const problem = z.object({ reason: text(128), object: text(512).optional(), message: text(2048) });

const passedOver = z.object({
  reason: z
    .enum(['PoolOutsideSubnets', 'NoUsableInterface'])
    .describe('No interface of the node is in their subnet, or none can announce them at all.'),
  from: text(45),
  to: text(45).describe('Addresses that this node may announce by layer 2, one after the other; both ends belong to them.'),
});

const drain = z.object({
  phase: z.enum(['Draining', 'Drained']).describe('Drained: nothing is announced from this node.'),
  reason: text(128).describe('What began it.'),
  message: text().optional(),
  since: text(64).describe('When the drain entered this phase.'),
  left: z.int().min(0).optional().describe('Prefixes and addresses that no other node can announce, so that they stay.'),
});

const sessions = z.array(session).max(1024);
const guards = z.array(guard).max(1024);
const claims = z.array(claim).max(10_000);
crdMeta.add(sessions, { listType: 'map', listMapKeys: ['peer'] });
crdMeta.add(guards, { listType: 'map', listMapKeys: ['session'] });
// One writer, thousands of entries: a map would have the server note the owner of each, and 10,000 with that are more than etcd takes (1.5 MB).
crdMeta.add(claims, { listType: 'atomic' });

const status = z.object({
  version: text(64).optional().describe("The speaker's version."),
  startedAt: text(64).optional(),
  summary: z
    .object({
      peers: text(32).describe('Sessions that are up, of all.'),
      vips: z.int().min(0).describe('Addresses this node answers ARP or NDP for.'),
      routes: z.int().min(0).describe('Prefixes it announces by BGP.'),
      problems: z.int().min(0),
    })
    .optional(),
  bgp: sessions.optional(),
  bfd: guards.optional(),
  claims: claims.optional(),
  problems: z.array(problem).max(256).optional(),
  passedOver: z.array(passedOver).max(64).optional().describe('What this node announces only where no other node can do it better.'),
  drain: drain.optional().describe('Present while the node is taken out of service.'),
  conditions: conditions.optional(),
});

export type NodeStateStatus = z.infer<typeof status>;

export const nodeState: Kind = {
  kind: 'NodeState',
  plural: 'nodestates',
  singular: 'nodestate',
  shortNames: ['hns'],
  description: "What one node's speaker does at the moment; written by that speaker, one per node.",
  spec: z.object({}),
  status,
  columns: [
    { name: 'Peers', type: 'string', jsonPath: '.status.summary.peers' },
    { name: 'Routes', type: 'integer', jsonPath: '.status.summary.routes' },
    { name: 'VIPs', type: 'integer', jsonPath: '.status.summary.vips' },
    { name: 'Problems', type: 'integer', jsonPath: '.status.summary.problems' },
    { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
    { name: 'Drain', type: 'string', jsonPath: '.status.drain.phase' },
    { name: 'Version', type: 'string', jsonPath: '.status.version', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
