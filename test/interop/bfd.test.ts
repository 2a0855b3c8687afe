import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PeerReport } from '../../speaker/report.ts';
import type { PeerSession } from '../../src/announce/plan.ts';
import { Space } from '../lab/space.ts';
import { type Need, need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';
import { NEWER } from './daemons.ts';
import { Ours } from './ours.ts';
import { type BfdRouter, type BfdRouterOptions, startBirdBfd, startFrrBfd } from './peers/bfdRouter.ts';
import { needPrograms } from './peers/programs.ts';
import { OURS, THEIRS, planOf, routes } from './plans.ts';

interface Row {
  readonly name: string;
  readonly start: (options: BfdRouterOptions) => Promise<BfdRouter>;
  readonly needs: readonly Need[];
  /** What it says when its session is shut: AdminDown, or nothing. */
  readonly saysAdminDown: boolean;
  /** The TTL of its packets over several hops. */
  readonly multihopTtl: number;
  /**
   * FRR 10 makes its BFD session anew as BGP connects, so that the first one goes down, and BGP with it; of a path that goes dark in the
   * second in which BGP came up it takes no notice (it compares whole seconds); and it has no BGP while BFD is down.
   */
  readonly beginsTwice: boolean;
}

const ROWS: readonly Row[] = [
  {
    name: 'FRR',
    start: startFrrBfd,
    needs: needPrograms(NEWER, 'bfdd', 'vtysh'),
    saysAdminDown: true,
    multihopTtl: 255,
    beginsTwice: NEWER,
  },
  {
    name: 'BIRD',
    start: startBirdBfd,
    needs: needPrograms(NEWER, 'bird', 'birdc'),
    saysAdminDown: false,
    multihopTtl: 64,
    beginsTwice: false,
  },
];

const VIP = '192.0.2.1/32';
/** As the kernel writes it. */
const ROUTE = '192.0.2.1';
type Profile = NonNullable<PeerSession['bfd']>;
const PROFILE: Profile = {
  name: 'fast',
  transmitIntervalMs: 200,
  receiveIntervalMs: 150,
  detectMultiplier: 3,
  echoIntervalMs: 100,
  echoMode: false,
  passiveMode: false,
  minimumTtl: 254,
};

let space: Space;
let directory: string;
let router: BfdRouter | undefined;
let ours: Ours | undefined;
let before: { readonly downs: number; readonly sessions: number; readonly error: PeerReport['lastError'] | undefined };

beforeEach(() => {
  before = { downs: 0, sessions: 0, error: undefined };
  directory = mkdtempSync(join(tmpdir(), 'hlb-bfd-'));
  chmodSync(directory, 0o755);
  space = new Space('bfd');
  space.add('a');
  space.add('b');
  space.link('a', 'eth0', 'b', 'eth0');
  space.run('a', `ip addr add ${OURS.ipv4}/24 dev eth0`);
  space.run('b', `ip addr add ${THEIRS.ipv4}/24 dev eth0`);
});

afterEach(async () => {
  ours?.signal('SIGCONT');
  await ours?.stop('SIGKILL');
  await router?.stop();
  [ours, router] = [undefined, undefined];
  await space.dispose();
  rmSync(directory, { recursive: true, force: true });
});

function options(more: Partial<BfdRouterOptions> = {}): BfdRouterOptions {
  const addresses = { local: THEIRS.ipv4, localAsn: THEIRS.asn, remote: OURS.ipv4, remoteAsn: OURS.asn };
  return { space, host: 'b', directory, ...addresses, intervalMs: 100, multiplier: 3, newer: NEWER, ...more };
}

/** BGP's own timers are far away: what is quick here is BFD. */
function guarded(profile: Partial<Profile> = {}, session: Partial<PeerSession> = {}) {
  return planOf({ holdTimeMs: 90_000, keepaliveTimeMs: 30_000, bfd: { ...PROFILE, ...profile }, ...session }, routes({}, VIP));
}

async function eventually(what: string, check: () => boolean, timeoutMs = 30_000): Promise<void> {
  try {
    await until(what, check, timeoutMs, 100);
  } catch (error) {
    const log = readFileSync(join(directory, 'ours-a.log'), 'utf8').slice(-3000);
    const said = `ours: ${JSON.stringify(ours?.report())}\n${log}\ntheirs: ${router?.describe().slice(0, 3000)}`;
    throw new Error(`${String(error)}\n${said}`, { cause: error });
  }
}

const isUp = (): boolean => ours?.bfd()?.state === 'Up' && router?.bfd().up === true;
const hasRoute = (): boolean => router?.kernelRoutes().includes(ROUTE) === true;
/** Since both were up for the first time. */
const timesDown = (): number | undefined => (ours?.bfd()?.counters.timesDown ?? Number.NaN) - before.downs;
const timesEstablished = (): number => (ours?.peer()?.counters.timesEstablished ?? Number.NaN) - before.sessions;

/** @param row where it is not known that the router begins once */
async function allUp(row?: Row): Promise<void> {
  await eventually('BFD up on both sides', isUp);
  await eventually("the route in the router's kernel", hasRoute);
  // It comes every 100 ms: the router may have the route before.
  await eventually('our report of the session', () => ours?.peer()?.state === 'Established');
  if (row?.beginsTwice !== true) return;
  await sleep(2_000);
  const { downs, sessions } = { downs: ours?.bfd()?.counters.timesDown ?? 0, sessions: (ours?.peer()?.counters.timesEstablished ?? 1) - 1 };
  before = { downs, sessions, error: ours?.peer()?.lastError };
}

/** What ended a session since then. */
function newError(): string {
  const { lastError } = ours?.peer() ?? {};
  return lastError === undefined || lastError.at === before.error?.at ? '' : lastError.text;
}

/** Nothing comes through any more, and no interface goes down. */
function cut(): void {
  space.run('b', 'nft add table inet cut');
  space.run('b', ['nft', 'add chain inet cut in { type filter hook input priority 0; policy drop; }']);
  space.run('b', ['nft', 'add chain inet cut out { type filter hook output priority 0; policy drop; }']);
}

function mend(): void {
  space.run('b', 'nft delete table inet cut');
}

for (const row of ROWS) {
  need('netns', 'command:nft', ...row.needs).describe(`BFD with ${row.name}`, () => {
    it('negotiates the timers, follows an edit without a flap, and sees a cut path from both sides', async () => {
      // Slow enough that a busy machine makes no flap of its own.
      router = await row.start(options({ intervalMs: 300 }));
      ours = await Ours.start(space, 'a', directory);
      ours.apply(guarded({ transmitIntervalMs: 600, receiveIntervalMs: 450 }));
      await allUp(row);
      // RFC 5880 §6.8.3, §6.8.4: the slower of what one wants to send and the other wants to hear, times the sender's multiplier.
      await eventually('the negotiated timers', () => router?.bfd().detectMs === 1800 && ours?.bfd()?.detectionMs === 1350);
      expect(router.bfd()).toMatchObject({ transmitMs: 450, detectMs: 1800 });
      expect(ours.bfd()).toMatchObject({ transmitMs: 600, detectionMs: 1350, session: THEIRS.ipv4, peers: ['p1'] });

      ours.apply(guarded({ transmitIntervalMs: 300, receiveIntervalMs: 900, detectMultiplier: 5 }));
      await eventually('the new timers', () => router?.bfd().detectMs === 1500 && ours?.bfd()?.detectionMs === 2700);
      expect(router.bfd().transmitMs).toBe(900);
      expect(timesDown()).toBe(0);
      expect([ours.peer()?.state, timesEstablished()]).toEqual(['Established', 1]);

      cut();
      await eventually('our side to see the cut', () => timesDown() === 1 && ours?.peer()?.state !== 'Established');
      await eventually("the router's kernel to drop the route", () => !hasRoute());
      expect(ours.bfd()?.lastDown?.reason).toBe('DetectionTimeExpired');
      expect(ours.peer()?.lastError?.text).toContain('BFD Down');
      mend();
      await allUp();
      expect(ours.peer()?.state).toBe('Established');
      expect(timesEstablished()).toBeGreaterThanOrEqual(2);
      expect(timesEstablished()).toBeLessThanOrEqual(row.beginsTwice ? 3 : 2);
    });

    it('tells the router that a speaker hangs, whose connections look alive', async () => {
      router = await row.start(options());
      ours = await Ours.start(space, 'a', directory);
      ours.apply(guarded());
      await allUp(row);
      ours.signal('SIGSTOP');
      await eventually("the router's kernel to drop the route", () => !hasRoute());
      expect(router.bfd().up).toBe(false);
      ours.signal('SIGCONT');
      await allUp(row);
    });

    it('comes up where either side waits for the other', async () => {
      router = await row.start(options({ passive: true }));
      ours = await Ours.start(space, 'a', directory);
      ours.apply(guarded());
      await allUp(row);
      await router.stop();
      await eventually('our side to miss the router', () => ours?.bfd()?.state !== 'Up');
      await ours.stop();
      router = await row.start(options());
      ours = await Ours.start(space, 'a', directory);
      ours.apply(guarded({ passiveMode: true }));
      await allUp(row);
      expect(ours.bfd()).toMatchObject({ state: 'Up', counters: { timesUp: before.downs + 1 } });
    });

    if (row.saysAdminDown)
      it('takes no administrative end of the session at the router for a fault', async () => {
        router = await row.start(options());
        ours = await Ours.start(space, 'a', directory);
        ours.apply(guarded());
        await allUp(row);
        router.shutBfd();
        await eventually('our side to hear that the router shut the session', () => ours?.bfd()?.state !== 'Up');
        expect(ours.bfd()?.lastDown?.reason).toBe('NeighborAdminDown');
        expect(newError()).not.toMatch(/^Cease\/BFD Down/);
        // Whatever the router makes of it, the session comes back or stays, with BFD down.
        await eventually('BGP without BFD', () => ours?.peer()?.state === 'Established' && hasRoute());
        expect(ours.bfd()?.state).not.toBe('Up');
      });

    it('leaves BGP alone when the profile is taken away', async () => {
      router = await row.start(options());
      ours = await Ours.start(space, 'a', directory);
      ours.apply(guarded());
      await allUp(row);
      const { bfd: _, ...session } = guarded().peers[0]!.session;
      ours.apply(planOf(session, routes({}, VIP)));
      await eventually('the end of the BFD session', () => ours?.report().bfd.length === 0 && router?.bfd().up === false);
      if (row.beginsTwice) router.forgetBfd?.();
      await eventually('BGP without BFD', () => ours?.peer()?.state === 'Established' && hasRoute());
      expect(newError()).not.toMatch(/^Cease\/BFD Down/);
    });

    it('guards a session over several hops', async () => {
      router = await row.start(options({ multihop: true }));
      ours = await Ours.start(space, 'a', directory);
      ours.apply(
        guarded({ minimumTtl: row.multihopTtl - 4 }, { ebgpMultiHop: true, sourceAddress: planOf({}).peers[0]!.session.routerId }),
      );
      await allUp(row);
      expect(ours.bfd()?.session).toContain('multihop');
      cut();
      await eventually("the router's kernel to drop the route", () => !hasRoute());
      await eventually('our side to see the cut', () => timesDown() === 1);
    });

    it.each(['SIGTERM', 'SIGKILL'] as const)('keeps the routes over a graceful restart that begins with %s', async (signal) => {
      // Slow enough that a busy machine does not take the path down before the restart does.
      const slow = { transmitIntervalMs: 300, receiveIntervalMs: 300 };
      router = await row.start(options({ graceful: true, intervalMs: 300 }));
      ours = await Ours.start(space, 'a', directory);
      ours.apply(guarded(slow, { gracefulRestart: true }));
      await allUp(row);
      await ours.stop(signal);
      await eventually('the router to miss the speaker', () => router?.bfd().up === false && !router.established());
      expect(hasRoute()).toBe(true);
      ours = await Ours.start(space, 'a', directory);
      ours.apply(guarded(slow, { gracefulRestart: true }));
      await eventually('both back', () => isUp() && router?.established() === true);
      expect(hasRoute()).toBe(true);
    });

    it('ends at once without graceful restart', async () => {
      router = await row.start(options());
      ours = await Ours.start(space, 'a', directory);
      ours.apply(guarded());
      await allUp(row);
      await ours.stop();
      await eventually('the end on the router', () => router?.bfd().up === false && !hasRoute());
      expect(router.established()).toBe(false);
    });
  });
}

need('netns', ...ROWS[0]!.needs).describe('BFD echo with FRR', () => {
  it("sends the router's echo packets back", async () => {
    // FRR addresses them to itself: it is the forwarding that sends them back.
    space.run('a', 'sysctl -qw net.ipv4.ip_forward=1');
    router = await startFrrBfd(options({ echo: true }));
    ours = await Ours.start(space, 'a', directory);
    ours.apply(guarded({ echoMode: true }));
    await allUp();
    await eventually('echo packets to come back', () => (router?.bfd().echoReceived ?? 0) > 20);
    expect(timesDown()).toBe(0);
    expect(router.bfd().up).toBe(true);
  });
});

need('netns', ...ROWS[1]!.needs).describe('BFD authentication with BIRD (RFC 5880 §6.7)', () => {
  it.each([
    ['simple', 'simplePassword'],
    ['keyed md5', 'keyedMd5'],
    ['meticulous keyed sha1', 'meticulousSha1'],
  ] as const)('%s: up with the same key, and not with another', async (authentication, type) => {
    router = await startBirdBfd(options({ authentication, password: 'tulip' }));
    ours = await Ours.start(space, 'a', directory);
    ours.apply(guarded({ auth: { type, keyId: 1, password: 'daisy' } }));
    await eventually('BGP, which does not wait for BFD', () => ours?.peer()?.state === 'Established' && hasRoute());
    await eventually('BIRD to have been heard', () => (ours?.bfd()?.counters.packetsSent ?? 0) > 2);
    expect([ours.bfd()?.state, router.bfd().up, ours.bfd()?.counters.packetsReceived]).toEqual(['Down', false, 0]);
    expect(ours.bfd()?.lastDown?.reason).toBe("the router's packets come and are refused: BfdAuthWrong");
    ours.apply(guarded({ auth: { type, keyId: 1, password: 'tulip' } }));
    await allUp();
    await eventually('many packets', () => (ours?.bfd()?.counters.packetsReceived ?? 0) > 20);
    expect(timesDown()).toBe(0);
  });
});
