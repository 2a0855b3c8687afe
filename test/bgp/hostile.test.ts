import { describe, expect, it } from 'vitest';
import { peerCounters } from '../../src/bgp/peer.ts';
import type { PeerEffect } from '../../src/bgp/peerContract.ts';
import { negotiate } from '../../src/bgp/negotiate.ts';
import { NOTHING_WITHHELD, makeOpen } from '../../src/bgp/offer.ts';
import type { Open } from '../../src/wire/bgp/open.ts';
import { CORPUS } from '../wire/bgp/malformedCorpus.ts';
import { A, B, Host, Simulation, config, isUp, mirror, pair, routes, startBoth } from './simulation.ts';

const MARKER = 'ff'.repeat(16);
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const KEEPALIVE = hex(`${MARKER}001304`);
const REFRESH = hex(`${MARKER}00170500010001`);
/** 203.0.113.1/32 by AS 64513, and the same withdrawn. */
const UPDATE = hex(`${MARKER}003002000000144001010040020602010000fc01400304c000020220cb007101`);
const WITHDRAWAL = hex(`${MARKER}001c02000520cb0071010000`);

const notices = (host: Host): string[] => host.sentOf('notification').map(({ code, subcode }) => `${code}/${subcode}`);
const established = (): { readonly sim: Simulation; readonly a: Host; readonly conn: string } => {
  const { sim, a } = pair({}, { passive: true });
  startBoth(sim);
  sim.runUntil(() => sim.hosts.every(isUp), 10_000);
  return { sim, a, conn: a.state.out.wire?.conn ?? '' };
};
const sentBytes = (effects: readonly { readonly effect: PeerEffect }[]): number =>
  effects.reduce((sum, { effect }) => sum + (effect.type === 'send' ? effect.bytes.length : 0), 0);

describe('a peer that means no good', () => {
  it('thousands of messages in one segment: each is counted', () => {
    const { sim, a, conn } = established();
    const before = peerCounters(a.state);
    const data = Buffer.concat(Array.from({ length: 3000 }, () => [UPDATE, KEEPALIVE, WITHDRAWAL]).flat());
    sim.step(a, { type: 'bytes', conn, data });
    const now = peerCounters(a.state);
    expect(now.messagesReceived - before.messagesReceived).toBe(9000);
    expect(now.updatesReceived - before.updatesReceived).toBe(6000);
    expect(now.prefixesReceived).toBe(3000);
    expect(now.prefixesWithdrawn).toBe(3000);
    expect(now.updatesFaulty).toBe(0);
    expect(isUp(a)).toBe(true);
  });

  it('what comes behind the message that ended the session is not read', () => {
    const { sim, a, conn } = established();
    const before = peerCounters(a.state);
    sim.step(a, { type: 'bytes', conn, data: Buffer.concat([UPDATE, hex(`${MARKER}001306`), UPDATE, UPDATE]) });
    expect(notices(a)).toEqual(['1/3']);
    expect(peerCounters(a.state).updatesReceived - before.updatesReceived).toBe(1);
    sim.step(a, { type: 'bytes', conn, data: UPDATE });
    expect(peerCounters(a.state).updatesReceived - before.updatesReceived).toBe(1);
  });

  it('a storm of route refreshes: no more is written at once than the socket takes, and nothing is planned twice', () => {
    const { sim, a, conn } = established();
    sim.step(a, { type: 'desired', routes: routes(...Array.from({ length: 20_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}/32`)) });
    sim.runFor(100);
    const before = a.effects.length;
    // The bytes stay with the socket: nobody reads.
    for (const far of sim.hosts.slice(1)) far.readsNothing = true;
    for (let chunk = 0; chunk < 20; chunk++) {
      sim.step(a, { type: 'bytes', conn, data: Buffer.concat(Array.from({ length: 2800 }, () => REFRESH)) });
    }
    expect(sentBytes(a.effects.slice(before))).toBeLessThan(262_144 + 65_536);
    expect(a.state.rib.queue.length).toBeLessThan(10);
    expect(isUp(a)).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ['half a header', MARKER.slice(0, 18)],
    ['half an OPEN', `${MARKER}002d0104fc01`],
  ])('RFC 4271 §8.2.2: who connects and says %s is let go after four minutes', (_, said) => {
    const sim = new Simulation();
    const a = sim.add(new Host('a', A, config({ passive: true })));
    sim.step(a, { type: 'start' });
    sim.step(a, { type: 'tcpAccepted', conn: 'in/1', local: A, remote: B });
    if (said !== '') sim.step(a, { type: 'bytes', conn: 'in/1', data: hex(said) });
    expect(a.status.state).toBe('OpenSent');
    expect(a.state.in.fsm.holdAt).toBe(sim.now + 240_000);
    sim.runFor(240_001);
    expect(notices(a)).toEqual(['4/0']);
    expect(a.effects.filter(({ effect }) => effect.type === 'close')).toHaveLength(1);
    expect(a.state.in.wire).toBeUndefined();
  });

  it('one byte at a time does not hold a silent session: only whole messages do', () => {
    const { sim, a, conn } = established();
    sim.cutSilently();
    const from = sim.now;
    for (let i = 0; i < 200 && isUp(a); i++) {
      sim.step(a, { type: 'bytes', conn, data: Uint8Array.of(i < 16 ? 0xff : ([0x10, 0, 2][i - 16] ?? 0)) });
      sim.runFor(1000);
    }
    expect(notices(a)).toEqual(['4/0']);
    expect(sim.now - from).toBeLessThan(92_000);
  });

  it('of the connections from one address one is unidentified at a time, and the last one', () => {
    const sim = new Simulation();
    const a = sim.add(new Host('a', A, config({ passive: true })));
    sim.step(a, { type: 'start' });
    for (let i = 1; i <= 1000; i++) sim.step(a, { type: 'tcpAccepted', conn: `in/${i}`, local: A, remote: B });
    const closed = a.effects.flatMap(({ effect }) => (effect.type === 'close' ? [effect.conn] : []));
    expect(closed).toEqual(Array.from({ length: 999 }, (_, i) => `in/${i + 1}`));
    expect(a.state.in.wire?.conn).toBe('in/1000');
  });

  const long = CORPUS.filter(({ context }) => context?.extended === true);

  it.each(long.map((row) => [row.name, row] as const))('%s: answered within 4,096 bytes where large messages were agreed on', (_, row) => {
    const { sim, a, conn } = established();
    sim.step(a, { type: 'bytes', conn, data: row.bytes });
    const answers = a.effects.flatMap(({ effect }) => (effect.type === 'send' && effect.bytes[18] === 3 ? [effect.bytes.length] : []));
    const isFatal = row.expected.includes('reset') && row.bytes[18] !== 3;
    expect(isUp(a)).toBe(!isFatal);
    expect(answers.length).toBe(isFatal ? 1 : 0);
    for (const length of answers) expect(length).toBeLessThanOrEqual(4096);
  });
});

describe('RFC 6793 §9: AS_TRANS', () => {
  const ours = makeOpen(config(), NOTHING_WITHHELD, false);
  const theirs = makeOpen(mirror(), NOTHING_WITHHELD, false);
  const withAsn = (asn: number): Open => ({
    ...theirs,
    asn: 23_456,
    capabilities: theirs.capabilities.map((capability) => (capability.type === 'fourOctetAs' ? { ...capability, asn } : capability)),
  });

  it('is nobody’s number in the capability', () => {
    expect(negotiate(config({ peerAsn: 'external' }), ours, withAsn(23_456))).toMatchObject({ code: 2, subcode: 2 });
    expect(negotiate(config({ peerAsn: 'external' }), ours, withAsn(4_200_000_001))).toMatchObject({ peerAsn: 4_200_000_001 });
  });

  it('alone is odd and no more', () => {
    const alone = { ...withAsn(0), capabilities: theirs.capabilities.filter(({ type }) => type !== 'fourOctetAs') };
    expect(negotiate(config({ peerAsn: 'external' }), ours, alone)).toMatchObject({ peerAsn: 23_456, as4: false });
    expect(negotiate(config(), ours, alone)).toMatchObject({ code: 2, subcode: 2 });
  });
});
