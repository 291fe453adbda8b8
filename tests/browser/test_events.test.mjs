// A site that is opened with the code of a test, and what its advertiser sees of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checker } from './accessibility.mjs';
import { assertStored, end, open, tagged } from './tag.mjs';
import { EACH, TIME_LIMIT, inEach, setting } from './visits.mjs';

/** The advertiser's own software asks. */
async function ask({ server }, method) {
  const url = Object.assign(new URL('/12/accounts/18ce54d4x5t/test_events', server.url('/')), { hostname: '127.0.0.1' });
  const answer = await fetch(url, { method, headers: { authorization: 'Bearer dev-bearer-token' } });
  assert.equal(answer.status, 200);
  return (await answer.json()).data;
}

test('the tag takes the code of a test along, on every page that a single-page app shows, and nothing of it is stored', inEach(EACH, async (all) => {
  const { code } = await ask(all, 'POST');
  const commands = `twq('config','o8z6j');twq('event','tw-o8z6j-o87ne',{value:5});
    setTimeout(() => {history.pushState({},'','/cart');twq('event','tw-o8z6j-o87nz');${end}}, 500);`;
  const plain = await open(all, tagged(all.server, `twq('event','tw-o8z6j-o87nh');`));
  const seen = await open(all, tagged(all.server, commands), { path: `/?a=b&pg_test=${code}` });
  const rows = await assertStored(all, seen, ['ADD_TO_CART /', 'SITE_VISIT /', 'PURCHASE /', 'SITE_VISIT /cart', 'SIGN_UP /cart'], 5);
  await plain.page.close();
  const { events } = await ask(all, 'GET');
  const outcomes = events.map(({ name, outcome }) => `${name} ${outcome}`);
  assert.deepEqual(outcomes.sort(), [
    'pageview stored', 'pageview stored', 'tw-o8z6j-o87ne stored', 'tw-o8z6j-o87nf stored', 'tw-o8z6j-o87nz invalid',
  ]);
  const shown = events.map(({ id }) => id).filter(Boolean);
  const tested = rows.filter(({ event }) => event != 'ADD_TO_CART').map(({ id }) => id);
  assert.deepEqual(shown.sort(), tested.sort());
  assert.ok(!JSON.stringify(rows).includes(code));
  for (const query of plain.queries) assert.equal(query.get('pg_test'), null);
}));

/** The page for advertisers, signed in, with a test begun; and its code. */
async function begun({ server }, page) {
  await page.goto(server.url('/advertiser/test'));
  await page.getByLabel('Account key').fill('dev-bearer-token');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/advertiser');
  await page.goto(server.url('/advertiser/test'));
  await page.getByRole('button', { name: 'Get a code' }).click();
  const text = await page.getByText('at the end of the page’s address').textContent();
  return /pg_test=([0-9a-z]{8})/.exec(text)[1];
}

const eventsOf = (page) => page.locator('.events > li');

test('an advertiser sees their own events come in, without loading the page again, and what could be better', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const page = await all.context.newPage();
  const code = await begun(all, page);
  const troubles = [];
  page.on('console', (message) => troubles.push(message.text()));
  let loads = 0;
  page.on('load', () => (loads += 1));
  await page.getByText('No event yet.').waitFor();
  const path = `/?pg_test=${code}`;
  const shop = await open(all, tagged(all.server, `twq('event','tw-o8z6j-o87ne',{value:'12.50'});`), { path });
  const [purchase] = [eventsOf(page).filter({ hasText: 'tw-o8z6j-o87ne' })];
  await purchase.getByText('stored', { exact: true }).waitFor();
  await purchase.getByText('12.50 USD').waitFor();
  await purchase.getByText('There is a value and no currency').waitFor();
  await shop.page.evaluate(`twq('event','tw-o8z6j-o87nz')`);
  await page.getByRole('status').filter({ hasText: '2 events' }).waitFor();
  assert.match(await eventsOf(page).first().textContent(), /tw-o8z6j-o87nz.*invalid/s);
  assert.equal(loads, 0, 'the page was loaded anew');
  assert.deepEqual(troubles, [], 'the policy or the script is wrong');
  await page.getByRole('link', { name: 'Let it stand still' }).click();
  await page.getByRole('link', { name: 'Keep it up to date' }).waitFor();
  assert.equal(await page.locator('script, meta[http-equiv]').count(), 0, 'it would not stand still');
  await page.getByRole('button', { name: 'New code' }).click();
  await page.getByText('No event yet.').waitFor();
});

test('a test can be followed without script', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const page = await all.context.newPage();
  const session = await all.context.newCDPSession(page);
  await session.send('Emulation.setScriptExecutionDisabled', { value: true });
  const code = await begun(all, page);
  const anew = page.waitForEvent('load');
  await open(all, tagged(all.server, `twq('config','o8z6j');`), { path: `/?pg_test=${code}` });
  await eventsOf(page).first().waitFor();
  await anew;
});

test('a checker of accessibility finds nothing on the page of a test', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const page = await all.context.newPage();
  const code = await begun(all, page);
  await open(all, tagged(all.server, `twq('config','o8z6j');twq('event','tw-o8z6j-o87ne',{value:5});twq('event','tw-o8z6j-o87nz');`), { path: `/?pg_test=${code}` });
  await page.getByRole('status').filter({ hasText: '3 events' }).waitFor();
  const check = await checker(page);
  for (const width of [1280, 360]) {
    for (const scheme of ['light', 'dark']) await check(all.server.url('/advertiser/test'), width, scheme);
  }
});
