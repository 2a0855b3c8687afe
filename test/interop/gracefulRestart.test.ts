import { describe, expect, it } from 'vitest';
import type { PeerSession } from '../../src/announce/plan.ts';
import { need } from '../support/need.ts';
import { sleep } from '../support/until.ts';
import { BIRD, type Daemon, FRR, GOBGP, OPENBGPD } from './daemons.ts';
import { Ours } from './ours.ts';
import { Pair } from './pair.ts';
import type { PeerDaemon } from './peers/peer.ts';
import { OURS, planOf, routes } from './plans.ts';

/*
 * RFC 4724 as a whole: what a router does with our routes while the speaker is away, and when it comes back. ExaBGP has no part
 * in this: it keeps no table.
 */

const [A, B, V6] = ['192.0.2.1/32', '192.0.2.2/32', '2001:db8::1/128'] as const;
const TIMEOUT_MS = 180_000;
/** Longer than a test: a router that notices something has seen the connection end. */
const SLOW = { holdTimeMs: 90_000, keepaliveTimeMs: 30_000 };
const KEEPS = { ...SLOW, gracefulRestart: true, restartTimeSeconds: 120 };

/** Who agrees that a NOTIFICATION begins a graceful restart as well (RFC 8538). */
const OVER_NOTIFICATIONS: ReadonlySet<Daemon> = new Set([FRR, GOBGP]);
/** Who keeps routes for longer than the restart time (RFC 9494). */
const LONG_LIVED: ReadonlySet<Daemon> = new Set([FRR, BIRD, GOBGP]);
const LLGR_STALE = new Set(['llgrstale', '65535:6']);

type Held = ReadonlyMap<string, boolean>;

/** What a daemon holds, and whether that is stale: asked for again and again, and kept. */
class Watch {
  readonly #daemon: PeerDaemon;
  readonly #loop: Promise<void>;
  #seen: Held[] = [];
  #isEnding = false;

  constructor(hooks: Hooks, daemon: PeerDaemon) {
    this.#daemon = daemon;
    this.#loop = this.#run();
    hooks.onTestFinished(async () => void (await this.end()));
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      try {
        this.now();
      } catch {
        // It has only just begun.
      }
      await sleep(50);
    }
  }

  now(): Held {
    const held = this.#daemon.stale?.() ?? new Map<string, boolean>();
    this.#seen.push(held);
    return held;
  }

  /** All of these and no other, all stale or none. */
  has(stale: boolean, ...prefixes: readonly string[]): boolean {
    const now = this.now();
    return now.size === prefixes.length && prefixes.every((prefix) => now.get(prefix) === stale);
  }

  /** What was seen before is nobody's business any more. */
  forget(): void {
    this.#seen = [];
  }

  async end(): Promise<readonly Held[]> {
    this.#isEnding = true;
    await this.#loop;
    return this.#seen;
  }
}

interface Hooks {
  onTestFinished(hook: () => Promise<void>): void;
}

/** Another process of the speaker, as after a restart. */
async function begin(pair: Pair, hooks: Hooks, session: Partial<PeerSession>, ...prefixes: readonly string[]): Promise<Ours> {
  const ours = await Ours.start(pair.space, 'a', pair.directory);
  hooks.onTestFinished(async () => {
    ours.signal('SIGCONT');
    await ours.stop('SIGKILL');
  });
  ours.apply(planOf(session, routes({}, ...prefixes)));
  return ours;
}

interface Connection {
  /** As our OPEN has it. */
  readonly restartState: boolean;
  /** Of each family. */
  readonly forwarding: readonly boolean[];
  /** The lengths of our UPDATEs, in order. */
  readonly updates: readonly number[];
  readonly notifiedByUs: boolean;
  readonly notifiedByThem: boolean;
}

const [OPEN, UPDATE, NOTIFICATION] = [1, 2, 3];
/** RFC 4724 §2: no prefix at all; an MP_UNREACH_NLRI of a family and no prefix. */
const END_OF_RIB = [23, 29];
const FIELDS = ['tcp.stream', 'ip.src', 'bgp.type', 'bgp.length', 'bgp.cap.gr.timers.restart_flag', 'bgp.cap.gr.flag.pfs'];

/** What was said on each connection on which we have opened a session, from tshark's lists of fields. */
function connections(packets: readonly string[][]): Connection[] {
  const streams = [...new Set(packets.map(([stream]) => stream))];
  return streams.flatMap((number) => {
    const stream = packets.filter((packet) => packet[0] === number);
    const said = stream.flatMap(([, source, types = '', lengths = '']) => {
      const sizes = lengths.split(',');
      return types.split(',').map((type, i) => ({ fromUs: source === OURS.ipv4, type: Number(type), length: Number(sizes[i]) }));
    });
    const notified = (fromUs: boolean): boolean => said.some((message) => message.type === NOTIFICATION && message.fromUs === fromUs);
    const open = stream.find(([, source, types]) => source === OURS.ipv4 && types?.split(',').includes(String(OPEN)));
    if (open === undefined) return [];
    const [, , , , restartState = '', forwarding = ''] = open;
    return {
      restartState: restartState === '1',
      forwarding: forwarding.split(',').map((flag) => flag === '1'),
      updates: said.flatMap(({ fromUs, type, length }) => (fromUs && type === UPDATE ? [length] : [])),
      notifiedByUs: notified(true),
      notifiedByThem: notified(false),
    };
  });
}

describe.concurrent('graceful restart', () => {
  for (const row of [FRR, BIRD, GOBGP, OPENBGPD]) {
    need('netns', 'command:tcpdump', 'command:tshark', ...row.needs).describe(row.name, () => {
      it(
        'keeps our routes over an upgrade and over a crash, and drops those that are gone after the End-of-RIB (RFC 4724 §4)',
        async (hooks) => {
          const pair = new Pair(hooks);
          const capture = await pair.capture();
          const daemon = await pair.daemon(row, { gracefulRestart: true, holdTimeSeconds: 90 });
          const watch = new Watch(hooks, daemon);
          const first = await begin(pair, hooks, KEEPS, A, B, V6);
          await pair.eventually('the routes', () => watch.has(false, A, B, V6));
          watch.forget();
          await first.stop('SIGTERM');
          await pair.eventually('stale routes', () => watch.has(true, A, B, V6));
          const second = await begin(pair, hooks, KEEPS, A, V6);
          await pair.eventually('the routes of the new process', () => watch.has(false, A, V6));
          await second.stop('SIGKILL');
          await pair.eventually('stale routes', () => watch.has(true, A, V6));
          await begin(pair, hooks, KEEPS, A, V6);
          await pair.eventually('fresh routes', () => watch.has(false, A, V6));

          const seen = await watch.end();
          expect(seen.filter((view) => !view.has(A) || !view.has(V6))).toEqual([]);
          // The route that is gone was there until all that is not gone had been told.
          const end = seen.findIndex((view) => !view.has(B));
          expect(seen.slice(end).filter((view) => view.has(B))).toEqual([]);
          expect([seen[end]?.get(A), seen[end]?.get(V6)]).toEqual([false, false]);

          const said = connections(await capture.fields('bgp', ...FIELDS));
          // One that rests after a session has ended, as GoBGP does, closes what it is not ready for.
          for (const connection of said)
            expect(connection).toMatchObject({ restartState: true, forwarding: [true, true], notifiedByUs: false, notifiedByThem: false });
          const sessions = said.filter(({ updates }) => updates.length > 0);
          expect(sessions).toHaveLength(3);
          for (const connection of sessions) {
            const [ends, tables] = [connection.updates.slice(-2), connection.updates.slice(0, -2)];
            expect(ends.toSorted((a, b) => a - b)).toEqual(END_OF_RIB);
            expect(tables.length).toBeGreaterThan(0);
            expect(tables.filter((length) => END_OF_RIB.includes(length))).toEqual([]);
          }
        },
        TIMEOUT_MS,
      );

      it(
        'drops our routes when the restart time is over',
        async (hooks) => {
          const pair = new Pair(hooks);
          const daemon = await pair.daemon(row, { gracefulRestart: true, holdTimeSeconds: 90 });
          const watch = new Watch(hooks, daemon);
          // OpenBGPD does not know RFC 9494.
          const more = LONG_LIVED.has(row) ? {} : { longLivedStaleSeconds: 3600 };
          const ours = await begin(pair, hooks, { ...KEEPS, restartTimeSeconds: 5, ...more }, A, V6);
          await pair.eventually('the routes', () => watch.has(false, A, V6));
          const killedAt = performance.now();
          await ours.stop('SIGKILL');
          await pair.eventually('no routes', () => watch.now().size === 0);
          expect(performance.now() - killedAt).toBeGreaterThan(4_000);
        },
        TIMEOUT_MS,
      );

      it(
        'drops our routes at once where the session has no graceful restart',
        async (hooks) => {
          const pair = new Pair(hooks);
          const daemon = await pair.daemon(row, { gracefulRestart: true, holdTimeSeconds: 90 });
          const watch = new Watch(hooks, daemon);
          const ours = await begin(pair, hooks, SLOW, A, V6);
          await pair.eventually('the routes', () => watch.has(false, A, V6));
          watch.forget();
          await ours.stop('SIGKILL');
          await pair.eventually('no routes', () => watch.now().size === 0);
          const seen = await watch.end();
          expect(seen.filter((view) => [...view.values()].includes(true))).toEqual([]);
        },
        TIMEOUT_MS,
      );

      const overNotifications = OVER_NOTIFICATIONS.has(row);
      it(
        `${overNotifications ? 'keeps' : 'drops'} our routes when its hold timer ends the session (RFC 8538), and hears that we have not restarted`,
        async (hooks) => {
          const pair = new Pair(hooks);
          const capture = await pair.capture();
          const daemon = await pair.daemon(row, { gracefulRestart: true });
          const watch = new Watch(hooks, daemon);
          const session = { gracefulRestart: true, restartTimeSeconds: 120, holdTimeMs: 6_000, keepaliveTimeMs: 1_000 };
          const ours = await begin(pair, hooks, session, A, V6);
          await pair.eventually('the routes', () => watch.has(false, A, V6));
          watch.forget();
          ours.signal('SIGSTOP');
          await pair.eventually('the end of the session', () => !daemon.established());
          await sleep(1000);
          const after = watch.now();
          ours.signal('SIGCONT');
          await pair.eventually('fresh routes', () => watch.has(false, A, V6));
          const seen = await watch.end();
          expect([...after]).toEqual(
            overNotifications
              ? [
                  [A, true],
                  [V6, true],
                ]
              : [],
          );
          expect(seen.every((view) => view.has(A) && view.has(V6))).toBe(overNotifications);

          const said = connections(await capture.fields('bgp', ...FIELDS));
          expect(said[0]).toMatchObject({ restartState: true, notifiedByThem: true });
          // The process lives: it has not restarted, and forwarding has not stopped.
          expect(said.at(-1)).toMatchObject({ restartState: false, forwarding: [true, true] });
        },
        TIMEOUT_MS,
      );
    });
  }

  for (const row of LONG_LIVED) {
    need('netns', ...row.needs).describe(row.name, () => {
      it(
        'keeps our routes as least preferred after the restart time, for as long as we have said (RFC 9494)',
        async (hooks) => {
          const pair = new Pair(hooks);
          const daemon = await pair.daemon(row, { gracefulRestart: true, holdTimeSeconds: 90 });
          const watch = new Watch(hooks, daemon);
          const isLeast = (prefix: string): boolean =>
            daemon
              .routes()
              .get(prefix)
              ?.communities.some((community) => LLGR_STALE.has(community)) === true;
          const session = { ...KEEPS, restartTimeSeconds: 2, longLivedStaleSeconds: 3600 };
          const first = await begin(pair, hooks, session, A, V6);
          await pair.eventually('the routes', () => watch.has(false, A, V6));
          watch.forget();
          await first.stop('SIGKILL');
          await pair.eventually('the community of stale routes', () => isLeast(A) && isLeast(V6));
          expect(watch.has(true, A, V6)).toBe(true);
          const second = await begin(pair, hooks, { ...session, longLivedStaleSeconds: 3 }, A, V6);
          await pair.eventually('fresh routes', () => watch.has(false, A, V6));
          expect([isLeast(A), isLeast(V6)]).toEqual([false, false]);
          const seen = await watch.end();
          expect(seen.filter((view) => !view.has(A) || !view.has(V6))).toEqual([]);
          const killedAt = performance.now();
          await second.stop('SIGKILL');
          await pair.eventually('no routes', () => watch.now().size === 0);
          expect(performance.now() - killedAt).toBeGreaterThan(4_000);
        },
        TIMEOUT_MS,
      );
    });
  }
});
