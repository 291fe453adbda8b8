// The demo, as somebody who tries it out goes through it: what its pages report, and what becomes of that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pixelgate } from './pixelgate.mjs';
import { until } from './tag.mjs';
import { EACH, inEach } from './visits.mjs';

/** The demo, a tab for its pages, and its rows as soon as there are `count`. */
async function visitor({ context }, t) {
  const demo = await Pixelgate.start({ isDemo: true });
  t.after(() => demo.remove());
  const at = (site, path) => `http://${site}.localhost:${demo.shopPort}${path}`;
  const stored = async (count) => {
    let rows = [];
    await until(async () => (rows = await demo.stored()).length >= count, () => JSON.stringify(rows));
    return rows;
  };
  return { at, stored, page: await context.newPage() };
}

const events = (rows) => rows.map(({ event, page }) => `${event} ${new URL(page).pathname}`).sort();

test('a purchase in the shop of the demo is stored, once however often its page is loaded', inEach(EACH, async (all, t) => {
  const { at, stored, page } = await visitor(all, t);
  await page.goto(at('shop', '/cup/dusk'));
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await page.getByRole('button', { name: 'Buy now' }).click();
  const purchase = (await stored(5)).find(({ event }) => event == 'PURCHASE');
  await page.goto(at('shop', `/thanks?cup=dusk&order=${purchase.conversion_id}`));
  const visits = ['/cart', '/cup/dusk', '/thanks', '/thanks'].map((path) => `SITE_VISIT ${path}`);
  assert.deepEqual(events(await stored(6)), ['ADD_TO_CART /cart', 'PURCHASE /thanks', ...visits]);
}));

test('who clicks the ad in the paper of the demo and buys in its shop is a purchase of that ad, once', inEach(EACH, async (all, t) => {
  const { at, stored, page } = await visitor(all, t);
  const landed = [];
  page.on('response', (answer) => answer.url().startsWith(at('shop', '/landing')) && landed.push(new URL(answer.url())));
  await page.goto(at('news', '/'));
  await page.getByRole('link', { name: 'Cups for slow mornings, at Kiln & Cup' }).click();
  await page.getByRole('link', { name: 'Dusk € 59.00' }).click();
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await page.getByRole('button', { name: 'Buy now' }).click();
  // Two touches, the paper's page, four of the shop's, and what was done on two of them.
  const rows = await stored(9);
  assert.deepEqual(landed.map(({ search }) => search.replace(/[0-9a-z]{26}$/, '…')), ['?utm_source=ad&twclid=…']);
  const clickId = landed[0].searchParams.get('twclid');

  const touches = rows.filter(({ kind }) => kind == 'touch');
  assert.deepEqual(touches.map(({ touch, line_item_id: item, click_id: id }) => [touch, item, id]), [['view', '6zva5', null], ['click', '6zva5', clickId]]);
  const of = (account) => rows.filter(({ kind, account_id: id }) => kind != 'touch' && id == account);
  assert.deepEqual(of('18ce54d4x5u').map(({ event, credit }) => [event, credit]), [['SITE_VISIT', null]]);
  const shop = of('18ce54d4x5t');
  const visits = ['/cart', '/cup/dusk', '/landing', '/thanks'].map((path) => `SITE_VISIT ${path}`);
  assert.deepEqual(events(shop), ['ADD_TO_CART /cart', 'PURCHASE /thanks', ...visits]);
  const { id, at: clickedAt } = touches[1];
  const credit = { kind: 'post_engagement', key: 'click_id', link: 'spring', campaign_id: '8wku2', line_item_id: '6zva5', touch_id: id, touch_at: clickedAt };
  assert.deepEqual(shop.map(({ click_id: id, credit }) => [id, credit]), shop.map(() => [clickId, credit]));
}));
