import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../../src/wire/bgp/message.ts';
import { endOfRib } from '../../src/wire/bgp/update.ts';
import { NOTHING_WITHHELD, makeOpen } from '../../src/bgp/offer.ts';
import { CORPUS } from '../wire/bgp/malformedCorpus.ts';
import { peerCounters } from '../../src/bgp/peer.ts';
import type { StopReason } from '../../src/bgp/session.ts';
import { Host, PLAIN, A, config, ip, isUp, mirror, pair, prefix, routes, Simulation, startBoth } from './simulation.ts';

const both = (hosts: readonly Host[]): boolean => hosts.every(isUp);
const notices = (host: Host): string[] => host.sentOf('notification').map(({ code, subcode }) => `${code}/${subcode}`);

describe('a session', () => {
  it('comes up from one dialling side, carries both families, and ends with End-of-RIB', () => {
    const { sim, a, b } = pair({}, { passive: true });
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32', '2001:db8:1::1/128') });
    sim.step(b, { type: 'desired', routes: [] });
    startBoth(sim);
    expect(sim.runUntil(() => both(sim.hosts), 10_000)).toBe(true);
    sim.runFor(100);
    expect([...b.learnt.keys()].sort()).toEqual(['2001:db8:1::1/128', '203.0.113.1/32']);
    expect(a.status.holdTimeMs).toBe(90_000);
    expect(a.status.peerAsn).toBe(64_513);
    const updates = a.sentOf('update');
    expect(updates.slice(-2).map(endOfRib)).toEqual(['ipv4', 'ipv6']);
    expect(peerCounters(a.state).prefixesAnnounced).toBe(2);
    expect(peerCounters(b.state).prefixesReceived).toBe(2);
  });

  it('sends no End-of-RIB before it knows what is desired', () => {
    const { sim, a } = pair({}, { passive: true });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.runFor(5000);
    expect(a.sentOf('update')).toEqual([]);
    sim.step(a, { type: 'desired', routes: [] });
    expect(a.sentOf('update').map(endOfRib)).toEqual(['ipv4', 'ipv6']);
  });

  it('survives being cut into single bytes', () => {
    const { sim, a, b } = pair({}, { passive: true });
    sim.chunkBytes = 1;
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32') });
    startBoth(sim);
    expect(sim.runUntil(() => b.learnt.size === 1, 10_000)).toBe(true);
  });

  it('announces, changes and withdraws without a reset', () => {
    const { sim, a, b } = pair({}, { passive: true });
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32', '203.0.113.2/32', '2001:db8:1::1/128') });
    startBoth(sim);
    sim.runUntil(() => b.learnt.size === 3, 10_000);
    const before = b.learnt.get('203.0.113.2/32');
    sim.step(a, {
      type: 'desired',
      routes: [
        { attributes: PLAIN, prefixes: [prefix('203.0.113.1/32')] },
        { attributes: { ...PLAIN, communities: [0xfde80001] }, prefixes: [prefix('203.0.113.2/32')] },
      ],
    });
    sim.runFor(10);
    expect([...b.learnt.keys()].sort()).toEqual(['203.0.113.1/32', '203.0.113.2/32']);
    expect(b.learnt.get('203.0.113.2/32')).not.toBe(before);
    expect(b.learnt.get('203.0.113.2/32')).toContain('4259840001');
    expect(peerCounters(a.state).timesEstablished).toBe(1);
    expect(a.sentOf('notification')).toEqual([]);
  });

  it('keeps itself alive through many hold times, and sends keepalives at most a third of one apart', () => {
    const { sim, a, b } = pair({ holdTimeMs: 9000 }, { passive: true });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    expect(b.status.holdTimeMs).toBe(9000);
    sim.runFor(120_000);
    expect(both(sim.hosts)).toBe(true);
    expect(peerCounters(a.state).timesEstablished).toBe(1);
    const count = a.sentOf('keepalive').length;
    expect(count).toBeGreaterThanOrEqual(40);
    expect(count).toBeLessThan(60);
  });

  it('RFC 4271 §6.5: gives a silent peer up after the hold time, and comes back', () => {
    const { sim, a, b } = pair({ holdTimeMs: 9000 }, { passive: true });
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32') });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.runFor(1000);
    const cutAt = sim.now;
    sim.cutSilently();
    expect(sim.runUntil(() => !isUp(a), 20_000)).toBe(true);
    expect(sim.now - cutAt).toBeGreaterThan(5900);
    expect(sim.now - cutAt).toBeLessThanOrEqual(9001);
    expect(notices(a)).toContain('4/0');
    expect(a.status.lastError).toMatchObject({ direction: 'sent', code: 4, name: 'Hold Timer Expired' });
    b.learnt.clear();
    expect(sim.runUntil(() => b.learnt.size === 1, 30_000)).toBe(true);
    expect(both(sim.hosts)).toBe(true);
  });

  it('RFC 4271 §4.2: a hold time of zero runs no timer', () => {
    const { sim, a } = pair({ holdTimeMs: 0 }, { passive: true });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.runFor(1_000_000);
    expect(both(sim.hosts)).toBe(true);
    expect(a.sentOf('keepalive')).toHaveLength(1);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('RFC 4271 §6.8: both sides dial, one session is left (seed %i)', (seed) => {
    const { sim, a, b } = pair({}, {}, seed);
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32') });
    sim.step(b, { type: 'desired', routes: routes('198.51.100.1/32') });
    startBoth(sim);
    expect(sim.runUntil(() => a.learnt.size === 1 && b.learnt.size === 1, 30_000)).toBe(true);
    sim.runFor(300_000);
    expect(both(sim.hosts)).toBe(true);
    expect(peerCounters(a.state).timesEstablished).toBe(1);
    expect(peerCounters(b.state).timesEstablished).toBe(1);
    // B has the higher identifier, so the connection it dialled is the one that lives.
    expect(a.state.in.fsm.name).toBe('Established');
    expect(a.state.out.fsm.name).toBe('Idle');
    expect(b.state.out.fsm.name).toBe('Established');
  });

  it('backs off from a peer that refuses the connection, and finds it when it listens', () => {
    const { sim, a, b } = pair({}, { passive: true });
    b.listening = false;
    startBoth(sim);
    sim.runFor(120_000);
    const dials = a.effects.filter(({ effect }) => effect.type === 'connect').map(({ at }) => at);
    const gaps = dials.slice(1).map((at, i) => at - (dials[i] ?? 0));
    expect(gaps[0]).toBeLessThan(1100);
    expect(gaps.at(-1)).toBeGreaterThan(20_000);
    expect(dials.length).toBeLessThan(12);
    expect(a.status.lastError).toMatchObject({ direction: 'local', name: 'ECONNREFUSED' });
    b.listening = true;
    expect(sim.runUntil(() => both(sim.hosts), 31_000)).toBe(true);
  });

  it('a configured retry time is kept, jittered', () => {
    const { sim, a, b } = pair({ connectRetryMs: 10_000 }, { passive: true });
    b.listening = false;
    startBoth(sim);
    sim.runFor(100_000);
    const dials = a.effects.filter(({ effect }) => effect.type === 'connect').map(({ at }) => at);
    const gaps = dials.slice(1).map((at, i) => at - (dials[i] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(7500);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(10_002);
  });

  it('comes back within two seconds after a reset of the connection', () => {
    const { sim, a, b } = pair({}, { passive: true });
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32') });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.runFor(60_000);
    sim.resetConnections();
    sim.runFor(5);
    expect(isUp(a)).toBe(false);
    b.learnt.clear();
    expect(sim.runUntil(() => b.learnt.size === 1, 2000)).toBe(true);
  });

  it('a wrong AS number: NOTIFICATION 2/2, and ever rarer tries on both sides', () => {
    const { sim, a, b } = pair({ peerAsn: 65_000 }, {});
    startBoth(sim);
    sim.runFor(600_000);
    expect(notices(a)).toContain('2/2');
    const opens = a.sentOf('open').length + b.sentOf('open').length;
    expect(opens).toBeLessThan(60);
    expect(a.status.lastError).toMatchObject({ code: 2, subcode: 2 });
    expect(b.status.lastError).toMatchObject({ direction: 'received', code: 2, subcode: 2, name: 'OPEN Message Error/Bad Peer AS' });
  });

  it('RFC 9003: says goodbye with a text, which the other side can read', () => {
    const { sim, a, b } = pair({}, { passive: true });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.step(a, { type: 'stop', reason: { kind: 'shutdown', text: 'node drain by anna' } });
    sim.runFor(10);
    expect(b.status.lastError).toMatchObject({ direction: 'received', code: 6, subcode: 2, text: 'node drain by anna' });
    sim.runFor(100_000);
    expect(a.status.state).toBe('Idle');
    expect(a.effects.filter(({ effect }) => effect.type === 'connect')).toHaveLength(1);
    sim.step(a, { type: 'start' });
    expect(sim.runUntil(() => both(sim.hosts), 10_000)).toBe(true);
  });

  it('a new configuration ends the session with Cease/6 and makes a new one', () => {
    const { sim, a, b } = pair({}, { passive: true });
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32') });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.step(a, { type: 'configure', config: config() });
    expect(notices(a)).toEqual([]);
    sim.step(a, { type: 'configure', config: config({ holdTimeMs: 30_000 }) });
    expect(notices(a)).toEqual(['6/6']);
    b.learnt.clear();
    expect(sim.runUntil(() => b.learnt.size === 1, 10_000)).toBe(true);
    expect(b.status.holdTimeMs).toBe(30_000);
  });

  it('goes on with another connect time or delay of the OPEN, which count from the next connection on', () => {
    const { sim, a, b } = pair({}, { passive: true });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.step(a, { type: 'configure', config: config({ connectRetryMs: 3_000, delayOpenMs: 1_000 }) });
    expect(notices(a)).toEqual([]);
    expect([isUp(a), isUp(b)]).toEqual([true, true]);
    const opens = (): number => a.sent.filter(({ type }) => type === 'open').length;
    const before = opens();
    sim.step(b, { type: 'stop', reason: { kind: 'reset' } });
    sim.step(b, { type: 'start' });
    const ended = sim.now;
    expect(sim.runUntil(() => opens() > before, 20_000)).toBe(true);
    // A quarter less at most (RFC 4271 §10), in the place of a second.
    expect(sim.now - ended).toBeGreaterThanOrEqual(2_250);
  });

  it('RFC 2918: answers a route refresh with the whole table, within RFC 7313 bounds', () => {
    const { sim, a, b } = pair({}, { passive: true });
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32', '2001:db8:1::1/128') });
    startBoth(sim);
    sim.runUntil(() => b.learnt.size === 2, 10_000);
    b.learnt.clear();
    const before = a.sent.length;
    const header = 'ff'.repeat(16);
    const request = Buffer.from(`${header}00170500010001`, 'hex');
    sim.step(a, { type: 'bytes', conn: a.state.out.wire?.conn ?? '', data: request });
    expect([...b.learnt.keys()]).toEqual(['203.0.113.1/32']);
    const sent = a.sent.slice(before);
    expect(sent.map((message) => (message.type === 'routeRefresh' ? message.subtype : message.type))).toEqual([1, 'update', 2]);
    // Beside that one: two tables and their End-of-RIBs.
    expect(peerCounters(a.state)).toMatchObject({ updatesSent: 5, messagesSent: before + 3 });
    // A family that was not agreed on, and a subtype that nobody knows.
    sim.step(a, {
      type: 'bytes',
      conn: a.state.out.wire?.conn ?? '',
      data: Buffer.from(`${header}00170500020080${header}00170500010901`, 'hex'),
    });
    expect(a.sent.length).toBe(before + 3);
    expect(isUp(a)).toBe(true);
  });

  it('RFC 6793: shows a two-byte peer AS_TRANS and AS4_PATH', () => {
    const { sim, a, b } = pair({ myAsn: 4_200_000_001 }, { peerAsn: 4_200_000_001, passive: true });
    b.state = { ...b.state, withheld: { codes: [65], all: false } };
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32') });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    expect(a.sentOf('open')[0]).toMatchObject({ asn: 23_456 });
    const send = a.effects.findLast(({ effect }) => effect.type === 'send' && effect.bytes[18] === 2);
    const hex = send?.effect.type === 'send' ? Buffer.from(send.effect.bytes).toString('hex') : '';
    expect(hex).toContain('40020402015ba0');
    expect(hex).toContain('c011060201fa56ea01');
  });

  it('RFC 5492: leaves out what a peer does not support, and asks again soon', () => {
    const sim = new Simulation();
    const a = sim.add(new Host('a', A, config()));
    sim.step(a, { type: 'start' });
    const refuse = (): void => {
      const { conn } = a.state.out.wire ?? { conn: '' };
      sim.step(a, { type: 'tcpConnected', conn, local: A, remote: ip('192.0.2.2') });
      // OPEN Message Error / Unsupported Capability, data: extended message (6).
      const notice = Buffer.from(`${'ff'.repeat(16)}001703020706004600`, 'hex');
      notice[17] = notice.length;
      sim.step(a, { type: 'bytes', conn, data: notice });
    };
    refuse();
    expect(a.state.withheld.codes).toEqual([6, 70]);
    expect(sim.runUntil(() => a.state.out.fsm.name === 'Connect', 1500)).toBe(true);
    refuse();
    const [first, second] = a.sentOf('open').map((open) => open.capabilities.map(({ type }) => type));
    expect(first).toContain('extendedMessage');
    expect(second).not.toContain('extendedMessage');
    expect(second).toContain('fourOctetAs');
    expect(a.state.withheld.codes).toContain(2);
  });

  it('families that do not overlap: Unsupported Capability with what would have been needed', () => {
    const { sim, a } = pair({ families: ['ipv6'] }, { families: ['ipv4'], passive: true });
    startBoth(sim);
    sim.runFor(100);
    expect(notices(a).length + notices(sim.hosts[1] as Host).length).toBeGreaterThan(0);
    const notice = [...a.sentOf('notification'), ...(sim.hosts[1] as Host).sentOf('notification')][0];
    expect(notice).toMatchObject({ code: 2, subcode: 7 });
    expect(Buffer.from(notice?.data ?? []).toString('hex')).toMatch(/^01040001000[12]|^0104000[12]0001$/);
  });

  it('never sends a family that was not agreed on', () => {
    const { sim, a, b } = pair({}, { families: ['ipv6'], passive: true });
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32', '2001:db8:1::1/128') });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.runFor(100);
    expect([...b.learnt.keys()]).toEqual(['2001:db8:1::1/128']);
    expect(a.sentOf('update').map(endOfRib)).not.toContain('ipv4');
  });

  it('RFC 9687: gives a peer up that reads nothing', () => {
    const { sim, a, b } = pair({ holdTimeMs: 300_000 }, { holdTimeMs: 300_000, passive: true });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.runFor(1000);
    b.readsNothing = true;
    sim.hosts.pop();
    const from = sim.now;
    const keepalive = Buffer.from(`${'ff'.repeat(16)}001304`, 'hex');
    while (!notices(a).includes('8/0') && sim.now - from < 1_000_000) {
      sim.runFor(60_000);
      const { wire } = a.state.out;
      if (wire !== undefined) sim.step(a, { type: 'bytes', conn: wire.conn, data: keepalive });
    }
    expect(notices(a)).toEqual(['8/0']);
    expect(sim.now - from).toBeGreaterThanOrEqual(660_000);
    expect(sim.now - from).toBeLessThan(800_000);
    expect(isUp(a)).toBe(false);
  });

  it('does not hand the socket more than it takes', () => {
    const { sim, a, b } = pair({ extendedMessages: false }, { passive: true });
    b.readsNothing = false;
    const many = Array.from({ length: 200_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`);
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    b.readsNothing = true;
    const before = a.effects.length;
    sim.step(a, { type: 'desired', routes: [{ attributes: PLAIN, prefixes: many.map(prefix) }] });
    sim.runFor(1000);
    const bytes = a.effects.slice(before).reduce((sum, { effect }) => sum + (effect.type === 'send' ? effect.bytes.length : 0), 0);
    expect(bytes).toBeLessThan(300_000);
    expect(bytes).toBeGreaterThan(200_000);
    b.readsNothing = false;
    sim.step(a, { type: 'writable', conn: a.state.out.wire?.conn ?? '' });
    sim.runFor(1000);
    expect(b.learnt.size).toBe(200_000);
  });

  it('sends bursts of 9,000 messages at most, each followed by a KEEPALIVE and a pause', () => {
    const { sim, a, b } = pair({}, { passive: true });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    const desired = Array.from({ length: 20_000 }, (_, i) => ({
      attributes: { ...PLAIN, med: i },
      prefixes: [prefix(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`)],
    }));
    const [from, startedAt] = [a.sent.length, sim.now];
    sim.step(a, { type: 'desired', routes: desired });
    expect(sim.runUntil(() => b.learnt.size === 20_000, 2000)).toBe(true);
    expect(sim.now - startedAt).toBeGreaterThanOrEqual(400);
    const runs = a.sent.slice(from).map((message) => message.type);
    expect(runs.indexOf('keepalive')).toBe(9000);
    expect(runs.indexOf('keepalive', 9001)).toBe(18_001);
    // The rest is a burst too, and the peer is woken after it.
    const keepalives = a.sentOf('keepalive').length;
    sim.runFor(1100);
    expect(a.sentOf('keepalive').length).toBe(keepalives + 1);
  });

  it('says which families have no next hop, and announces nothing of them', () => {
    const sim = new Simulation();
    const a = sim.add(new Host('a', A, config()));
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32', '2001:db8:1::1/128') });
    sim.step(a, { type: 'start' });
    const { conn } = a.state.out.wire ?? { conn: '' };
    sim.step(a, { type: 'tcpConnected', conn, local: A, remote: ip('192.0.2.2') });
    sim.step(a, { type: 'bytes', conn, data: encodeMessage(makeOpen(mirror(), NOTHING_WITHHELD, false)) });
    sim.step(a, { type: 'bytes', conn, data: encodeMessage({ type: 'keepalive' }) });
    expect(a.status).toMatchObject({ state: 'Established', unannounced: ['ipv6'] });
    expect(a.sentOf('update').map(endOfRib)).toEqual([undefined, 'ipv4']);
  });

  it('damps: while an OPEN was just refused, the peer’s own connections are refused too', () => {
    const { sim, a, b } = pair({ peerAsn: 65_000, passive: true }, {});
    startBoth(sim);
    sim.runUntil(() => notices(a).includes('2/2'), 5000);
    sim.step(a, { type: 'tcpAccepted', conn: 'in/99', local: A, remote: b.address });
    expect(a.effects.at(-1)?.effect).toEqual({ type: 'close', conn: 'in/99', mode: 'abort' });
    sim.hosts.pop();
    sim.runFor(5000);
    sim.step(a, { type: 'tcpAccepted', conn: 'in/100', local: A, remote: b.address });
    expect(a.state.in.fsm.name).toBe('OpenSent');
  });

  it('malformed messages in a session: the NOTIFICATION they deserve, and the end; faulty UPDATEs: none, and it goes on', () => {
    const outcomes = CORPUS.filter(({ context }) => context === undefined).map(({ name, bytes, expected }) => {
      const { sim, a } = pair({ extendedMessages: false }, { passive: true });
      startBoth(sim);
      sim.runUntil(() => both(sim.hosts), 10_000);
      sim.step(a, { type: 'bytes', conn: a.state.out.wire?.conn ?? '', data: bytes });
      const type = bytes[18];
      const fatal = expected.includes('reset');
      // An OPEN has no place here, and a NOTIFICATION is its own end; a short message may go on in the next segment.
      if (type === 1 || type === 3 || name.includes('beyond the bytes')) return undefined;
      const answer = notices(a)[0];
      const right = fatal ? expected.startsWith(answer ?? 'none') && !isUp(a) : answer === undefined && isUp(a);
      return right ? undefined : `${name}: ${answer}`;
    });
    expect(outcomes.filter((outcome) => outcome !== undefined)).toEqual([]);
  });

  it('BFD down ends the session at once, and nothing is tried until it is up', () => {
    const { sim, a } = pair({}, { passive: true });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.step(a, { type: 'bfdDown' });
    expect(notices(a)).toEqual(['6/10']);
    sim.runFor(100_000);
    expect(a.status.state).toBe('Idle');
    sim.step(a, { type: 'bfdUp' });
    expect(sim.runUntil(() => both(sim.hosts), 10_000)).toBe(true);
  });
});

const gracefulRestart = { restartTimeSeconds: 120 };

/** What is said, and heard on the other side, when a session with graceful restart is ended. */
function ended(reason: StopReason): { said: string[]; heard: unknown } {
  const { sim, a, b } = pair({ gracefulRestart }, { gracefulRestart, passive: true });
  startBoth(sim);
  sim.runUntil(() => both(sim.hosts), 10_000);
  sim.step(a, { type: 'stop', reason });
  sim.runFor(10);
  expect(isUp(b)).toBe(false);
  return { said: notices(a), heard: b.status.lastError };
}

describe('graceful restart', () => {
  it('RFC 4724 §4.1: a restarted speaker says so once, with the forwarding state kept', () => {
    const sim = new Simulation();
    const a = sim.add(new Host('a', A, config({ gracefulRestart }), true));
    const b = sim.add(new Host('b', ip('192.0.2.2'), mirror({ gracefulRestart, passive: true })));
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32') });
    startBoth(sim);
    sim.runUntil(() => both([a, b]), 10_000);
    sim.runFor(60_000);
    sim.resetConnections();
    sim.runUntil(() => !isUp(a), 100);
    expect(sim.runUntil(() => both([a, b]), 10_000)).toBe(true);
    const capabilities = a.sentOf('open').map((open) => open.capabilities.find(({ type }) => type === 'gracefulRestart'));
    expect(capabilities[0]).toMatchObject({ restarting: true, notification: true, timeSeconds: 120 });
    expect(capabilities[0]).toMatchObject({
      families: [
        { afi: 1, safi: 1, forwarding: true },
        { afi: 2, safi: 1, forwarding: true },
      ],
    });
    expect(capabilities.at(-1)).toMatchObject({ restarting: false });
  });

  it('closes without a NOTIFICATION for a restart, and with a Hard Reset for good (RFC 8538)', () => {
    expect(ended({ kind: 'restart' })).toMatchObject({ said: [], heard: { direction: 'local' } });
    expect(ended({ kind: 'shutdown', text: 'bye' })).toMatchObject({ said: ['6/9'], heard: { code: 6, subcode: 2, text: 'bye' } });
    expect(ended({ kind: 'deconfigured' })).toMatchObject({ said: ['6/9'], heard: { code: 6, subcode: 3 } });
    expect(ended({ kind: 'reset' })).toMatchObject({ said: ['6/4'] });
  });

  it('RFC 4724 §5: a new connection from a peer that restarted replaces the session', () => {
    const { sim, a, b } = pair({ gracefulRestart, passive: true }, { gracefulRestart });
    sim.step(a, { type: 'desired', routes: routes('203.0.113.1/32') });
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.cutSilently();
    const reborn = new Host('b', b.address, mirror({ gracefulRestart }), true);
    sim.hosts[1] = reborn;
    sim.step(reborn, { type: 'start' });
    expect(sim.runUntil(() => reborn.learnt.size === 1, 5000)).toBe(true);
    expect(isUp(a)).toBe(true);
  });

  it('without it the session that works is kept', () => {
    const { sim, a, b } = pair({ passive: true }, {});
    startBoth(sim);
    sim.runUntil(() => both(sim.hosts), 10_000);
    sim.step(a, { type: 'tcpAccepted', conn: 'in/99', local: A, remote: b.address });
    expect(notices(a)).toEqual(['6/7']);
    expect(isUp(a)).toBe(true);
  });
});
