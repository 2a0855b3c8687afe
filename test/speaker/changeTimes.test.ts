import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { Outbox, type PlanMessage, keepWaiting } from '../../speaker/channel.ts';
import { monotonicMs } from '../../speaker/changeTimes.ts';
import { changeHistogram } from '../../speaker/metrics.ts';
import { encodeMessage } from '../../src/wire/bgp/message.ts';
import { ETH0, type FakeDial, ip, nodePlan, peerPlan, startEngine } from './support.ts';

/** The router's side of a session that comes up at once. */
function establish(dial: FakeDial): void {
  dial.events.up(ip('192.0.2.1'), ip('192.0.2.254'));
  const capabilities = [
    { type: 'multiprotocol', afi: 1, safi: 1 },
    { type: 'fourOctetAs', asn: 64513 },
  ] as never;
  dial.events.bytes(encodeMessage({ type: 'open', asn: 64513, holdTimeSeconds: 90, routerId: ip('192.0.2.254'), capabilities }));
  dial.events.bytes(encodeMessage({ type: 'keepalive' }));
  dial.events.writable();
}

async function started() {
  const sent: string[] = [];
  const all = startEngine({ sent: (protocol, changedAtMs) => sent.push(`${protocol} ${changedAtMs}`) });
  await all.engine.start(179);
  all.hands.setLinks([ETH0]);
  return { ...all, sent };
}

const claim = (text: string) => ({ ip: ip(text), services: [] });

/** The third octet holds what the fourth has no room for. */
function many(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32`);
}

describe('how long a change takes to a router', () => {
  it('is told once the UPDATE is with the socket, of sessions that are up', async () => {
    const { engine, hands, sent } = await started();
    const first = [peerPlan('up', ['198.51.100.1/32']), peerPlan('down', ['198.51.100.1/32'], { address: ip('192.0.2.253') })];
    engine.apply({ plan: nodePlan(1, first), fresh: [] });
    const [dial] = hands.dials;
    if (dial === undefined) throw new Error('nothing was dialled');
    establish(dial);
    expect(sent).toEqual([]);
    const before = dial.sent.length;
    const second = first.map((peer) => peerPlan(peer.name, ['198.51.100.2/32'], peer.session));
    engine.apply({ plan: nodePlan(2, second), fresh: [], changedAtMs: 42 });
    expect(dial.sent.length).toBeGreaterThan(before);
    expect(sent).toEqual(['bgp 42']);
  });

  it('is nothing where the change is nothing to the router', async () => {
    const { engine, hands, sent } = await started();
    const peers = [peerPlan('tor', ['198.51.100.1/32'])];
    engine.apply({ plan: nodePlan(1, peers), fresh: [] });
    for (const dial of hands.dials) establish(dial);
    engine.apply({ plan: nodePlan(2, peers), fresh: [], changedAtMs: 42 });
    expect(sent).toEqual([]);
    engine.apply({ plan: nodePlan(3, [peerPlan('tor')]), fresh: [], changedAtMs: 43 });
    expect(sent).toEqual(['bgp 43']);
  });

  it('lasts until a socket that was full has taken the last of it, and counts from the first change', async () => {
    const { engine, hands, sent, clock } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('tor')]), fresh: [] });
    const [dial] = hands.dials;
    if (dial === undefined) throw new Error('nothing was dialled');
    establish(dial);
    engine.apply({ plan: nodePlan(2, [peerPlan('tor', many(200_000))]), fresh: [], changedAtMs: 42 });
    engine.apply({ plan: nodePlan(3, [peerPlan('tor', many(200_001))]), fresh: [], changedAtMs: 50 });
    expect(sent).toEqual([]);
    for (let round = 0; round < 100 && sent.length === 0; round++) {
      clock.advance(250);
      dial.events.writable();
    }
    expect(sent).toEqual(['bgp 42']);
    expect(engine.report().peers[0]?.counters.prefixesAnnounced).toBe(200_001);
  });
});

describe('how long a change takes to the segment', () => {
  it('is told with the first announcement, and apart where the address is asked for first', async () => {
    const { engine, hands, sent, clock } = await started();
    engine.apply({ plan: nodePlan(1, [], [claim('192.0.2.100')]), fresh: [] });
    expect(sent).toEqual([]);
    const frames = (): number => hands.ports.flatMap((port) => port.sent).length;
    const before = frames();
    const claims = ['192.0.2.100', '192.0.2.101', '192.0.2.102'].map(claim);
    engine.apply({ plan: nodePlan(2, [], claims), fresh: [ip('192.0.2.102')], changedAtMs: 42 });
    expect(frames()).toBeGreaterThan(before);
    expect(sent).toEqual(['layer2 42']);
    clock.advance(20_000);
    expect(sent).toEqual(['layer2 42', 'layer2Probed 42']);
  });

  it('is not told of an address that was taken away before', async () => {
    const { engine, sent, clock } = await started();
    engine.apply({ plan: nodePlan(1, []), fresh: [] });
    engine.apply({ plan: nodePlan(2, [], [claim('192.0.2.101')]), fresh: [ip('192.0.2.101')], changedAtMs: 42 });
    engine.apply({ plan: nodePlan(3, []), fresh: [], changedAtMs: 43 });
    clock.advance(20_000);
    expect(sent).toEqual([]);
  });
});

describe('many addresses at once', () => {
  it('are each told once, as their announcements leave', async () => {
    const { engine, sent, clock } = await started();
    engine.apply({ plan: nodePlan(1, []), fresh: [] });
    const claims = Array.from({ length: 5000 }, (_, index) => claim(`10.1.${index >> 8}.${index & 255}`));
    engine.apply({ plan: nodePlan(2, [], claims), fresh: [], changedAtMs: 42 });
    clock.advance(1);
    expect(sent.length).toBeGreaterThan(0);
    // They are paced: the rest follows.
    expect(sent.length).toBeLessThan(5000);
    clock.advance(60_000);
    expect(sent.length).toBe(5000);
  });

  it('are not told when they have waited for an interface', async () => {
    const { engine, hands, sent, clock } = await started();
    hands.setLinks([]);
    engine.apply({ plan: nodePlan(1, []), fresh: [] });
    engine.apply({ plan: nodePlan(2, [], [claim('192.0.2.101')]), fresh: [], changedAtMs: 42 });
    clock.advance(5000);
    hands.setLinks([ETH0]);
    clock.advance(5000);
    expect(hands.ports.flatMap((port) => port.sent).length).toBeGreaterThan(0);
    expect(sent).toEqual([]);
  });
});

describe('on the way between the threads', () => {
  it('a plan that was overtaken leaves its time to the one in its place', () => {
    const posted: (number | undefined)[] = [];
    const outbox = new Outbox<PlanMessage>((message) => posted.push(message.changedAtMs), keepWaiting);
    const message = (changedAtMs?: number): PlanMessage => ({
      plan: { generation: 1, node: 'n', peers: [], claims: [] },
      fresh: [],
      ...(changedAtMs === undefined ? {} : { changedAtMs }),
    });
    for (const at of [1, 2, 3, undefined]) outbox.put(message(at));
    outbox.taken();
    outbox.taken();
    outbox.put(message(9));
    expect(posted).toEqual([1, 2, 9]);
  });
});

it('the histogram is there before the first change, in seconds of a clock that all threads share', async () => {
  const registry = new Registry();
  const histogram = changeHistogram(registry);
  expect((await registry.metrics()).match(/_count\{protocol="\w+"\} 0$/gm)).toHaveLength(3);
  const since = monotonicMs();
  expect(monotonicMs()).toBeGreaterThanOrEqual(since);
  histogram.observe({ protocol: 'bgp' }, 0.004);
  expect(await registry.metrics()).toContain('heraldlb_speaker_change_to_wire_seconds_bucket{le="0.005",protocol="bgp"} 1');
});
