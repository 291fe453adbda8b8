// The operators' dashboard in a real Chromium, on the admin listener.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checker } from './accessibility.mjs';
import { TIME_LIMIT, setting, visit } from './visits.mjs';

const address = ({ server }, path = '/dash') => `http://127.0.0.1:${server.adminPort}${path}`;

/** The same for who is no browser and knows no names: on the public listener. */
const direct = ({ server }, path) => Object.assign(new URL(path, server.url('/')), { hostname: '127.0.0.1' });

/** How many hits the page says were stored. */
const stored = (page) => page.locator('#hits-stored td').first();

/** Waits until the page itself, untouched, says so. */
async function saysStored(page, expect) {
  await page.locator('#hits-stored td').filter({ hasText: new RegExp(`^${expect}$`) }).first().waitFor();
}

async function withoutScript({ context }) {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Emulation.setScriptExecutionDisabled', { value: true });
  return page;
}

test('the dashboard keeps itself up to date in place, and says when it cannot', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  await visit(all);
  const page = await all.context.newPage();
  await page.setViewportSize({ width: 600, height: 500 });
  const troubles = [];
  page.on('console', (message) => troubles.push(message.text()));
  let loads = 0;
  page.on('load', () => (loads += 1));
  await page.goto(address(all));
  await saysStored(page, 1);

  await page.getByRole('region', { name: /^Rows of the match table/ }).focus();
  await page.evaluate(() => scrollTo(0, 700));
  const place = () => page.evaluate(() => [scrollY, document.activeElement.getAttribute('aria-labelledby')]);
  const before = await place();
  assert.deepEqual(before, [700, 'rows']);
  await visit(all, 'news');
  // A refused hit brings a row that was not there.
  await fetch(direct(all, all.server.pixel()), { headers: { 'sec-gpc': '1' } });
  await saysStored(page, 2);
  await page.getByRole('row', { name: /^gpc/ }).waitFor();
  assert.deepEqual(await place(), before, 'focus and scrolling are lost');
  assert.equal(loads, 1, 'the page was loaded anew');
  assert.deepEqual(troubles, [], 'the policy or the script is wrong');

  await all.context.route('**/dash', (route) => route.abort());
  await page.getByRole('status').getByText('The server does not answer.').waitFor();
  assert.equal(await stored(page).textContent(), '2');
  await all.context.unroute('**/dash');
  await page.locator('#trouble:empty').waitFor({ state: 'attached' });

  await page.getByRole('link', { name: 'Let it stand still' }).click();
  await page.getByRole('link', { name: 'Keep it up to date' }).waitFor();
  assert.equal(await page.locator('script, meta[http-equiv]').count(), 0, 'it would not stand still');
});

test('the dashboard works without script', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  await visit(all);
  const page = await withoutScript(all);
  await page.goto(address(all));
  await saysStored(page, 1);
  await visit(all, 'news');
  const anew = page.waitForEvent('load');
  await saysStored(page, 2);
  await anew;
  // By keyboard: the link to the content, the one to the metrics, the one that stops it.
  for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Keep it up to date' }).waitFor();
  assert.equal(new URL(page.url()).search, '?still');
  assert.equal(await page.locator('meta[http-equiv]').count(), 0);
});

test('a checker of accessibility finds nothing on the dashboard', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const page = await all.context.newPage();
  const checkAt = await checker(page);
  const check = (path, width, colorScheme) => checkAt(address(all, path), width, colorScheme);
  const everywhere = async () => {
    for (const path of ['/dash', '/dash?still']) {
      for (const width of [1280, 390, 320]) {
        for (const scheme of ['light', 'dark']) await check(path, width, scheme);
      }
    }
  };
  await everywhere();
  await visit(all);
  const said = [{ 'sec-gpc': '1' }, { 'user-agent': 'Googlebot/2.1' }, { 'sec-purpose': 'prefetch' }];
  for (const headers of said) await fetch(direct(all, all.server.pixel()), { headers });
  const active = { headers: { 'sec-fetch-storage-access': 'active' } };
  for (const path of ['/match/acme?uid=a', '/match/strict?uid=a', '/match/nobody?uid=a']) {
    await fetch(direct(all, path), active);
    await fetch(direct(all, path));
  }
  await everywhere();
});
