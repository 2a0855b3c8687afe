import { describe, expect, it } from 'vitest';
import { DrainKeeper } from '../../speaker/drainKeeper.ts';
import { nodeStatus } from '../../speaker/nodeStatus.ts';
import { drainReason } from '../../src/announce/drain.ts';
import { planNode } from '../../src/announce/nodePlan.ts';
import { node, snapshot } from '../announce/support.ts';
import { FakeClock } from './support.ts';

function keeper() {
  const clock = new FakeClock();
  const news: string[] = [];
  const found = new DrainKeeper({
    triggers: ['cordon'],
    waitMs: 5000,
    changed: () => news.push('replan'),
    tell: (what, { reason }) => news.push(`${what} ${reason}`),
    clock,
  });
  return { clock, news, keeper: found };
}

const [active, cordoned] = [node('node1'), node('node1', { unschedulable: true })];

describe('the drain of the own node', () => {
  it('asks for another plan when the wait is over, and not before', () => {
    const { clock, news, keeper: drain } = keeper();
    expect(drain.observe(active)).toBeUndefined();
    expect(drain.observe(cordoned)).toEqual({ reason: { reason: 'Cordoned' }, withdraw: false });
    expect(news.splice(0)).toEqual(['replan', 'DrainStarted Cordoned']);
    clock.advance(4999);
    expect(drain.observe(cordoned)?.withdraw).toBe(false);
    expect(news).toEqual([]);
    clock.advance(1);
    expect(news).toEqual(['replan']);
    expect(drain.observe(cordoned)?.withdraw).toBe(true);
    drain.left(0);
    expect(news.at(-1)).toBe('Drained Cordoned');
  });

  it('leaves no timer behind when it ends, or is stopped', () => {
    const { clock, keeper: drain } = keeper();
    drain.observe(active);
    drain.observe(cordoned);
    expect(clock.waiting()).toBe(1);
    drain.observe(active);
    expect(clock.waiting()).toBe(0);
    drain.observe(cordoned);
    drain.stop();
    expect(clock.waiting()).toBe(0);
  });

  it('stays as it is while the cluster has no such Node, and heeds no other trigger', () => {
    const { keeper: drain } = keeper();
    drain.observe(active);
    drain.observe(cordoned);
    expect(drain.observe(undefined)).toBeDefined();
    expect(drain.observe(node('node1', { shuttingDown: true, deleting: true }))).toBeUndefined();
    expect(drainReason(cordoned, ['cordon'])).toBeDefined();
  });

  it('stands in the NodeState, with what is left and why', () => {
    const { clock, keeper: drain } = keeper();
    const result = planNode(snapshot(), 'node1', 1);
    const state = () =>
      nodeStatus({
        result,
        report: { generation: 1, peers: [], bfd: [], claims: new Map(), problems: [] },
        problems: [],
        version: '0',
        startedAt: '',
        now: '2026-01-01T00:00:00Z',
        before: undefined,
        drain: drain.status(),
      }).drain;
    drain.observe(active);
    expect(state()).toBeUndefined();
    drain.observe(cordoned);
    expect(state()).toMatchObject({ phase: 'Draining', reason: 'Cordoned', message: 'cordoned' });
    clock.advance(5000);
    drain.left(2);
    expect(state()).toMatchObject({ phase: 'Draining', left: 2, message: 'cordoned; no other node can announce what is left' });
    drain.left(0);
    expect(state()).toMatchObject({ phase: 'Drained', left: 0, message: 'cordoned' });
  });
});
