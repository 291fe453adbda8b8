// The advertiser's page in real browsers: signing in over plain HTTP on this machine, and reading it without script.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checker } from './accessibility.mjs';
import { EACH, TIME_LIMIT, inEach, setting } from './visits.mjs';

const COOKIE = '__Host-pg-advertiser';
const KEY = 'dev-bearer-token';

/** Where browsers find the page in development: by a name, and by the address that the server prints. */
const PLACES = [({ server }) => server.url(''), ({ server }) => `http://127.0.0.1:${server.port}`];

/** Conversions from the advertiser's server: enough of each kind to be told, and too few sign-ups. */
async function upload({ server }) {
  const item = (number) => ({
    conversion_timestamp: Date.now() - 60_000 * number,
    event_id: number < 25 ? 'o87ne' : 'o87nf',
    conversion_id: `order-${number}`,
    ...(number < 25 ? { value: '12.50', price_currency: 'EUR' } : {}),
    identifiers: [{ hashed_email: number.toString(16).padStart(64, '0') }],
  });
  const answer = await fetch(`http://127.0.0.1:${server.port}/12/measurement/conversions/o8z6j`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ conversions: Array.from({ length: 30 }, (_, number) => item(number)) }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** Hits that are not stored: a few whom consent refuses, which is hidden, and an event that there is no tag for. */
async function turnedAway({ server }) {
  const hit = (query, headers = {}) => fetch(`http://127.0.0.1:${server.port}/i/adsct?${query}`, { headers });
  for (let hits = 0; hits < 3; hits += 1) await hit('txn_id=o87ne', { 'Sec-GPC': '1' });
  await hit('txn_id=o87nf', { 'User-Agent': 'Googlebot/2.1' });
  await hit('txn_id=o8z6j&events=%5B%5B%22starttrial%22%2Cnull%5D%5D');
}

/** Types the key into the field that has the focus after two presses of Tab, as anybody can without a mouse. */
async function signIn(page, place, key = KEY) {
  await page.goto(`${place}/advertiser`);
  for (let presses = 0; presses < 2; presses += 1) await page.keyboard.press('Tab');
  await page.keyboard.type(key);
  await page.keyboard.press('Enter');
}

async function sessions({ context }) {
  return (await context.cookies()).filter(({ name }) => name === COOKIE);
}

test('an advertiser signs in, reads the page and signs out', inEach(EACH, async (all) => {
  await upload(all);
  for (const place of PLACES.map((place) => place(all))) {
    const page = await all.context.newPage();
    await signIn(page, place);
    const text = () => page.getByRole('main').innerText();
    await page.getByRole('main').getByText('Received in the last 30 days').waitFor();
    assert.match(await text(), /Purchase[\s\S]*25[\s\S]*312\.50 EUR/);
    const [session] = await sessions(all);
    assert.ok(session.secure && session.httpOnly, 'the cookie is within reach');
    assert.equal(session.sameSite, 'Strict');
    await page.getByRole('link', { name: 'Last 48 hours, by hour' }).click();
    await page.getByRole('main').getByText('Received in the last 48 hours').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('main').getByText('Account key').waitFor();
    assert.deepEqual(await sessions(all), []);
    await page.close();
  }
}));

test('an advertiser reads what was not stored, and goes on to the test events and back', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  await turnedAway(all);
  const page = await all.context.newPage();
  await signIn(page, all.server.url(''));
  const table = page.getByRole('table', { name: /^Not stored, since the server’s start/ });
  await table.getByRole('row', { name: 'Refused by consent hidden 0' }).waitFor();
  await table.getByRole('row', { name: 'Bot: the user agent is a known crawler 1 0' }).waitFor();
  await table.getByRole('row', { name: 'Called “starttrial” 1 0' }).waitFor();
  await page.getByText('“starttrial” in 1 event.').waitFor();
  await page.getByRole('link', { name: 'Test events' }).first().click();
  await page.getByRole('heading', { name: 'Begin a test' }).waitFor();
  await page.getByRole('link', { name: 'Report' }).click();
  await table.waitFor();
});

test('another site neither signs a browser in nor gets its session', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const page = await all.context.newPage();
  const place = all.server.url('');
  await signIn(page, place);
  await page.getByRole('heading', { name: 'What your pixels have received' }).waitFor();
  const form = `<form method="post" action="${place}/advertiser/sign-out"><button>Go</button></form>`;
  const image = `<img src="${place}/advertiser/report.csv?table=event-tags" alt="">`;
  const asked = page.waitForRequest(/report\.csv/);
  await page.goto(all.shop.page('/evil', form + image));
  const headers = await (await asked).allHeaders();
  assert.ok(!headers.cookie?.includes(COOKIE), 'another site has the session sent');
  await page.getByRole('button').click();
  await page.getByText('this form did not come from our own page').waitFor();
  assert.equal((await sessions(all)).length, 1);
});

test('the advertiser’s page works without script, and nothing breaks its policy', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  await upload(all);
  const page = await all.context.newPage();
  const troubles = [];
  page.on('console', (message) => troubles.push(message.text()));
  await signIn(page, all.server.url(''));
  await page.getByRole('heading', { name: 'What your pixels have received' }).waitFor();
  assert.deepEqual(troubles.filter((text) => /policy|refused/i.test(text)), []);
  const colour = await page.locator('.chart .api').first().evaluate((bar) => getComputedStyle(bar).fill);
  assert.notEqual(colour, 'rgb(0, 0, 0)', 'the style sheet was not loaded');

  const session = await all.context.newCDPSession(page);
  await session.send('Emulation.setScriptExecutionDisabled', { value: true });
  await page.getByRole('button', { name: 'Sign out' }).click();
  await signIn(page, all.server.url(''), 'no-such-key');
  await page.getByRole('alert').getByText('No account has this key.').waitFor();
  await signIn(page, all.server.url(''));
  const chart = page.getByRole('img', { name: /^Purchase: events received, by day/ });
  await chart.waitFor();
  assert.match(await chart.locator('desc').textContent(), /^25 in all, of which 0 by the pixel and 25 by the API/);
  // The same as a table, which opens without script, too.
  await page.getByText('Purchase as a table').click();
  await page.getByRole('table', { name: 'Purchase by day, newest first' }).waitFor();
  // Five sign-ups are too few to be split.
  await page.getByRole('row', { name: 'Sign-up hidden' }).first().waitFor();
  await page.getByText('what splits people into groups is shown only where').waitFor();
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'All about event tags as CSV' }).click();
  assert.match((await download).suggestedFilename(), /^pixelgate-event-tags-30d-\d{4}-\d\d-\d\d\.csv$/);
});

test('a checker of accessibility finds nothing on the advertiser’s page', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const page = await all.context.newPage();
  const checkAt = await checker(page);
  const everywhere = async (path) => {
    for (const width of [1280, 390, 320]) {
      for (const scheme of ['light', 'dark']) await checkAt(all.server.url(path), width, scheme);
    }
  };
  await everywhere('/advertiser');
  await signIn(page, all.server.url(''));
  await page.getByRole('heading', { name: 'What your pixels have received' }).waitFor();
  await everywhere('/advertiser');
  await upload(all);
  await fetch(`http://127.0.0.1:${all.server.port}/i/adsct?txn_id=o87ne&tw_document_href=https%3A%2F%2Fcopied.example%2F`);
  await turnedAway(all);
  for (const span of ['30d', '48h']) await everywhere(`/advertiser?span=${span}`);
});
