// The panel of the tag, which shows a page's events to whoever has put ?pg_debug=1 into its address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checker } from './accessibility.mjs';
import { assertStored, end, open, tagged } from './tag.mjs';
import { TIME_LIMIT, setting } from './visits.mjs';

const DEBUG = { path: '/?pg_debug=1' };

test('the panel shows what the server says of each event, to the person and not to the page', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const seen = await open(all, tagged(all.server, `twq('config','o8z6j');twq('event','tw-o8z6j-o87nz');`), DEBUG);
  const panel = seen.page.frameLocator('iframe[title^=Pixelgate]');
  await panel.getByText(/^stored; id=/).waitFor();
  await panel.getByText('invalid; reason=unknown-event').waitFor();
  const read = await seen.page.evaluate(() => document.querySelector('iframe').contentDocument);
  assert.equal(read, null, 'the page can read the panel');
  const [row, ...others] = await all.server.stored();
  assert.deepEqual(others, []);
  assert.equal(row.page, `http://shop.localhost:${all.shop.port}/`);
  assert.equal(row.origin_ok, true);

  const other = await all.context.newPage();
  await other.goto(all.server.url('/optout'));
  await other.getByRole('button', { name: 'Opt out' }).click();
  await other.getByText('You are opted out').waitFor();
  const before = await all.server.stored();
  await seen.page.reload();
  await panel.getByText('suppressed; reason=opt-out-cookie').first().waitFor();
  assert.deepEqual(await all.server.stored(), before);
});

test('the panel says why an event waits or is dropped, and lets events through when it is closed', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const denied = `twq('consent','default',{ad_storage:'denied'});`;
  const seen = await open(all, tagged(all.server, `${denied}twq('config','o8z6j');`), DEBUG);
  const panel = seen.page.frameLocator('iframe[title^=Pixelgate]');
  await panel.getByText('waits for consent').waitFor();
  assert.deepEqual(seen.queries, []);
  await panel.getByRole('button', { name: 'Close' }).click();
  await seen.page.locator('iframe').waitFor({ state: 'detached' });
  await seen.page.evaluate(`twq('consent','update',{ad_storage:'granted'});${end}`);
  await assertStored(all, seen, ['SITE_VISIT /', 'SIGN_UP /']);

  const dropped = await open(all, tagged(all.server, `twq('optout');twq('config','o8z6j');`), DEBUG);
  await dropped.page.frameLocator('iframe').getByText('dropped: this browser has opted out on this site').waitFor();
  assert.deepEqual(dropped.queries, []);
});

test('where the page forbids the panel, its events are sent all the same', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const server = all.server.url('');
  const policy = `default-src 'none'; script-src 'unsafe-inline' ${server}; connect-src ${server}`;
  const headers = { 'content-security-policy': policy };
  const seen = await open(all, tagged(all.server, `twq('config','o8z6j');${end}`), { ...DEBUG, headers });
  await assertStored(all, seen, ['SITE_VISIT /', 'SIGN_UP /']);
});

test('a checker of accessibility finds nothing on the panel', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const page = await all.context.newPage();
  const check = await checker(page);
  // On its own, the panel is its own parent and takes what the test says.
  await page.addInitScript(() => {
    const fates = [{ query: '?txn_id=o8z6j' }, { query: '?txn_id=x' }, { reason: 'consent' }, { reason: 'gpc' }];
    const say = () => fates.forEach((fate, id) => postMessage({ id: `${id}`, pixel: 'o8z6j', name: 'pageview', ...fate }));
    addEventListener('message', ({ data }) => data == 'ready' && say());
  });
  for (const width of [440, 320]) {
    await check(`http://px.localhost:${all.server.port}/t/1.0.0/panel.html`, width, 'light');
    await page.getByText('dropped').waitFor();
    assert.equal(await page.locator('li').count(), 4);
  }
});
