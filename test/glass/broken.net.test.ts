import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FLAGS, QUICK, store } from '../broken/store.ts';
import { type Base, WIRE_ROWS, startBase } from '../broken/wireRows.ts';
import { calm, explained, listRaw, speak } from '../cli/explainSupport.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { CHROMIUM, PAGE_NEED, openTab, startBrowser } from './stand.ts';

/** Of the table of broken set-ups: one of the configuration, one of layer 2 and one of BGP. */
const ROWS = ['an advertisement for another pool', 'a foreign host on the VIP', 'a wrong peerASN'] as const;

need(PAGE_NEED, `file:${CHROMIUM}`).describe('what is broken, on the page of a running controller', () => {
  let base: Base;
  let browser: Browser;

  beforeAll(async () => {
    [base, browser] = await Promise.all([startBase(FLAGS, QUICK), startBrowser()]);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await base?.cluster.close();
  });

  it.each(ROWS)('%s: the page has the code of explain, and a link to what it means', async (row) => {
    const { by, broken, wire = calm, reason = '' } = WIRE_ROWS[row] ?? {};
    const raw = structuredClone(base.raw);
    if (by === 'bgp') raw.config.L2Advertisement = [];
    if (by === 'layer2') raw.config.BGPAdvertisement = [];
    broken?.(raw);
    await speak(raw, wire);
    store(base.cluster, raw);
    const [cause] = explained(await listRaw(base.cluster.kubeconfig), 'web').causes;
    expect(cause?.reason).toBe(reason);
    const url = `http://127.0.0.1:${base.controller.glassPort}/`;
    const { tab, complaints, strangers } = await openTab(browser, `${url}#vips`);
    const vip = tab.locator('.grid.vips .row:not(.head)', { hasText: 'default/web' });
    await vip.locator('a').first().click();
    const why = tab.locator('dialog[open] a.reason').first();
    await until('the code', async () => (await why.innerText({ timeout: 1000 })) === reason, 30_000);
    expect((await why.getAttribute('href'))?.split('#')[1]).toBe(cause?.docs.split('#')[1]);
    expect([complaints, strangers]).toEqual([[], []]);
    await tab.context().close();
  });
});
