import type { Shape, Sizes } from './chaos.ts';
import type { Scene } from './chaosActs.ts';
import { type SimHost, planFor } from './speakers.ts';

/** All have begun. */
const BEGUN_MS = 11_000;
const SOME: Sizes = { nodes: [3, 5], vips: [2, 4] };
const TWO: Sizes = { nodes: [2, 2], vips: [2, 4] };

/** What is known to be hard: most of it was once seen to go wrong in random histories, or on a real segment. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  'two parts that both answer are joined, and cut and joined again': shape(TWO, 21_000, { double: 1350, dark: 17500 }, (scene) => {
    const { hosts, pick, random } = scene;
    cut(scene, hosts[0], { part: 1, afterMs: 0, forMs: pick([400, 1500, 3000]) * (0.5 + random()) });
    cut(scene, hosts[1], { part: 1, afterMs: 6000, forMs: 250 + random() * 200 });
  }),
  'two quarrels at once': shape({ nodes: [3, 5], vips: [3, 4] }, 20_000, { double: 2300, dark: 34000 }, (scene) => {
    const forMs = 800 + scene.random() * 2000;
    for (const [at, host] of scene.hosts.entries()) cut(scene, host, { part: at, afterMs: 0, forMs: forMs + scene.random() * 120 });
  }),
  'one of several is alone, and comes back': shape(SOME, 23_000, { double: 780, dark: 17500 }, (scene) => {
    const { hosts, random } = scene;
    cut(scene, hosts[0], { part: 1, afterMs: 0, forMs: 300 + random() * 3000 });
    cut(scene, hosts[1], { part: 1, afterMs: 5000, forMs: 280 + random() * 300 });
  }),
  'a drain that half of them hear of, no API server, and a death': shape(SOME, 24_000, { double: 40, dark: 2800 }, (scene) => {
    const { world, hosts, random } = scene;
    const drained = hosts[0] as SimHost;
    drain(scene, drained, { told: hosts.filter(() => random() < 0.5), afterMs: 0 });
    later(scene, 50, 'no API server', () => void (world.isApiDown = true));
    const victim = hosts[1] as SimHost;
    later(scene, 300 + random() * 2000, `kill ${victim.node}`, () => victim.kill());
    later(scene, 7000, 'the API server is back', () => void (world.isApiDown = false));
    drain(scene, drained, { told: hosts, afterMs: 7100 });
  }),
  'a drain whose heirs are not told for long': shape(SOME, 22_000, { double: 40, dark: 40 }, (scene) => {
    const { hosts, random } = scene;
    const drained = hosts[0] as SimHost;
    drain(scene, drained, { told: [drained], afterMs: 0 });
    drain(scene, drained, { told: hosts, afterMs: 1500 + random() * 3000 });
  }),
  'a hand-over of which the packets are lost': shape(SOME, 20_000, { double: 400, dark: 4700 }, (scene) => {
    const { world, hosts, random } = scene;
    drain(scene, hosts[0] as SimHost, { told: hosts, afterMs: 100 });
    later(scene, 0, 'nobody else is heard', () => hosts.slice(1).forEach((host) => void (host.isMute = true)));
    later(scene, 120 + random() * 130, 'all are heard', () => hosts.forEach((host) => void (host.isMute = false)));
    later(scene, 5000, 'half of all packets are lost', () => void (world.loss = 0.5));
    later(scene, 5000, `SIGTERM ${hosts[1]?.node}`, () => hosts[1]?.terminate());
    later(scene, 5300, 'no more loss', () => void (world.loss = 0));
  }),
  'an owner that stands still': shape(SOME, 25_000, { double: 450, dark: 4700 }, (scene) => {
    const { hosts, pick, random } = scene;
    freeze(scene, hosts[0] as SimHost, { afterMs: 0, forMs: pick([320, 500, 1500]) * (0.8 + random() * 0.4), isLossy: random() < 0.5 });
    freeze(scene, hosts[1] as SimHost, { afterMs: 6000, forMs: pick([320, 500, 3000]) * (0.8 + random() * 0.4), isLossy: random() < 0.5 });
  }),
  'one of two stands still': shape(TWO, 22_000, { double: 40, dark: 6000 }, (scene) => {
    const { hosts, pick, random } = scene;
    freeze(scene, hosts[0] as SimHost, { afterMs: 0, forMs: pick([320, 500, 3000]) * (0.8 + random() * 0.4), isLossy: random() < 0.5 });
  }),
  'a clock that jumps, of one that is cut off': shape(
    SOME,
    21_000,
    { double: 850, dark: 12000 },
    (scene) => {
      const { hosts, pick, random } = scene;
      const host = hosts[0] as SimHost;
      cut(scene, host, { part: 1, afterMs: 0, forMs: 1500 + random() * 1500 });
      const jumpMs = pick([310, 1000, 60_000]) * (0.9 + random() * 0.6);
      later(scene, random() * 1500, `the clock of ${host.node} jumps by ${Math.round(jumpMs)}`, () => host.jump(jumpMs));
      const other = hosts[1] as SimHost;
      later(scene, 6000, `the clock of ${other.node} jumps`, () => other.jump(350));
      // After a jump of more than a minute others may speak once a second only.
    },
    { dark: 1400 },
  ),
  'one that is not heard, or hears nobody': shape(SOME, 24_000, { double: 1050, dark: 6100 }, (scene) => {
    const { hosts, random } = scene;
    for (const [at, way] of (['isDeaf', 'isMute'] as const).entries()) {
      const host = hosts[at] as SimHost;
      later(scene, at * 6000, `${host.node} ${way}`, () => void (host[way] = true));
      later(scene, at * 6000 + 300 + random() * 3000, `${host.node} no more ${way}`, () => void (host[way] = false));
    }
  }),
  'those that began one after the other die one after the other': shape(
    { nodes: [4, 5], vips: [3, 4] },
    24_000,
    { double: 40, dark: 14500 },
    (scene) => {
      const { hosts, random } = scene;
      for (const [at, host] of hosts.slice(1).entries()) later(scene, at * (800 + random() * 1500), `kill ${host.node}`, () => host.kill());
    },
    // Of two that die at once the second may be the heir.
    { dark: 700 },
  ),
  'an owner that flaps while another begins': shape(SOME, 24_000, { double: 1400, dark: 37000 }, (scene) => {
    const { hosts, random } = scene;
    later(scene, 0, `kill ${hosts[1]?.node}`, () => hosts[1]?.kill());
    later(scene, 2000, `start ${hosts[1]?.node}`, () => hosts[1]?.start());
    let at = 2000;
    for (let times = 0; times < 5; times++) {
      const forMs = 50 + random() * 450;
      cut(scene, hosts[0], { part: 1, afterMs: at, forMs });
      at += forMs + 50 + random() * 600;
    }
  }),
};

/** @param sum of what is allowed in all that CI runs of it, in milliseconds */
function shape(sizes: Sizes, durationMs: number, sum: Shape['sum'], plot: (scene: Scene) => void, limits: Shape['limits'] = {}): Shape {
  return { sizes, durationMs, sum, plot, limits };
}

function later({ world, tell }: Scene, afterMs: number, what: string, run: () => void): void {
  world.at(BEGUN_MS + afterMs, () => {
    tell(what);
    run();
  });
}

function cut(
  scene: Scene,
  host: SimHost | undefined,
  { part, afterMs, forMs }: Readonly<Record<'part' | 'afterMs' | 'forMs', number>>,
): void {
  if (host === undefined || part === 0) return;
  later(scene, afterMs, `${host.node} to part ${part} for ${Math.round(forMs)}`, () => void (host.part = part));
  later(scene, afterMs + forMs, `${host.node} back`, () => void (host.part = 0));
}

interface Freeze {
  readonly afterMs: number;
  readonly forMs: number;
  readonly isLossy: boolean;
}

function freeze(scene: Scene, host: SimHost, { afterMs, forMs, isLossy }: Freeze): void {
  later(scene, afterMs, `freeze ${host.node} for ${Math.round(forMs)}${isLossy ? ', losing all' : ''}`, () => host.freeze());
  later(scene, afterMs + forMs, `thaw ${host.node}`, () => host.thaw(isLossy));
}

/** @param drain who is told of it, after so long and up to 200 ms more */
function drain(scene: Scene, host: SimHost, { told, afterMs }: { readonly told: readonly SimHost[]; readonly afterMs: number }): void {
  const { hosts, vips, random } = scene;
  later(scene, afterMs, `draining ${host.node}, which ${told.map(({ node }) => node).join(' ')} are told`, () => undefined);
  for (const each of told) {
    const plan = planFor(each, hosts, vips, 2, [host.node]);
    later(scene, afterMs + random() * 200, `${each.node} is told`, () => each.apply(plan));
  }
}
