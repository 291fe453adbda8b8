// What a real browser sends, keeps and shows: a page on shop.localhost with the pixel of px.localhost, two sites
// that are foreign to each other. Every test looks at what was stored, not only at what was answered.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chromium } from './chromium.mjs';
import { Pixelgate } from './pixelgate.mjs';
import { Shop } from './shop.mjs';
import { EACH, TIME_LIMIT, idCookies, inEach, setting, visit } from './visits.mjs';

function rows(stored, kind) {
  return stored.filter((row) => row.kind === kind);
}

test('a page view is stored', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const { outcome } = await visit(all);
  assert.match(outcome, /^stored; id=[0-9a-f-]{36}; ack=os$/);
  const [row, ...others] = await all.server.stored();
  assert.deepEqual(others, []);
  assert.equal(row.kind, 'page_view');
  assert.equal(row.pixel_id, 'o8z6j');
  assert.equal(row.page, `http://shop.localhost:${all.shop.port}/`);
  assert.equal(row.origin_ok, true);
  assert.match(row.browser_id, /^[0-9a-f]{32}$/);
});

test('where third-party cookies are allowed, a browser keeps its id', TIME_LIMIT, async (t) => {
  const all = await setting(t, { cookies: 'allowed' });
  await visit(all);
  const second = await visit(all);
  assert.match(second.sent.cookie ?? '', /__Host-Http-pg=v1\./);
  const [a, b] = rows(await all.server.stored(), 'page_view');
  assert.ok(a.browser_id);
  assert.equal(a.browser_id, b.browser_id);
  const [cookie, ...others] = await idCookies(all.context);
  assert.deepEqual(others, []);
  assert.ok(cookie.secure && cookie.httpOnly && cookie.sameSite === 'None' && cookie.path === '/');
  const days = (cookie.expires - Date.now() / 1000) / 86_400;
  assert.ok(days > 88 && days < 91, `the id lives ${days} days`);
});

test('where they are blocked, only the partitioned twin comes back', TIME_LIMIT, async (t) => {
  const all = await setting(t, { cookies: 'blocked' });
  const first = await visit(all);
  assert.equal(first.sent['sec-fetch-storage-access'], 'none');
  const second = await visit(all);
  assert.doesNotMatch(second.sent.cookie ?? '', /__Host-Http-pg=/);
  assert.match(second.sent.cookie ?? '', /__Host-Http-pg-p=v1\./);
  const [a, b] = rows(await all.server.stored(), 'page_view');
  assert.ok(a.browser_id);
  assert.equal(a.browser_id, b.browser_id);
});

test('with Global Privacy Control on, nothing is stored and no id is given', TIME_LIMIT, async (t) => {
  const all = await setting(t, { gpc: true });
  const { outcome, sent, got } = await visit(all);
  assert.equal(sent['sec-gpc'], '1', 'the browser does not send the signal');
  assert.equal(outcome, 'suppressed; reason=gpc');
  assert.equal(got['set-cookie'], undefined);
  assert.deepEqual(await idCookies(all.context), []);
  assert.deepEqual(await all.server.stored(), []);
});

test('a headless browser is a crawler', TIME_LIMIT, async (t) => {
  const all = await setting(t, { userAgent: null });
  const { outcome, sent, got } = await visit(all);
  assert.match(sent['user-agent'], /HeadlessChrome/);
  assert.equal(outcome, 'bot');
  assert.equal(got['set-cookie'], undefined);
  assert.deepEqual(await all.server.stored(), []);
});

test('a prefetched pixel is not counted', inEach(EACH, async (all) => {
  const address = all.server.pixel();
  const page = await all.context.newPage();
  const answered = page.waitForResponse(address);
  await page.goto(all.shop.page('/', `<link rel="prefetch" href="${address.replaceAll('&', '&amp;')}">`));
  const answer = await answered;
  const [sent, got] = await Promise.all([answer.request().allHeaders(), answer.allHeaders()]);
  assert.match(sent['sec-purpose'] ?? '', /^prefetch/);
  assert.equal(got['pixelgate-outcome'], 'speculative');
  assert.equal(got['set-cookie'], undefined);
  assert.deepEqual(await all.server.stored(), []);
}));

test('the pixel of a prerendered page is not counted', TIME_LIMIT, async (t) => {
  const server = await Pixelgate.start();
  t.after(() => server.remove());
  const shop = await Shop.start();
  t.after(() => shop.stop());
  const address = server.pixel().replaceAll('&', '&amp;');
  // The page reports to the shop once the pixel's answer is there.
  shop.page('/next', `<img src="${address}" alt="" onload="fetch('/loaded')" onerror="fetch('/broken')">`);
  const rules = JSON.stringify({ prerender: [{ urls: ['/next'], eagerness: 'immediate' }] });
  const url = shop.page('/first', `<script type="speculationrules">${rules}</script>`);
  const browser = await Chromium.launch({ driven: false, url });
  t.after(() => browser.close());
  const [next] = await Promise.all([shop.requested('/next'), shop.requested('/loaded')]);
  assert.equal(next.headers['sec-purpose'], 'prefetch;prerender');
  assert.deepEqual(await server.stored(), []);
});

test('after an opt-out nothing more is stored, not even by another process', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const { server, context } = all;
  assert.match((await visit(all)).outcome, /^stored;/);
  const [id] = await idCookies(context);

  const page = await context.newPage();
  await page.goto(server.url('/optout'));
  await page.getByRole('button', { name: 'Opt out' }).click();
  await page.getByText('You are opted out').waitFor();
  await page.close();
  assert.deepEqual(await idCookies(context), [], 'the id is still there');
  const cookies = await context.cookies();
  assert.ok(cookies.some(({ name, value }) => name === 'pg_optout' && value === '1'));

  const before = await server.stored();
  assert.deepEqual(before.map(({ kind }) => kind), ['page_view', 'opt_out']);
  assert.equal((await visit(all)).outcome, 'suppressed; reason=opt-out-cookie');
  await server.restart();
  assert.equal((await visit(all)).outcome, 'suppressed; reason=opt-out-cookie');

  // The browser forgets the opt-out but shows its old id again: the server has not forgotten.
  await context.clearCookies();
  await context.addCookies([id]);
  assert.equal((await visit(all)).outcome, 'suppressed; reason=opted-out');
  assert.deepEqual(await idCookies(context), [], 'the id was left with the browser');
  assert.deepEqual(await server.stored(), before);
});
