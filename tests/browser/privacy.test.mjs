// The privacy page in a real browser, between three sites that are foreign to each other: px.localhost, which has the
// pixel and the page, and shop.localhost and news.localhost with the pixel on them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checker } from './accessibility.mjs';
import { SlowNetwork } from './slow.mjs';
import { ALLOWED, GPC, NOT_SHARED, TIME_LIMIT, idCookies, inEach, setting, visit } from './visits.mjs';

const SITES = ['shop', 'news', 'px'];
const OPTED_OUT = 'suppressed; reason=opt-out-cookie';
const OTHERS_DO_NOT_SEE_IT = /If it blocks them or keeps them apart for each site.*other sites do not see your choice/s;

/** Opens the privacy page, lets `act` do something on it, and tells what it said before and after. */
async function onPrivacyPage({ server, context }, act = async () => {}) {
  const page = await context.newPage();
  await page.goto(server.url('/privacy?lang=en'));
  const before = await page.getByRole('main').innerText();
  await act(page);
  const after = await page.getByRole('main').innerText();
  await page.close();
  return { before, after };
}

async function optOut(page) {
  await page.getByRole('button', { name: 'Opt out' }).click();
  await page.getByRole('status').getByText('You are opted out.').waitFor();
}

/** The browser and the server start again, with what they kept. */
async function restartBoth({ server, browser }) {
  await browser.restart();
  await server.restart();
}

test('after an opt-out on the privacy page no site is stored, restarts included', inEach(ALLOWED, async (all) => {
  for (const site of SITES) assert.match((await visit(all, site)).outcome, /^stored;/);
  const { before } = await onPrivacyPage(all, optOut);
  assert.match(before, /counts on every site with our pixel, in this browser/);
  for (const site of SITES) assert.match(before, new RegExp(`Page view\\s+${site}\\.localhost`));
  assert.deepEqual(await idCookies(all.context), [], 'the id is still there');
  const stored = await all.server.stored();
  assert.deepEqual(stored.map(({ kind }) => kind), ['page_view', 'page_view', 'page_view', 'opt_out']);

  for (let round = 0; round < 2; round += 1) {
    if (round > 0) await restartBoth(all);
    for (const site of SITES) assert.equal((await visit(all, site)).outcome, OPTED_OUT);
    assert.deepEqual(await idCookies(all.context), []);
    assert.deepEqual(await all.server.stored(), stored);
    const { before: now } = await onPrivacyPage(all);
    assert.match(now, /You have opted out/);
  }
}));

test('where sites share no cookies, the opt-out reaches as far as the page says', inEach(NOT_SHARED, async (all) => {
  assert.match((await visit(all, 'shop')).outcome, /^stored;/);
  const { before: unknown } = await onPrivacyPage(all);
  assert.match(unknown, OTHERS_DO_NOT_SEE_IT);
  assert.match(unknown, /has shown us no id/);
  // The id that the page's own site gets is no sign that the others get it.
  assert.match((await visit(all, 'px')).outcome, /^stored;/);
  const { before: known } = await onPrivacyPage(all, optOut);
  assert.match(known, /Page view\s+px\.localhost/);
  assert.match(known, OTHERS_DO_NOT_SEE_IT);

  const before = await all.server.stored();
  assert.deepEqual(before.map(({ kind }) => kind), ['page_view', 'page_view', 'opt_out']);
  for (let round = 0; round < 2; round += 1) {
    if (round > 0) await restartBoth(all);
    // On the page's own site it holds, on the others it does not.
    assert.equal((await visit(all, 'px')).outcome, OPTED_OUT);
    assert.match((await visit(all, 'shop')).outcome, /^stored;/);
    assert.deepEqual((await idCookies(all.context)).filter(({ name }) => name === '__Host-Http-pg'), []);
  }
  const after = (await all.server.stored()).slice(before.length);
  assert.deepEqual(after.map(({ page }) => new URL(page).hostname), ['shop.localhost', 'shop.localhost']);
  assert.ok(after.every(({ browser_id: id }) => id !== before[1].browser_id), 'the id is still there');
}));

test('with Global Privacy Control on, the privacy page says so and no site is stored', inEach(GPC, async (all) => {
  for (let round = 0; round < 2; round += 1) {
    if (round > 0) await restartBoth(all);
    const { before } = await onPrivacyPage(all);
    assert.match(before, /Nothing more is stored about this browser\.\s+Your browser sends Global Privacy Control/);
    for (const site of SITES) {
      const { outcome, sent } = await visit(all, site);
      assert.equal(sent['sec-gpc'], '1', 'the browser does not send the signal');
      assert.equal(outcome, 'suppressed; reason=gpc');
    }
    assert.deepEqual(await idCookies(all.context), []);
    assert.deepEqual(await all.server.stored(), []);
  }
}));

test('settings survive restarts, and with personalized ads off no site is stored', TIME_LIMIT, async (t) => {
  const all = await setting(t, { cookies: 'allowed' });
  assert.match((await visit(all, 'shop')).outcome, /^stored;/);
  const stored = await all.server.stored();
  await onPrivacyPage(all, async (page) => {
    await page.getByRole('switch', { name: 'Personalize ads' }).uncheck();
    await page.getByRole('switch', { name: /across your devices/ }).uncheck();
    await page.getByRole('button', { name: 'Save settings' }).click();
    await page.getByRole('status').getByText('Your settings are saved.').waitFor();
  });
  for (let round = 0; round < 2; round += 1) {
    for (const site of ['shop', 'news']) {
      assert.equal((await visit(all, site)).outcome, 'suppressed; reason=personalize-off');
    }
    const cookies = (await all.context.cookies()).filter(({ name }) => name === 'pg_prefs');
    assert.ok(cookies.length >= 1 && cookies.every(({ value }) => value === '1010'), JSON.stringify(cookies));
    await onPrivacyPage(all, async (page) => {
      const states = await page.getByRole('switch').evaluateAll((boxes) => boxes.map((box) => box.checked));
      assert.deepEqual(states, [false, true, false, true]);
    });
    await restartBoth(all);
  }
  assert.deepEqual(await all.server.stored(), stored);
  // All on again: nothing is kept, and hits count.
  await onPrivacyPage(all, async (page) => {
    for (const box of await page.getByRole('switch').all()) await box.check();
    await page.getByRole('button', { name: 'Save settings' }).click();
    await page.getByRole('status').waitFor();
  });
  assert.deepEqual((await all.context.cookies()).filter(({ name }) => name === 'pg_prefs'), []);
  assert.match((await visit(all, 'shop')).outcome, /^stored;/);
});

test('a pixel that is slow on its way there or back brings no id back after an opt-out', inEach(ALLOWED, async (all, t) => {
  const network = await SlowNetwork.before(all.server);
  t.after(() => network.stop());
  await visit(all);
  const [late, lateAnswer] = [network.hold('browser-2', 'the way there'), network.hold('browser-3', 'the way back')];
  const visits = [visit(all, 'shop'), visit(all, 'news')];
  await Promise.all([late.arrived, lateAnswer.arrived]);
  await onPrivacyPage(all, optOut);
  const stored = await all.server.stored();
  assert.deepEqual(stored.map(({ kind }) => kind), ['page_view', 'page_view', 'opt_out']);
  late.release();
  lateAnswer.release();
  const [there, back] = await Promise.all(visits);
  // It left without the opt-out cookie, so it is the server that knows.
  assert.equal(there.outcome, 'suppressed; reason=opted-out');
  assert.match(back.outcome, /^stored;/, 'it was stored before the opt-out');
  assert.deepEqual(await idCookies(all.context), []);
  assert.deepEqual(await all.server.stored(), stored);
}));

test('an id that was under way to a new browser goes with its next hit', inEach(ALLOWED, async (all, t) => {
  const network = await SlowNetwork.before(all.server);
  t.after(() => network.stop());
  const slow = network.hold('browser-1', 'the way back');
  const first = visit(all);
  await slow.arrived;
  await onPrivacyPage(all, optOut);
  slow.release();
  await first;
  const stored = await all.server.stored();
  assert.equal((await visit(all, 'news')).outcome, OPTED_OUT);
  assert.deepEqual(await idCookies(all.context), []);
  assert.deepEqual(await all.server.stored(), stored);
}));

test('the pages work by keyboard and without script', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const page = await all.context.newPage();
  const session = await all.context.newCDPSession(page);
  await session.send('Emulation.setScriptExecutionDisabled', { value: true });
  await page.goto(all.shop.page('/script', '<script>document.title = "it runs"</script>'));
  assert.notEqual(await page.title(), 'it runs', 'scripts run');

  await page.goto(all.server.url('/privacy?lang=en'));
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  // Past the link to the content and the languages: the button, then the four switches.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.keyboard.press('Enter');
  await page.getByRole('status').getByText('Your settings are saved.').waitFor();
  const prefs = (await all.context.cookies()).find(({ name }) => name === 'pg_prefs');
  assert.equal(prefs?.value, '0100');
  await page.getByRole('link', { name: 'Deutsch' }).click();
  assert.equal(await page.getByRole('switch', { name: /Geschäftspartner/ }).isChecked(), false);
  await page.getByRole('button', { name: 'Widersprechen' }).click();
  await page.getByRole('status').getByText('Ihr Widerspruch ist gespeichert.').waitFor();
  assert.match(page.url(), /lang=de/);
  await page.goto(all.server.url('/optout?lang=en'));
  await page.getByRole('button', { name: 'Allow measurement again' }).click();
  await page.getByRole('link', { name: /All settings/ }).click();
  await page.getByRole('button', { name: 'Opt out' }).waitFor();
});

test('a checker of accessibility finds nothing on any page in any language', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  await visit(all);
  const page = await all.context.newPage();
  const checkAt = await checker(page);
  const check = (path, width, colorScheme) => checkAt(all.server.url(path), width, colorScheme);
  for (const language of ['en', 'de', 'fr', 'es']) {
    for (const path of ['/privacy', '/optout']) {
      await check(`${path}?lang=${language}`, 1100, 'light');
      await check(`${path}?lang=${language}&done=saved`, 320, 'dark');
    }
  }
  let shown;
  await onPrivacyPage(all, async (tab) => {
    await optOut(tab);
    shown = new URL(tab.url());
  });
  await check(shown.pathname + shown.search, 390, 'dark');
  assert.equal(await page.locator('.receipt pre').count(), 1, 'the page has no receipt');
  await check('/privacy?lang=de', 390, 'light');
  await check('/optout?lang=de', 390, 'dark');
});
