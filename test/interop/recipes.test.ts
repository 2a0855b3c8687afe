import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Space } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { BIRD, type Daemon, FRR, GOBGP, OPENBGPD } from './daemons.ts';
import { Ours } from './ours.ts';
import type { PeerDaemon } from './peers/peer.ts';
import { ip, planOf, routes } from './plans.ts';

const PAGE = readFileSync(resolve(import.meta.dirname, '../../docs/routers.md'), 'utf8');

/** As the table at the head of the page has them. */
const NODE = { ipv4: '10.10.0.11', ipv6: 'fd10:10::11', asn: 64512 };
const ROUTER = { ipv4: '10.10.0.1', ipv6: 'fd10:10::1', asn: 65001 };
const INSIDE = ['198.51.100.7/32', '2001:db8:100::7/128'];
/** Another network, and the pool as a whole. */
const OUTSIDE = ['203.0.113.7/32', '198.51.100.0/24', '2001:db8:200::7/128'];

const DAEMONS: Readonly<Record<string, Daemon>> = { frr: FRR, bird: BIRD, gobgp: GOBGP, openbgpd: OPENBGPD };

interface Recipe {
  readonly heading: string;
  readonly daemon: string;
  readonly text: string;
}

/** The configurations that the page says are tested. */
function recipes(): Recipe[] {
  return PAGE.split(/^## /m).flatMap((section) => {
    const heading = section.split('\n')[0] ?? '';
    return [...section.matchAll(/^<!-- tested: (\w+) -->\n```\w*\n([\s\S]*?)^```$/gm)].map(([, daemon = '', text = '']) => ({
      heading,
      daemon,
      text,
    }));
  });
}

const RECIPES = recipes();

it('the page has a tested recipe for each daemon, and says of every other that it is not', () => {
  expect([...new Set(RECIPES.map(({ daemon }) => daemon))].toSorted()).toEqual(['bird', 'frr', 'gobgp', 'openbgpd']);
  const headings = [...PAGE.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading).filter((heading) => heading.includes('('));
  const tested = headings.filter((heading) => !heading.includes('not tested here'));
  expect(RECIPES.map(({ heading }) => heading)).toEqual(tested);
  expect(tested.every((heading) => heading.includes('tested'))).toBe(true);
  expect(headings.length - tested.length).toBeGreaterThan(5);
});

for (const { heading, daemon: name, text } of RECIPES) {
  const daemon = DAEMONS[name];
  if (daemon === undefined) throw new Error(`${heading}: there is no daemon ${name}`);
  need('netns', ...daemon.needs).describe(`the recipe for ${heading}`, () => {
    it('brings the session up, takes the routes of both families, and nothing outside the pools', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'hlb-recipe-'));
      // Daemons that drop their rights read their files here.
      chmodSync(directory, 0o755);
      const space = new Space('rcp');
      let peer: PeerDaemon | undefined;
      let ours: Ours | undefined;
      onTestFinished(async () => {
        await ours?.stop('SIGKILL');
        await peer?.stop();
        await space.dispose();
        rmSync(directory, { recursive: true, force: true });
      });
      for (const host of ['a', 'b']) space.add(host);
      space.link('a', 'eth0', 'b', 'eth0');
      for (const [host, side] of [
        ['a', NODE],
        ['b', ROUTER],
      ] as const) {
        space.run(host, `ip addr add ${side.ipv4}/24 dev eth0`);
        space.run(host, `ip -6 addr add ${side.ipv6}/64 dev eth0 nodad`);
      }
      peer = daemon.start({ space, host: 'b', directory, local: ROUTER, remote: NODE, families: ['ipv4', 'ipv6'], text });
      ours = await Ours.start(space, 'a', directory);
      const session = {
        myAsn: NODE.asn,
        peerAsn: ROUTER.asn,
        address: ip(ROUTER.ipv4),
        routerId: ip(NODE.ipv4),
        holdTimeMs: 90_000,
        keepaliveTimeMs: 30_000,
      };
      ours.apply(planOf(session, routes({}, ...OUTSIDE, ...INSIDE)));
      const said = (): string => `ours: ${JSON.stringify(ours?.report())}\ntheirs: ${peer?.describe().slice(0, 3000)}`;
      const table = (): ReturnType<PeerDaemon['routes']> | undefined => peer?.routes();
      await until('the routes', () => INSIDE.every((prefix) => table()?.has(prefix)), 45_000, 200).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${said()}`, { cause: error });
      });
      expect(table()?.get(INSIDE[0] ?? '')).toMatchObject({ nextHop: NODE.ipv4, asPath: [NODE.asn] });
      expect(table()?.get(INSIDE[1] ?? '')).toMatchObject({ nextHop: NODE.ipv6, asPath: [NODE.asn] });
      // All were sent, and the End-of-RIB after them: what is not there now was refused.
      await until('all to be sent', () => ours?.peer()?.counters.prefixesAnnounced === INSIDE.length + OUTSIDE.length);
      expect(OUTSIDE.filter((prefix) => table()?.has(prefix))).toEqual([]);
    }, 90_000);
  });
}
