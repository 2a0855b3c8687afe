import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant } from '../../src/machine.ts';
import { startAnnouncer } from '../../src/layer2/announcer.ts';
import { DueHeap } from '../../src/layer2/dueHeap.ts';
import { CLIENT_MAC, Driver, ip, link, mac } from './support.ts';

const A = ip('192.0.2.10');

function driver(config = {}): Driver {
  const made = new Driver(startAnnouncer(instant(0), config));
  made.send({ kind: 'links', links: [link()] });
  return made;
}
const times = (effects: readonly { at: number }[]): number[] => effects.map(({ at }) => at);

describe('take-over', () => {
  it('answers and announces at once, then in a burst, then at a low rate', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
    expect(run.of('answer')).toMatchObject([{ ip: A, phase: 'claimed', at: 0 }]);
    run.runUntil(120_000);
    expect(times(run.of('announce'))).toEqual([0, 100, 500, 1500, 3000, 5000, 57_500, 110_000]);
  });

  it('stops for good when released', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
    run.runUntil(200);
    run.send({ kind: 'claims', claims: [] });
    expect(run.of('silence')).toMatchObject([{ ip: A, at: 200 }]);
    run.runUntil(600_000);
    expect(run.of('announce')).toHaveLength(2);
  });

  it('says nothing new when the same claims come again', () => {
    const run = driver();
    for (let i = 0; i < 5; i++) run.send({ kind: 'claims', claims: [{ ip: A, probe: false, interfaces: ['eth0'] }] });
    expect(run.log.map(({ kind }) => kind)).toEqual(['answer', 'announce']);
  });

  it('10,000 claims that come in slices: hardly any is announced a second time before all were', () => {
    const run = driver();
    const claims = Array.from({ length: 10_000 }, (_, i) => ({ ip: ip(`10.0.${i >> 8}.${i & 255}`), probe: false }));
    for (let at = 0; at < claims.length; at += 500) {
      run.send({ kind: 'claims', claims: claims.slice(at, at + 500), gone: [] });
      run.runUntil(run.now + 15);
    }
    run.runUntil(4000);
    const first = new Map<string, number>();
    for (const { ip: address, at } of run.of('announce')) first.set(address, Math.min(first.get(address) ?? Infinity, at));
    expect(first.size).toBe(10_000);
    // At 20,000 in a second it could be half a second.
    expect(Math.max(...first.values())).toBeLessThan(530);
    expect(run.of('announce').length).toBeGreaterThan(30_000);
  });

  it('repeats never when told so', () => {
    const run = driver({ repeatMs: 0 });
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
    run.runUntil(600_000);
    expect(run.of('announce')).toHaveLength(6);
  });

  it('10,000 claims: all answered at once, all announced within a second, never above the pace', () => {
    const run = driver();
    const claims = Array.from({ length: 10_000 }, (_, i) => ({ ip: ip(`10.0.${i >> 8}.${i & 255}`), probe: false }));
    run.send({ kind: 'claims', claims });
    expect(run.of('answer')).toHaveLength(10_000);
    run.runUntil(2000);
    const first = new Map<string, number>();
    for (const { ip: address, at } of run.of('announce')) if (!first.has(address)) first.set(address, at);
    expect(first.size).toBe(10_000);
    expect(Math.max(...first.values())).toBeLessThan(1000);
    const perWindow = new Map<number, number>();
    for (const { at } of run.of('announce')) perWindow.set(Math.floor(at / 100), (perWindow.get(Math.floor(at / 100)) ?? 0) + 1);
    expect(Math.max(...perWindow.values())).toBeLessThanOrEqual(2000 + 256);
    // Woken for batches, not for each token.
    expect(run.wakeups).toBeLessThan(1000);
  });
});

describe('thousands of claims at once', () => {
  it('are announced in steps that are short, and told of in parts', () => {
    const run = driver();
    const ips = Array.from({ length: 2_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}` as typeof A);
    const claims = ips.map((ip) => ({ ip, probe: false }));
    run.send({ kind: 'claims', claims: claims.slice(0, 1_000), gone: [] });
    expect(run.of('announce')).toEqual([]);
    run.send({ kind: 'claims', claims: claims.slice(1_000), gone: ips.slice(0, 10) });
    expect(run.of('answer')).toHaveLength(2_000);
    expect(run.of('silence').map(({ ip }) => ip)).toEqual(ips.slice(0, 10));
    run.runUntil(400);
    const perStep = new Map<number, number>();
    for (const { at } of run.of('announce')) perStep.set(at, (perStep.get(at) ?? 0) + 1);
    expect(Math.max(...perStep.values())).toBeLessThanOrEqual(256);
    expect(new Set(run.of('announce').map(({ ip }) => ip)).size).toBe(1_990);
  });
});

describe('probing before the first claim (RFC 5227 §2.1)', () => {
  it('asks three times, then claims', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: true }] });
    run.runUntil(700);
    expect(times(run.of('probe'))).toEqual([0, 200, 400]);
    expect(run.of('answer')).toMatchObject([
      { phase: 'probing', at: 0 },
      { phase: 'claimed', at: 600 },
    ]);
    expect(times(run.of('announce'))).toEqual([600, 700]);
  });

  it('is refused when somebody has it, and asks again later', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: true }] });
    run.runUntil(250);
    run.send({ kind: 'occupied', ip: A, mac: CLIENT_MAC, interface: 'eth0' });
    expect(run.of('refused')).toMatchObject([{ ip: A, mac: CLIENT_MAC, at: 250 }]);
    expect(run.of('silence')).toHaveLength(1);
    run.runUntil(2_000);
    expect(run.of('announce')).toEqual([]);
    run.runUntil(3_000);
    expect(run.of('probe').slice(2)).toMatchObject([{ at: 2_250 }, { at: 2_450 }, { at: 2_650 }]);
    expect(run.of('announce')[0]?.at).toBe(2_850);
  });

  it.each(['probing', 'refused'])('goes on asking for what is %s, whatever plan comes next', (phase) => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: true }] });
    run.runUntil(100);
    if (phase === 'refused') run.send({ kind: 'occupied', ip: A, mac: CLIENT_MAC, interface: 'eth0' });
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
    for (let at = 200; at < 20_000; at += 100) {
      const before = run.of('probe').length;
      run.runUntil(at);
      if (run.of('probe').length > before) run.send({ kind: 'occupied', ip: A, mac: CLIENT_MAC, interface: 'eth0' });
    }
    expect(run.of('probe').length).toBeGreaterThan(2);
    expect(run.of('answer').map((answer) => answer.phase)).not.toContain('claimed');
    expect(run.of('announce')).toEqual([]);
  });

  it('asks for it still when a later plan comes, which does not say any more that the address is new', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: true }] });
    run.runUntil(250);
    run.send({ kind: 'occupied', ip: A, mac: CLIENT_MAC, interface: 'eth0' });
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
    run.runUntil(2_300);
    expect(run.of('probe').slice(2)).toMatchObject([{ at: 2_250 }]);
    run.send({ kind: 'occupied', ip: A, mac: CLIENT_MAC, interface: 'eth0' });
    expect(run.of('refused')).toHaveLength(2);
    expect(run.of('announce')).toEqual([]);
  });

  it('asks more and more rarely for what stays refused, and at once again when it was held meanwhile', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: true }] });
    const refusedAt: number[] = [];
    for (let at = 100; at < 300_000; at += 100) {
      const before = run.of('probe').length;
      run.runUntil(at);
      if (run.of('probe').length === before) continue;
      run.send({ kind: 'occupied', ip: A, mac: CLIENT_MAC, interface: 'eth0' });
      refusedAt.push(at);
    }
    const gaps = refusedAt.slice(1).map((at, index) => Math.round((at - (refusedAt[index] ?? 0)) / 1000));
    expect(gaps).toEqual([2, 4, 8, 16, 32, 60, 60, 60]);
    expect(run.of('announce')).toEqual([]);
  });
});

describe('interfaces', () => {
  it('what is kept for another node is not kept on an interface that is none for it any more', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
    run.runUntil(100);
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false, quiet: true }] });
    expect(run.of('silence')).toEqual([]);
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false, quiet: true, interfaces: ['eth9'] }] });
    expect(run.of('silence')).toMatchObject([{ ip: A }]);
  });

  it('W12: a claim without a fit interface is stranded, not announced', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false, interfaces: ['eth7'] }] });
    run.runUntil(10_000);
    expect(run.log).toMatchObject([{ kind: 'stranded', ip: A, interfaces: ['eth7'] }]);
  });

  it('W12b: an interface that is down, or speaks no ARP, does not count', () => {
    const run = driver();
    for (const changes of [{ up: false }, { arp: false }]) {
      run.send({ kind: 'links', links: [link('eth0', changes)] });
      run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
      expect(run.log.at(-1)).toMatchObject({ kind: 'stranded' });
      run.send({ kind: 'claims', claims: [] });
    }
    expect(run.of('announce')).toEqual([]);
  });

  it('W11: announces again when an interface appears, comes back, is recreated or changes its MAC', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: true }] });
    run.runUntil(10_000);
    const changes = [
      [link('eth0', { index: 9 })],
      [link('eth0', { index: 9, mac: mac('02:00:00:00:00:0f') })],
      [link('eth0'), link('eth1')],
    ];
    for (const links of changes) {
      const before = run.of('announce').length;
      run.send({ kind: 'links', links });
      expect(run.of('announce').slice(before)).toHaveLength(links.length);
      run.runUntil(run.now + 10_000);
      expect(run.of('announce').slice(before)).toHaveLength(6 * links.length);
    }
    run.send({ kind: 'links', links: [] });
    expect(run.log.slice(-2)).toMatchObject([{ kind: 'silence' }, { kind: 'stranded' }]);
    const down = run.log.length;
    run.runUntil(run.now + 100_000);
    expect(run.log.length).toBe(down);
    run.send({ kind: 'links', links: [link()] });
    // Held before: taken up at once, without asking.
    expect(run.log.slice(down)).toMatchObject([{ kind: 'answer', phase: 'claimed' }, { kind: 'announce' }]);
  });

  it('what is left announces again when another is gone: hosts may know the MAC of that one', () => {
    const run = driver();
    const both = [link(), link('eth1', { index: 9 })];
    run.send({ kind: 'links', links: both });
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
    run.runUntil(20_000);
    for (const links of [[link()], both, [link(), link('eth1', { index: 9, up: false })]]) {
      const before = run.of('announce').length;
      run.send({ kind: 'links', links });
      const said = run.of('announce').slice(before);
      expect(said).toContainEqual(expect.objectContaining({ ip: A, interface: 'eth0', at: run.now }));
      run.runUntil(run.now + 20_000);
    }
  });

  it('the same links again change nothing', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
    const before = run.log.length;
    run.send({ kind: 'links', links: [link()] });
    expect(run.log.length).toBe(before);
  });
});

describe('defend, yield, resume', () => {
  it('RFC 5227 §2.4 (c): defends at most once in ten seconds', () => {
    const run = driver({ repeatMs: 0, burstDelaysMs: [0] });
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
    run.runUntil(20_000);
    for (let i = 0; i < 50; i++) run.send({ kind: 'defend', ip: A });
    expect(run.of('announce')).toHaveLength(2);
    run.runUntil(30_000);
    run.send({ kind: 'defend', ip: A });
    expect(run.of('announce')).toHaveLength(3);
  });

  it('is silent while yielded, and comes back with a burst', () => {
    const run = driver();
    run.send({ kind: 'claims', claims: [{ ip: A, probe: false }] });
    run.send({ kind: 'yield', ip: A });
    expect(run.log.at(-1)).toMatchObject({ kind: 'silence' });
    run.send({ kind: 'links', links: [link('eth0', { index: 5 })] });
    run.runUntil(50_000);
    expect(run.of('announce')).toHaveLength(1);
    run.send({ kind: 'resume', ip: A });
    expect(run.log.slice(-2)).toMatchObject([{ kind: 'answer', phase: 'claimed' }, { kind: 'announce' }]);
  });
});

it('the heap gives items back in order after any moves and removals', () => {
  const moves = fc.array(fc.tuple(fc.nat(19), fc.nat(100), fc.boolean()), { maxLength: 80 });
  fc.assert(
    fc.property(moves, (list) => {
      const heap = new DueHeap<{ dueAt: ReturnType<typeof instant>; slot: number }>();
      const items = Array.from({ length: 20 }, () => ({ dueAt: instant(0), slot: -1 }));
      for (const [index, at, remove] of list) {
        const item = items[index];
        if (item === undefined) continue;
        if (remove) heap.remove(item);
        else heap.schedule(item, instant(at));
      }
      const expected = items.filter(({ slot }) => slot !== -1).map(({ dueAt }) => dueAt);
      const found: number[] = [];
      for (let first = heap.first(); first !== undefined; first = heap.first()) {
        found.push(first.dueAt);
        heap.remove(first);
      }
      expect(found).toEqual(expected.sort((a, b) => a - b));
    }),
  );
});
