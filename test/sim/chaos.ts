import type { Ip } from '../../src/net/ip.ts';
import { type Act, type Scene, actsOf, wideActsOf } from './chaosActs.ts';
import type { Limits } from './limits.ts';
import { SimHost, World, planFor } from './speakers.ts';

/** In milliseconds: what was seen of one history. */
export interface Verdict {
  /** The longest time that two answered in one part of the segment, but for the next two. */
  readonly double: number;
  /** The same, begun within a second after parts of the segment were joined or cut. */
  readonly heal: number;
  /** The same, while packets were lost. */
  readonly lossy: number;
  /** The longest time that a client had no answer though a speaker lived, was reachable, and had had time to begin. */
  readonly dark: number;
  /** How long two answered, and nobody, for any VIP in all. */
  readonly sum: { readonly double: number; readonly dark: number };
  readonly story: readonly string[];
}

export interface ChaosOptions {
  readonly durationMs?: number;
  /** Names of {@link actsOf}; default: all. */
  readonly acts?: readonly string[];
  /** Up to ten nodes and twelve VIPs, and networks that are worse. */
  readonly isWide?: boolean;
  /** What the speakers log is part of the story. */
  readonly isVerbose?: boolean;
}

const CHECK_MS = 10;
/** What begins within so long after the segment changed is counted as its consequence. */
const HEAL_MS = 1100;
const LOUD_MS = { double: 260, dark: 600 };
/** A speaker that has begun listens first. */
const BEGIN_MS = 6000;
/** So long before the end nothing new happens. */
const REST_MS = 15_000;

interface Watched {
  doubleSince: number | undefined;
  darkSince: number | undefined;
}

/** A random history of some speakers, watched on the wire all the time. */
export function chaos(seed: number, { durationMs = 60_000, acts: chosen, isWide = false, isVerbose = false }: ChaosOptions = {}): Verdict {
  const scene = build(seed, isWide ? WIDE : NORMAL, isVerbose);
  const { world, hosts, random } = scene;
  const all = isWide ? [...actsOf(scene), ...wideActsOf(scene)] : actsOf(scene);
  const acts = all.filter(({ name }) => chosen?.includes(name) !== false);
  let nextAct = world.now + 8000;
  const end = world.now + durationMs;
  return play(scene, end, () => {
    if (world.now < nextAct || world.now >= end - REST_MS) return;
    const act = acts[Math.floor(random() * acts.length)] as Act;
    act.run(hosts[Math.floor(random() * hosts.length)] as SimHost);
    nextAct = world.now + (random() < 0.3 ? random() * 400 : 500 + random() * 9000);
  });
}

/** A history in which something happens that is known to be hard; what is random of it are the nodes, the VIPs and the moments. */
export function shaped(seed: number, { sizes, plot, durationMs }: Shape, isVerbose = false): Verdict {
  const scene = build(seed, sizes, isVerbose);
  plot(scene);
  return play(scene, scene.world.now + durationMs, () => undefined);
}

function play(scene: Scene, end: number, onStep: () => void): Verdict {
  const { world, vips, tell } = scene;
  const watch = new Watch(scene);
  while (world.now < end) {
    world.runUntil(world.now + CHECK_MS);
    onStep();
    watch.look();
  }
  for (const vip of vips) if (world.answering(vip, 0).length !== 1) tell(`${vip}: ${world.answering(vip, 0).length} answer in the end`);
  return { ...watch.worst, sum: watch.sum, story: scene.story };
}

function factsOf(line: string): string {
  const { msg, level: _level, time: _time, name: _name, ...facts } = JSON.parse(line) as Record<string, unknown>;
  return `${String(msg)} ${JSON.stringify(facts)}`;
}

/** The least and the most. */
type Between = readonly [number, number];

export interface Sizes {
  readonly nodes: Between;
  readonly vips: Between;
}

const NORMAL: Sizes = { nodes: [2, 5], vips: [1, 4] };
const WIDE: Sizes = { nodes: [3, 10], vips: [1, 12] };

export interface Shape {
  readonly sizes: Sizes;
  readonly durationMs: number;
  /** How long two may answer, and nobody, in all histories of it that CI runs: more is seen there than in the longest time of one. */
  readonly sum: Verdict['sum'];
  /** What is allowed besides. */
  readonly limits?: Partial<Limits>;
  /** Arranges all that is to happen. */
  readonly plot: (scene: Scene) => void;
}

function build(seed: number, sizes: Sizes, isVerbose: boolean): Scene {
  const world = new World(seed);
  const { random } = world;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const some = ([least, most]: Between): number => least + Math.floor(random() * (most - least + 1));
  const count = some(sizes.nodes);
  const failback = pick([
    { kind: 'immediate' },
    { kind: 'never' },
    { kind: 'delayed', delayMs: 3000 },
    { kind: 'delayed', delayMs: 10_000 },
  ] as const);
  const hosts = Array.from({ length: count }, (_, i) => new SimHost(world, i + 1, { failback }));
  const vips = Array.from({ length: some(sizes.vips) }, (_, i) => `10.0.1.${i + 1}` as Ip);
  for (const host of hosts) {
    host.plan = planFor(host, hosts, vips, 1, []);
    world.at(world.now + random() * 3000, () => host.start());
  }
  const story: string[] = [`${count} nodes, ${vips.length} VIPs, ${JSON.stringify(failback)}`];
  const tell = (what: string): void => void story.push(`${Math.round(world.now)} ${what}`);
  if (isVerbose) world.onLog = (node, line) => tell(`    ${node} ${factsOf(line)}`);
  return { world, hosts, vips, random, pick, story, tell };
}

class Watch {
  readonly worst = { double: 0, heal: 0, lossy: 0, dark: 0 };
  readonly sum = { double: 0, dark: 0 };
  readonly #scene: Scene;
  readonly #watched = new Map<string, Watched>();
  readonly #aliveSince = new Map<SimHost, number>();
  #parts = '';
  #partsAt = 0;
  #lossyAt = -Infinity;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  look(): void {
    const { world, hosts, vips } = this.#scene;
    const now = hosts.map(({ part, isDeaf, isMute }) => `${part}${isDeaf ? 'd' : ''}${isMute ? 'm' : ''}`).join(' ');
    if (now !== this.#parts) [this.#parts, this.#partsAt] = [now, world.now];
    if (world.loss > 0 || hosts.some(({ loss }) => loss > 0)) this.#lossyAt = world.now;
    for (const host of hosts) {
      const isAble = host.isRunning && host.engine?.plan() !== undefined && !host.isDeaf && !host.isMute;
      if (!isAble) this.#aliveSince.delete(host);
      else if (!this.#aliveSince.has(host)) this.#aliveSince.set(host, world.now);
    }
    for (const key of this.#watched.keys()) if (!hosts.some((host) => key.startsWith(`${host.part} `))) this.#watched.delete(key);
    for (const part of new Set(hosts.map((host) => host.part))) {
      const members = hosts.filter((host) => host.part === part);
      // One of two that is told that it is not heard cannot know which of them is at fault, and leaves all to the other one.
      const least = members.some(({ isDeaf }) => isDeaf) ? 2 : 1;
      const able = members.filter((host) => this.#isAble(host)).length >= least;
      for (const vip of vips) this.#judge(`${part} ${vip}`, world.answering(vip, part), able);
    }
  }

  #isAble(host: SimHost): boolean {
    return this.#scene.world.now - (this.#aliveSince.get(host) ?? Infinity) > BEGIN_MS && host.hasMet;
  }

  #judge(key: string, answers: readonly SimHost[], able: boolean): void {
    const { world, tell } = this.#scene;
    const seen = this.#watched.get(key) ?? { doubleSince: undefined, darkSince: undefined };
    this.#watched.set(key, seen);
    seen.doubleSince = answers.length > 1 ? (seen.doubleSince ?? world.now) : undefined;
    seen.darkSince = answers.length === 0 && able ? (seen.darkSince ?? world.now) : undefined;
    const double = seen.doubleSince === undefined ? 0 : world.now - seen.doubleSince;
    const dark = seen.darkSince === undefined ? 0 : world.now - Math.max(seen.darkSince, this.#partsAt);
    if (double === LOUD_MS.double) tell(`${key}: ${answers.map(({ node }) => node).join(' and ')} answer`);
    if (dark === LOUD_MS.dark) tell(`${key}: dark`);
    if (double > 0) this.sum.double += CHECK_MS;
    if (dark > 0) this.sum.dark += CHECK_MS;
    const kind = this.#kindOf(seen.doubleSince ?? 0);
    this.worst[kind] = Math.max(this.worst[kind], double);
    this.worst.dark = Math.max(this.worst.dark, dark);
  }

  #kindOf(since: number): 'double' | 'heal' | 'lossy' {
    if (this.#lossyAt >= since - HEAL_MS) return 'lossy';
    return since - this.#partsAt < HEAL_MS ? 'heal' : 'double';
  }
}
