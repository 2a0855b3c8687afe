import { describe, expect, it } from 'vitest';
import { instant } from '../../src/machine.ts';
import { type FsmContext, type FsmEvent, type FsmState, INITIAL, fsmDeadline } from '../../src/bgp/fsm.ts';
import { stepFsm } from '../../src/bgp/fsmStates.ts';
import type { FsmStateName } from '../../src/bgp/session.ts';

const NOW = instant(1_000_000);
const CONTEXT: FsmContext = { now: NOW, random: () => 0.5, connectTimeoutMs: 5000, connectRetryMs: 2000, idleHoldMs: 3000 };
const CEASE = { code: 6, subcode: 2 };
const BAD = { code: 1, subcode: 2 };

const later = (ms: number): ReturnType<typeof instant> => instant(NOW + ms);
const timed = { holdTimeMs: 90_000, keepaliveTimeMs: 30_000, holdAt: later(90_000), keepaliveAt: later(30_000) };
const STATES: Readonly<Record<FsmStateName | 'ConnectDelayed' | 'ActiveDelayed', FsmState>> = {
  Idle: INITIAL,
  Connect: { ...INITIAL, name: 'Connect', connectRetryAt: later(5000) },
  ConnectDelayed: { ...INITIAL, name: 'Connect', delayOpenAt: later(1000) },
  Active: { ...INITIAL, name: 'Active', connectRetryAt: later(2000) },
  ActiveDelayed: { ...INITIAL, name: 'Active', delayOpenAt: later(1000) },
  OpenSent: { ...INITIAL, name: 'OpenSent', holdAt: later(240_000) },
  OpenConfirm: { ...INITIAL, ...timed, name: 'OpenConfirm' },
  Established: { ...INITIAL, ...timed, name: 'Established' },
};

const EVENTS: Readonly<Record<string, FsmEvent>> = {
  start: { type: 'start', passive: false },
  startPassive: { type: 'start', passive: true },
  stop: { type: 'stop', notice: CEASE },
  stopSilently: { type: 'stop' },
  connectRetryExpired: { type: 'connectRetryExpired' },
  holdExpired: { type: 'holdExpired' },
  keepaliveExpired: { type: 'keepaliveExpired' },
  delayOpenExpired: { type: 'delayOpenExpired' },
  idleHoldExpired: { type: 'idleHoldExpired' },
  sendHoldExpired: { type: 'sendHoldExpired' },
  tcpUp: { type: 'tcpUp' },
  tcpFails: { type: 'tcpFails' },
  open: { type: 'open', holdTimeMs: 90_000, keepaliveTimeMs: 30_000 },
  headerError: { type: 'headerError', notice: BAD },
  openError: { type: 'openError', notice: { code: 2, subcode: 6 } },
  updateError: { type: 'updateError', notice: { code: 3, subcode: 1 } },
  collisionDump: { type: 'collisionDump' },
  versionNotification: { type: 'versionNotification' },
  notification: { type: 'notification' },
  keepalive: { type: 'keepalive' },
  update: { type: 'update' },
  routeRefresh: { type: 'routeRefresh' },
};

const drop = 'Idle: drop';
/** RFC 4271 §8.2.2: next state and effects; `same` is neither. Columns: the events above, in their order. */
const TABLE: Readonly<Record<keyof typeof STATES, Readonly<Record<string, string>>>> = {
  Idle: {
    start: 'Connect: connect',
    startPassive: 'Active:',
    idleHoldExpired: 'Connect: connect',
  },
  Connect: {
    start: 'same',
    startPassive: 'same',
    connectRetryExpired: 'Connect: drop connect',
    delayOpenExpired: 'OpenSent: sendOpen',
    tcpUp: 'OpenSent: sendOpen',
    headerError: 'Idle: 1/2 drop',
    openError: 'Idle: 2/6 drop',
  },
  ConnectDelayed: {
    start: 'same',
    startPassive: 'same',
    connectRetryExpired: 'Connect: drop connect',
    delayOpenExpired: 'OpenSent: sendOpen',
    tcpUp: 'OpenSent: sendOpen',
    tcpFails: 'Active: drop',
    open: 'OpenConfirm: sendOpen sendKeepalive',
    headerError: 'Idle: 1/2 drop',
    openError: 'Idle: 2/6 drop',
  },
  Active: {
    start: 'same',
    startPassive: 'same',
    connectRetryExpired: 'Connect: drop connect',
    delayOpenExpired: 'OpenSent: sendOpen',
    tcpUp: 'OpenSent: sendOpen',
    headerError: 'Idle: 1/2 drop',
    openError: 'Idle: 2/6 drop',
  },
  ActiveDelayed: {
    start: 'same',
    startPassive: 'same',
    connectRetryExpired: 'Connect: drop connect',
    delayOpenExpired: 'OpenSent: sendOpen',
    tcpUp: 'OpenSent: sendOpen',
    open: 'OpenConfirm: sendOpen sendKeepalive',
    headerError: 'Idle: 1/2 drop',
    openError: 'Idle: 2/6 drop',
  },
  OpenSent: {
    start: 'same',
    startPassive: 'same',
    stop: 'Idle: 6/2 drop',
    stopSilently: drop,
    holdExpired: 'Idle: 4/0 drop',
    sendHoldExpired: 'Idle: 8/0 drop',
    tcpUp: 'same',
    tcpFails: 'Active: drop',
    open: 'OpenConfirm: sendKeepalive',
    headerError: 'Idle: 1/2 drop',
    openError: 'Idle: 2/6 drop',
    collisionDump: 'Idle: 6/7 drop',
    versionNotification: drop,
    notification: drop,
  },
  OpenConfirm: {
    start: 'same',
    startPassive: 'same',
    stop: 'Idle: 6/2 drop',
    stopSilently: drop,
    holdExpired: 'Idle: 4/0 drop',
    keepaliveExpired: 'OpenConfirm: sendKeepalive',
    sendHoldExpired: 'Idle: 8/0 drop',
    tcpUp: 'same',
    tcpFails: drop,
    headerError: 'Idle: 1/2 drop',
    openError: 'Idle: 2/6 drop',
    collisionDump: 'Idle: 6/7 drop',
    versionNotification: drop,
    notification: drop,
    keepalive: 'Established: established',
  },
  Established: {
    start: 'same',
    startPassive: 'same',
    stop: 'Idle: 6/2 drop',
    stopSilently: drop,
    holdExpired: 'Idle: 4/0 drop',
    keepaliveExpired: 'Established: sendKeepalive',
    sendHoldExpired: 'Idle: 8/0 drop',
    tcpUp: 'same',
    tcpFails: drop,
    headerError: 'Idle: 1/2 drop',
    updateError: 'Idle: 3/1 drop',
    collisionDump: 'Idle: 6/7 drop',
    versionNotification: drop,
    notification: drop,
    keepalive: 'Established:',
    update: 'Established:',
    routeRefresh: 'Established:',
  },
};

/** What a state does with every event that its row does not name: "any other event". */
const OTHERWISE: Readonly<Record<keyof typeof STATES, string>> = {
  Idle: 'same',
  Connect: drop,
  ConnectDelayed: drop,
  Active: drop,
  ActiveDelayed: drop,
  OpenSent: 'Idle: 5/1 drop',
  OpenConfirm: 'Idle: 5/2 drop',
  Established: 'Idle: 5/3 drop',
};

function outcome(state: FsmState, event: FsmEvent): string {
  const [next, effects] = stepFsm(state, event, CONTEXT);
  if (next.name === state.name && effects.length === 0 && JSON.stringify(next) === JSON.stringify(state)) return 'same';
  const names = effects.map((effect) =>
    effect.type === 'sendNotification' ? `${effect.notice.code}/${effect.notice.subcode}` : effect.type,
  );
  return `${next.name}: ${names.join(' ')}`.trim();
}

const CELLS = (Object.keys(STATES) as (keyof typeof STATES)[]).flatMap((state) =>
  Object.keys(EVENTS).map((event) => [state, event, TABLE[state][event] ?? OTHERWISE[state]] as const),
);

describe('RFC 4271 §8.2.2', () => {
  it.each(CELLS)('%s, %s: %s', (state, event, expected) => {
    // A hold timer that was restarted shows only when it had run for a while.
    const aged = { ...STATES[state], ...(STATES[state].holdAt !== undefined && { holdAt: later(1) }) };
    expect(outcome(aged, EVENTS[event] as FsmEvent)).toBe(expected);
  });

  it.each([
    ['OpenSent', 'keepalive', 4],
    ['OpenSent', 'updateError', 2],
    ['OpenConfirm', 'routeRefresh', 5],
    ['Established', 'openError', 1],
  ] as const)('RFC 6608 §4: in %s %s is answered with the type of the message', (state, event, type) => {
    const [, [effect]] = stepFsm(STATES[state], EVENTS[event] as FsmEvent, CONTEXT);
    expect(effect).toMatchObject({ type: 'sendNotification', notice: { code: 5, data: Uint8Array.of(type) } });
  });

  it('no timer runs in Idle but the idle hold timer, and after a stop not even that', () => {
    for (const [state, event] of CELLS) {
      const [next] = stepFsm(STATES[state], EVENTS[event] as FsmEvent, CONTEXT);
      if (next.name !== 'Idle' || state === 'Idle') continue;
      const stopped = event.startsWith('stop');
      expect(fsmDeadline(next)).toBe(stopped ? undefined : NOW + 3000);
    }
  });

  it('counts failures, forgets them with a stop', () => {
    const [failed] = stepFsm(STATES.OpenSent, { type: 'notification' }, CONTEXT);
    expect(failed.connectRetryCounter).toBe(1);
    const [again] = stepFsm({ ...STATES.Established, connectRetryCounter: 4 }, { type: 'stop' }, CONTEXT);
    expect(again.connectRetryCounter).toBe(0);
  });

  it('§4.2: OPEN sets the negotiated timers; a large hold time guards the wait for it', () => {
    const [sent] = stepFsm(STATES.Connect, { type: 'tcpUp' }, CONTEXT);
    expect(sent).toMatchObject({ name: 'OpenSent', holdAt: NOW + 240_000 });
    const [confirmed] = stepFsm(sent, { type: 'open', holdTimeMs: 9000, keepaliveTimeMs: 3000 }, CONTEXT);
    expect(confirmed).toMatchObject({ holdAt: NOW + 9000, keepaliveAt: NOW + 3000 * 0.875 });
    const [without] = stepFsm(sent, { type: 'open', holdTimeMs: 0, keepaliveTimeMs: 0 }, CONTEXT);
    expect(fsmDeadline(without)).toBeUndefined();
  });

  it('§8.1.1: DelayOpen holds the OPEN back', () => {
    const context = { ...CONTEXT, delayOpenMs: 1500 };
    const [delayed, effects] = stepFsm(STATES.Connect, { type: 'tcpUp' }, context);
    expect(effects).toEqual([]);
    expect(delayed).toMatchObject({ name: 'Connect', delayOpenAt: NOW + 1500 });
    expect(stepFsm(delayed, { type: 'delayOpenExpired' }, context)[1]).toEqual([{ type: 'sendOpen' }]);
  });

  it('§8.2.2: KEEPALIVE, UPDATE and ROUTE-REFRESH restart the hold timer', () => {
    for (const type of ['keepalive', 'update', 'routeRefresh'] as const)
      expect(stepFsm({ ...STATES.Established, holdAt: later(5) }, { type }, CONTEXT)[0].holdAt).toBe(NOW + 90_000);
  });
});
