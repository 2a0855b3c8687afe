import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kubelab } from '../../kubelab/kubelab.ts';
import { Lab, embeddedApi } from '../../lab/lab.ts';
import { service } from '../../lab/manifests.ts';
import { need } from '../../support/need.ts';
import { sleep, until } from '../../support/until.ts';
import { LAB_NEEDS } from '../needs.ts';
import { Asker, assigned, birdSince, crashes, flaps, kubelabOf, routed, tables } from './world.ts';

interface Fault {
  readonly name: string;
  /** @returns what ends it */
  readonly inflict: (kubelab: Kubelab) => (() => void | Promise<void>) | Promise<() => void | Promise<void>>;
  /** It lasts so long, and not one word of the API comes through meanwhile. */
  readonly awayMs?: number;
  /** It goes on for so long while some of the API's words may come through. */
  readonly lastsMs?: number;
  /** The programs must get over it while it goes on. */
  readonly healsMeanwhile?: true;
  readonly withinMs: number;
}

const match = { userAgent: /^heraldlb/ };

const FAULTS: readonly Fault[] = [
  {
    name: 'a stopped server',
    inflict: async (kubelab) => {
      await kubelab.stop();
      return () => kubelab.start();
    },
    awayMs: 10_000,
    withinMs: 10_000,
  },
  {
    name: 'a restart that has forgotten all events',
    inflict: async (kubelab) => {
      await kubelab.restart({ emptyWindow: true });
      return () => {};
    },
    withinMs: 5_000,
  },
  {
    name: 'connections that are half open, new ones too',
    inflict: (kubelab) => kubelab.faults.halfOpen({ connections: 'all' }).remove,
    awayMs: 4_000,
    withinMs: 5_000,
  },
  {
    name: 'old connections that are half open',
    inflict: (kubelab) => kubelab.faults.halfOpen({ connections: 'existing' }).remove,
    healsMeanwhile: true,
    // One PING every 10 s, and 9 s for its answer.
    withinMs: 22_000,
  },
  {
    name: '5xx to everything',
    inflict: (kubelab) => {
      const fault = kubelab.faults.status({ code: 503, match });
      kubelab.faults.breakWatches(match);
      return fault.remove;
    },
    awayMs: 5_000,
    withinMs: 6_000,
  },
  {
    name: '429 to everything',
    inflict: (kubelab) => {
      const fault = kubelab.faults.status({ code: 429, retryAfterSeconds: 1, match });
      kubelab.faults.endWatches(match);
      return fault.remove;
    },
    awayMs: 4_000,
    withinMs: 6_000,
  },
  {
    name: '410 to every watch, again and again',
    inflict: (kubelab) => {
      const fault = kubelab.faults.expire({ match: { ...match, verb: 'watch' } });
      const storm = setInterval(() => kubelab.faults.expireWatches(match), 200);
      kubelab.faults.expireWatches(match);
      return () => {
        clearInterval(storm);
        fault.remove();
      };
    },
    lastsMs: 4_000,
    withinMs: 6_000,
  },
  {
    name: 'slow streams',
    inflict: (kubelab) => {
      const slow = kubelab.faults.slow({ bytesPerSecond: 4000 });
      kubelab.faults.dropConnections();
      return slow.remove;
    },
    healsMeanwhile: true,
    withinMs: 15_000,
  },
];

need(...LAB_NEEDS).describe('an API server that is ill', () => ill());

function ill(): void {
  describe('under live programs', () => {
    let lab: Lab;
    let asker: Asker;
    let web = '';
    let segment: readonly string[] = [];
    const others = ['node1', 'node3'];

    const setReady = async (ready: boolean): Promise<void> => {
      const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: ready ? 'True' : 'False' }));
      const pod = { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'ingress-node2' };
      // Past every socket: the cluster lives while its API server cannot be reached.
      await kubelabOf(lab).patch(pod, { status: { conditions } }, { subresource: 'status' });
    };

    beforeAll(async () => {
      // It is not the nodes that are ill.
      lab = await Lab.start({ tag: 'rb2', api: (root) => embeddedApi(root, { isPatient: true }) });
      lab.startDaemons();
      await lab.established();
      await lab.client.apply(service('web', 'bgp', 'Local'));
      await lab.client.apply(service('segment', 'segment'));
      [web = ''] = await assigned(lab, 'web');
      segment = await assigned(lab, 'segment');
      await routed(lab, web, lab.nodes);
      asker = await Asker.start(lab, segment);
      for (const vip of segment) await until(`an answer for ${vip}`, () => asker.owners(vip, 0).length > 0);
    }, 120_000);

    afterAll(async () => {
      await asker?.stop();
      await lab?.close();
    });

    it.each(FAULTS)(
      '$name: nothing changes on the wire that need not, and what changed meanwhile follows',
      async ({ inflict, awayMs = 0, lastsMs = 0, healsMeanwhile, withinMs }) => {
        const since = Date.now();
        const before = { flaps: await flaps(lab), bird: await birdSince(lab), tables: await tables(lab) };
        const end = await inflict(kubelabOf(lab));
        try {
          await setReady(false);
          const back = Date.now() + awayMs;
          while (Date.now() < back) {
            expect(await tables(lab)).toEqual(before.tables);
            await sleep(250);
          }
          await sleep(lastsMs);
          if (healsMeanwhile === true) await routed(lab, web, others, withinMs);
        } finally {
          await end();
        }
        const ended = Date.now();
        await routed(lab, web, others, withinMs);
        const took = Date.now() - ended;
        await setReady(true);
        await routed(lab, web, lab.nodes, withinMs);
        process.stdout.write(`followed after ${took} ms\n`);
        expect(await flaps(lab)).toEqual(before.flaps);
        expect(await birdSince(lab, before.bird)).toEqual(before.bird);
        expect(await tables(lab)).toEqual(before.tables);
        for (const vip of segment) {
          const [owner] = asker.owners(vip, 0);
          expect(asker.owners(vip, since)).toEqual([owner]);
        }
        expect(crashes(lab)).toEqual([]);
      },
      60_000,
    );
  });
}
