import type { Ip } from '../../src/net/ip.ts';
import { SimHost, World, planFor } from './speakers.ts';

/** In milliseconds: what was seen of one history. */
export interface Verdict {
  /** The longest time that two answered in one part of the segment. */
  readonly double: number;
  /** The longest time that a client had no answer though a speaker lived, was reachable, and had had time to begin. */
  readonly dark: number;
  readonly story: readonly string[];
}

const CHECK_MS = 10;
/** Parts that are joined again need a session that comes up, which begins with packets once a second. */
const HEAL_MS = 1100;
const LOUD_MS = 400;
/** A speaker that has begun listens first. */
const BEGIN_MS = 6000;

interface Watched {
  doubleSince: number | undefined;
  darkSince: number | undefined;
}

/** A random history of some speakers, watched on the wire all the time. */
export function chaos(seed: number, durationMs = 60_000): Verdict {
  const world = new World(seed);
  const { random } = world;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const count = 2 + Math.floor(random() * 4);
  const failback = pick([
    { kind: 'immediate' },
    { kind: 'never' },
    { kind: 'delayed', delayMs: 3000 },
    { kind: 'delayed', delayMs: 10_000 },
  ] as const);
  const hosts = Array.from({ length: count }, (_, i) => new SimHost(world, i + 1, { failback }));
  const vips = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, i) => `10.0.1.${i + 1}` as Ip);
  let draining: string[] = [];
  let generation = 1;
  for (const host of hosts) {
    host.plan = planFor(host, hosts, vips, generation, draining);
    world.at(world.now + random() * 3000, () => host.start());
  }
  const aliveSince = new Map<SimHost, number>();
  const story: string[] = [`${count} nodes, ${vips.length} VIPs, ${JSON.stringify(failback)}`];
  const tell = (what: string): void => void story.push(`${Math.round(world.now)} ${what}`);
  const acts: ((host: SimHost) => void)[] = [
    (host) => {
      tell(`kill ${host.node}`);
      host.kill();
      world.at(world.now + random() * 8000, () => {
        if (host.engine === undefined) {
          tell(`start ${host.node}`);
          host.start();
        }
      });
    },
    (host) => {
      tell(`SIGTERM ${host.node}`);
      host.terminate();
      world.at(world.now + 2000 + random() * 8000, () => {
        if (host.engine === undefined) {
          tell(`start ${host.node}`);
          host.start();
        }
      });
    },
    (host) => {
      const forMs = pick([50, 250, 320, 500, 3000]) * (0.5 + random());
      const isLossy = random() < 0.3;
      tell(`freeze ${host.node} for ${Math.round(forMs)}${isLossy ? ', losing all' : ''}`);
      host.freeze();
      world.at(world.now + forMs, () => {
        tell(`thaw ${host.node}`);
        host.thaw(isLossy);
      });
    },
    (host) => {
      const forMs = pick([100, 300, 400, 1500, 6000]) * (0.5 + random());
      const part = pick([0, 1, 2]);
      tell(`${host.node} to part ${part} for ${Math.round(forMs)}`);
      host.part = part;
      world.at(world.now + forMs, () => {
        tell(`${host.node} back`);
        host.part = 0;
      });
    },
    (host) => {
      draining = draining.includes(host.node) ? draining.filter((node) => node !== host.node) : [...draining, host.node];
      tell(`draining: ${draining.join(' ')}`);
      generation += 1;
      const plans = hosts.map((each) => planFor(each, hosts, vips, generation, draining));
      for (const [i, each] of hosts.entries()) {
        const plan = plans[i];
        world.at(world.now + random() * 200, () => {
          if (plan !== undefined && (each.plan?.plan.generation ?? 0) < plan.plan.generation) each.apply(plan);
        });
      }
    },
  ];
  const watched = new Map<string, Watched>();
  const worst = { double: 0, dark: 0 };
  let nextAct = world.now + 8000;
  const end = world.now + durationMs;
  /** A part's membership changed: what was begun before says nothing of what comes. */
  let parts = '';
  let partsAt = 0;
  while (world.now < end) {
    world.runUntil(world.now + CHECK_MS);
    if (world.now >= nextAct && world.now < end - 15_000) {
      pick(acts)(pick(hosts));
      nextAct = world.now + (random() < 0.3 ? random() * 400 : 500 + random() * 9000);
    }
    const now = hosts.map(({ part }) => part).join(' ');
    if (now !== parts) {
      parts = now;
      partsAt = world.now;
    }
    for (const host of hosts) {
      if (!host.isRunning) aliveSince.delete(host);
      else if (!aliveSince.has(host)) aliveSince.set(host, world.now);
    }
    for (const key of watched.keys()) if (!hosts.some((host) => key.startsWith(`${host.part} `))) watched.delete(key);
    for (const part of new Set(hosts.map((host) => host.part))) {
      const able = hosts.some((host) => host.part === part && world.now - (aliveSince.get(host) ?? Infinity) > BEGIN_MS && host.hasMet);
      for (const vip of vips) watch(`${part} ${vip}`, world.answering(vip, part).length, able);
    }
  }
  return { ...worst, story };

  function watch(key: string, answers: number, able: boolean): void {
    const seen = watched.get(key) ?? { doubleSince: undefined, darkSince: undefined };
    watched.set(key, seen);
    // The healed parts of a segment need their second; so does a part that was just cut off.
    if (answers > 1) seen.doubleSince ??= world.now;
    else seen.doubleSince = undefined;
    if (answers === 0 && able) seen.darkSince ??= world.now;
    else seen.darkSince = undefined;
    const double = seen.doubleSince === undefined ? 0 : world.now - Math.max(seen.doubleSince, partsAt + HEAL_MS);
    const dark = seen.darkSince === undefined ? 0 : world.now - Math.max(seen.darkSince, partsAt);
    if (double > LOUD_MS && worst.double <= LOUD_MS) tell(`${key}: ${answers} answer`);
    if (dark > LOUD_MS && worst.dark <= LOUD_MS) tell(`${key}: dark`);
    worst.double = Math.max(worst.double, double);
    worst.dark = Math.max(worst.dark, dark);
  }
}
