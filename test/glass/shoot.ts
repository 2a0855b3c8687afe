// Screenshots of the looking glass for the documentation: node test/support/run.mjs test/glass/shoot.ts [directory]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, inputOf, largeCluster, smallCluster } from './fixture.ts';
import { openTab, startBrowser, startStand } from './stand.ts';

const directory = process.argv[2] ?? 'docs/images';
mkdirSync(directory, { recursive: true });
const now = new Date().toISOString();
const small = smallCluster(now);
const since = { watchingSince: before(90_000, now) };
/** As it was before: another node had this VIP. */
const earlier = small.nodeStates.map((state, place) =>
  place > 2
    ? state
    : {
        ...state,
        status: {
          ...state.status,
          claims: place === 2 ? [] : [{ ip: '192.168.7.242', interfaces: ['eth1'], since: before(90_000, now) }].slice(place),
        },
      },
);
const stand = await startStand(inputOf({ ...small, nodeStates: earlier }, before(90_000, now), since));
stand.tell(inputOf(small, now, since));
const large = await startStand(inputOf(largeCluster(1000, 100, now), now, since));
const browser = await startBrowser();
const shoot = async (name: string, url: string, options: Parameters<typeof openTab>[2], hover?: string): Promise<void> => {
  const { tab, complaints } = await openTab(browser, url, options);
  await tab.waitForSelector('.card, dialog[open], article');
  if (hover !== undefined) await tab.hover(hover);
  await tab.waitForTimeout(400);
  await tab.screenshot({ path: join(directory, `${name}.png`) });
  if (complaints.length > 0) console.error(name, complaints);
  await tab.context().close();
};
await shoot('glass-dark', stand.url, { dark: true, width: 1120, height: 900, scale: 0.85 }, '.column.vip [data-id="198.51.100.1"] a');
await shoot('glass-light', `${stand.url}#vips/192.168.7.242`, { width: 1120, height: 760 });
await shoot('glass-phone', stand.url, { dark: false, width: 390, height: 844 });
if (process.argv[2] !== undefined) {
  await shoot('overview-light', stand.url, { width: 1280, height: 1000 });
  await shoot('vips-large', `${large.url}#vips`, { dark: true });
  await shoot('overview-large', large.url, { dark: true, height: 1300 }, '.column.node [data-id="node-003"] a');
  await shoot('sessions', `${stand.url}#sessions`, {});
  await shoot('nodes', `${stand.url}#nodes`, { dark: true });
  await shoot('pools', `${stand.url}#pools`, {});
  await shoot('docs', `${stand.url}docs/troubleshoot#nopools`, {});
  await shoot('phone-vips', `${stand.url}#vips`, { dark: true, width: 390, height: 844 });
  await shoot('phone-detail', `${stand.url}#vips/192.168.7.242`, { dark: true, width: 390, height: 844 });
}
await browser.close();
await stand.close();
await large.close();
