import { describe, expect, it } from 'vitest';
import type { BfdConfig } from '../../src/bfd/contract.ts';
import { echoDiscriminator } from '../../src/bfd/echo.ts';
import { bfdCounters } from '../../src/bfd/session.ts';
import type { BfdPacket } from '../../src/wire/bfd.ts';
import { Lone, OURS } from './lone.ts';

const OFFER = { state: 'Up', requiredMinEchoRxUs: 20_000 } as const;

/** Up with a peer that offers to send echo packets back. */
function echoing(change: Partial<BfdConfig> = {}, peer: Partial<BfdPacket> = {}): Lone {
  return new Lone({ echoTransmitMs: 50, ...change }).up({ ...OFFER, ...peer });
}

/** Lets time pass with a peer that says something every 40 ms and sends echo packets back, 1 ms later. */
function reflect(lone: Lone, ms: number, peer: Partial<BfdPacket> = {}): Lone {
  let back = lone.echoes.length;
  for (let passed = 0; passed < ms; passed++) {
    lone.pass(1);
    for (; back < lone.echoes.length && (lone.echoes[back]?.at ?? 0) < lone.now; back++)
      lone.step({ type: 'echoReturned', bytes: lone.echoes[back]?.bytes ?? new Uint8Array() });
    if (passed % 40 === 0) lone.hear({ ...OFFER, ...peer });
  }
  return lone;
}

describe('§6.8.9: echo packets', () => {
  it.each([
    ['not configured', new Lone(), 20_000],
    ['not offered by the peer', new Lone({ echoTransmitMs: 50 }), 0],
  ])('none are sent when they are %s', (_what, lone, requiredMinEchoRxUs) => {
    lone.up({ ...OFFER, requiredMinEchoRxUs });
    expect(lone.passHearing(1000, 40, { ...OFFER, requiredMinEchoRxUs }).echoes).toEqual([]);
    expect(lone.status).not.toHaveProperty('echoMs');
  });
  it('none are sent before the session is Up', () => {
    const lone = new Lone({ echoTransmitMs: 50 })
      .start()
      .hear({ ...OFFER, state: 'Down' })
      .pass(100);
    expect(lone.status.state).toBe('Init');
    expect(lone.echoes).toEqual([]);
  });
  it('are sent as often as both sides like', () => {
    expect(echoing().status.echoMs).toBe(50);
    const lone = echoing({}, { requiredMinEchoRxUs: 80_000 });
    expect(lone.status.echoMs).toBe(80);
    reflect(lone, 801, { requiredMinEchoRxUs: 80_000 });
    expect(lone.echoes.map(({ at }) => at).slice(0, 4)).toEqual([1000, 1080, 1160, 1240]);
    expect(bfdCounters(lone.state)).toMatchObject({ echoesSent: 11, echoesReturned: 10 });
  });
  it('are jittered', () => {
    const lone = echoing();
    lone.random = () => 0;
    reflect(lone, 300);
    const [, ...times] = lone.echoes.map(({ at }) => at);
    expect(times.slice(1).map((at, index) => at - (times[index] ?? 0))).toEqual(times.slice(1).map(() => 37.5));
  });
  it('end with the session, by hand and when the peer has had enough', () => {
    const down = reflect(echoing(), 200).hear({ ...OFFER, state: 'Down' });
    const shut = reflect(echoing(), 200);
    shut.step({ type: 'stop' });
    const refused = reflect(echoing(), 200).hear({ state: 'Up' });
    const unconfigured = reflect(echoing(), 200);
    const { echoTransmitMs: _, ...config } = unconfigured.state.config;
    unconfigured.step({ type: 'configure', config });
    for (const lone of [down, shut, refused, unconfigured]) {
      expect(lone.echoes.length).toBeGreaterThan(3);
      lone.echoes.length = 0;
      expect(lone.passHearing(500, 40, { state: lone.status.remoteState }).echoes).toEqual([]);
    }
    expect(refused.status.state).toBe('Up');
  });
  it('say whose they are', () => {
    const [first] = echoing().echoes;
    expect(first?.bytes).toHaveLength(24);
    expect(echoDiscriminator(first?.bytes ?? new Uint8Array())).toBe(OURS);
    expect(echoDiscriminator(new Uint8Array(23))).toBeUndefined();
    expect(echoDiscriminator(new Uint8Array(24))).toBeUndefined();
  });
});

describe('§6.8.5: detection by echo packets', () => {
  it('takes the session down although control packets still come', () => {
    const lone = reflect(echoing(), 501);
    expect(lone.status.state).toBe('Up');
    const heard = lone.now;
    lone.passHearing(400, 40, OFFER);
    expect(lone.status).toMatchObject({ verdict: 'Down', localDiag: 2, lastDown: { reason: 'EchoFailed' } });
    expect((lone.status.lastDown?.at ?? 0) - heard).toBeLessThanOrEqual(150);
    expect(lone.sent.some(({ packet }) => packet.state === 'Down' && packet.diag === 2)).toBe(true);
  });
  it('does not, where none has ever come back: the peer promised what its network cannot do', () => {
    const lone = echoing().passHearing(3000, 40, OFFER);
    expect(lone.echoes.length).toBeGreaterThan(50);
    expect(lone.status).toMatchObject({ state: 'Up', detectionMs: 150 });
  });
  it('§6.8.3: slows control packets down, after a poll', () => {
    const lone = echoing();
    expect(lone.status.detectionMs).toBe(150);
    reflect(lone, 100);
    expect(lone.last).toMatchObject({ poll: true, requiredMinRxUs: 1_000_000 });
    expect(lone.status.detectionMs).toBe(3000);
    lone.hear({ ...OFFER, final: true }).hear(OFFER);
    // The peer takes its offer back: faster again, and the detection time only when the peer has confirmed it.
    lone.hear({ state: 'Up' }).pass(50);
    expect(lone.last).toMatchObject({ poll: true, requiredMinRxUs: 50_000 });
    expect(lone.status.detectionMs).toBe(3000);
    expect(lone.hear({ state: 'Up', final: true }).status.detectionMs).toBe(150);
  });
  it('another interval does not make the last echo overdue', () => {
    const lone = reflect(echoing({ echoTransmitMs: 500 }), 600);
    lone.pass(20).hear(OFFER);
    lone.configure({ echoTransmitMs: 10 });
    reflect(lone, 500);
    expect(lone.status).toMatchObject({ state: 'Up', echoMs: 20 });
  });
});

describe('echo packets that are none of ours', () => {
  const forged: readonly (readonly [what: string, at: number])[] = [
    ['another version', 0],
    ['another length', 1],
    ['another discriminator', 7],
    ['a number that was not sent', 8],
    ['another secret', 15],
  ];
  it.each(forged)('%s', (_what, at) => {
    const lone = echoing();
    const bytes = lone.echoes[0]?.bytes.slice() ?? new Uint8Array();
    bytes[at] = (bytes[at] ?? 0) ^ 0x40;
    lone.step({ type: 'echoReturned', bytes });
    expect(lone.drops).toEqual(['BfdEchoUnknown']);
    expect(bfdCounters(lone.state).echoesReturned).toBe(0);
  });
  it('one that is played again, and any when none are sent', () => {
    const lone = echoing();
    const bytes = lone.echoes[0]?.bytes ?? new Uint8Array();
    lone.step({ type: 'echoReturned', bytes });
    expect(lone.drops).toEqual([]);
    lone.step({ type: 'echoReturned', bytes });
    lone.hear({ ...OFFER, state: 'Down' });
    lone.step({ type: 'echoReturned', bytes });
    lone.step({ type: 'echoReturned', bytes: new Uint8Array() });
    expect(lone.drops).toEqual(['BfdEchoUnknown', 'BfdEchoUnknown', 'BfdEchoUnknown']);
  });
  it('the secret is another for every run', () => {
    const lone = echoing();
    lone.random = () => 0.25;
    const old = lone.echoes[0]?.bytes ?? new Uint8Array();
    lone.hear({ state: 'Up' }).hear(OFFER);
    lone.step({ type: 'echoReturned', bytes: old });
    expect(lone.drops).toEqual(['BfdEchoUnknown']);
  });
});
