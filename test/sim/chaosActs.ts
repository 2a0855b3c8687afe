import type { Ip } from '../../src/net/ip.ts';
import { type SimHost, type World, planFor } from './speakers.ts';

/** Everything that one history is about. */
export interface Scene {
  readonly world: World;
  readonly hosts: readonly SimHost[];
  readonly vips: readonly Ip[];
  readonly random: () => number;
  readonly pick: <T>(list: readonly T[]) => T;
  readonly story: string[];
  readonly tell: (what: string) => void;
}

export interface Act {
  readonly name: string;
  readonly run: (host: SimHost) => void;
}

/** What may happen. Each ends by itself. */
export function actsOf(scene: Scene): readonly Act[] {
  return [...deaths(scene), ...stalls(scene), ...cuts(scene), ...plans(scene)];
}

/** What happens besides where there is a {@link ChaosOptions.isWide}: of networks that are worse. */
export function wideActsOf({ world, hosts, tell, random, pick }: Scene): readonly Act[] {
  const until = (what: string, over: () => void): void => {
    tell(what);
    world.at(world.now + pick([400, 1500, 6000]) * (0.5 + random()), () => {
      tell(`${what}: over`);
      over();
    });
  };
  return [
    {
      name: 'lossOut',
      run: (host) => {
        host.loss = pick([0.05, 0.3, 0.7]);
        until(`${host.loss} of what ${host.node} sends is lost`, () => void (host.loss = 0));
      },
    },
    {
      name: 'twice',
      run: () => {
        world.twice = pick([0.1, 1]);
        until(`${world.twice} of all packets come twice`, () => void (world.twice = 0));
      },
    },
    {
      name: 'late',
      run: () => {
        world.lateMs = pick([5, 30]);
        until(`packets are up to ${world.lateMs} ms late, and overtake one another`, () => void (world.lateMs = 0));
      },
    },
    {
      name: 'split',
      run: () => {
        const away = hosts.filter(() => random() < 0.5);
        for (const host of away) host.part = 1;
        until(`${away.map(({ node }) => node).join(' ')} are a segment of their own`, () => away.forEach((host) => void (host.part = 0)));
      },
    },
  ];
}

function startLater({ world, tell }: Scene, host: SimHost, inMs: number): void {
  world.at(world.now + inMs, () => {
    if (host.engine !== undefined) return;
    tell(`start ${host.node}`);
    host.start();
  });
}

function deaths(scene: Scene): Act[] {
  const { tell, random } = scene;
  return [
    {
      name: 'kill',
      run: (host) => {
        tell(`kill ${host.node}`);
        host.kill();
        startLater(scene, host, random() * 8000);
      },
    },
    {
      name: 'end',
      run: (host) => {
        tell(`SIGTERM ${host.node}`);
        host.terminate();
        startLater(scene, host, 2000 + random() * 8000);
      },
    },
  ];
}

function stalls({ world, tell, random, pick }: Scene): Act[] {
  return [
    {
      name: 'freeze',
      run: (host) => {
        const forMs = pick([50, 250, 320, 500, 3000]) * (0.5 + random());
        const isLossy = random() < 0.3;
        tell(`freeze ${host.node} for ${Math.round(forMs)}${isLossy ? ', losing all' : ''}`);
        host.freeze();
        world.at(world.now + forMs, () => {
          tell(`thaw ${host.node}`);
          host.thaw(isLossy);
        });
      },
    },
    {
      name: 'jump',
      run: (host) => {
        const ms = pick([100, 290, 310, 1000, 60_000]) * (0.5 + random());
        tell(`the clock of ${host.node} jumps by ${Math.round(ms)}`);
        if (!host.isFrozen) host.jump(ms);
      },
    },
  ];
}

function cuts({ world, tell, random, pick }: Scene): Act[] {
  const later = (ms: number, what: string, run: () => void): void => {
    world.at(world.now + ms, () => {
      tell(what);
      run();
    });
  };
  return [
    {
      name: 'cut',
      run: (host) => {
        const forMs = pick([100, 300, 400, 1500, 6000]) * (0.5 + random());
        const part = pick([0, 1, 2]);
        tell(`${host.node} to part ${part} for ${Math.round(forMs)}`);
        host.part = part;
        later(forMs, `${host.node} back`, () => void (host.part = 0));
      },
    },
    {
      name: 'flap',
      run: (host) => {
        tell(`${host.node} flaps`);
        let at = 0;
        for (let times = 0; times < 5; times++) {
          later((at += random() * 400), `${host.node} out`, () => void (host.part = 1));
          later((at += random() * 400), `${host.node} back`, () => void (host.part = 0));
        }
      },
    },
    {
      name: 'oneWay',
      run: (host) => {
        const forMs = pick([300, 400, 1500, 6000]) * (0.5 + random());
        const which = pick(['isDeaf', 'isMute'] as const);
        tell(`${host.node} ${which} for ${Math.round(forMs)}`);
        host[which] = true;
        later(forMs, `${host.node} no more ${which}`, () => void (host[which] = false));
      },
    },
    {
      name: 'loss',
      run: () => {
        const part = pick([0.02, 0.1, 0.3]);
        tell(`${part} of all packets are lost`);
        world.loss = part;
        later(2000 * (0.5 + random()), 'no more loss', () => void (world.loss = 0));
      },
    },
  ];
}

function plans({ world, hosts, vips, tell, random }: Scene): Act[] {
  let draining: string[] = [];
  let generation = 1;
  const spread = (withinMs: number): void => {
    generation += 1;
    for (const host of hosts) {
      const plan = planFor(host, hosts, vips, generation, draining);
      world.at(world.now + random() * withinMs, () => {
        if (!world.isApiDown && (host.plan?.plan.generation ?? 0) < plan.plan.generation) host.apply(plan);
      });
    }
  };
  return [
    {
      name: 'drain',
      run: ({ node }) => {
        draining = draining.includes(node) ? draining.filter((each) => each !== node) : [...draining, node];
        tell(`draining: ${draining.join(' ')}`);
        spread(200);
      },
    },
    {
      name: 'api',
      run: () => {
        if (world.isApiDown) return;
        tell('no API server');
        world.isApiDown = true;
        world.at(world.now + 500 + random() * 8000, () => {
          tell('the API server is back');
          world.isApiDown = false;
          spread(500);
        });
      },
    },
  ];
}
