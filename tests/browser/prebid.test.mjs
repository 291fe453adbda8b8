// The real Prebid.js on a publisher's page, with our server in the place of Prebid Server's cookie matching.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { consentTo } from './consent.mjs';
import { REGISTERED, assertNothingShared, known, market, rows, wayBack } from './partners.mjs';
import { TIME_LIMIT, idCookies } from './visits.mjs';

/** The package's own build, with all modules in it. */
const PREBID = new URL('node_modules/prebid.js/dist/not-for-prod/prebid.js', import.meta.url);

/** A market in which strict is asked by a frame, and partners answer to `/setuid`. */
async function auction(t, options) {
  const registered = REGISTERED.map((one) => (one.name === 'strict' ? { ...one, by: 'iframe' } : one));
  const all = await market(t, { registered, ...options });
  for (const { name, by } of all.partners) {
    const format = by === 'iframe' ? 'b' : 'i';
    all[name].back = (uid, given) => wayBack(all.server.url(`/setuid?bidder=${name}&f=${format}`), uid, given);
  }
  const origin = `http://news.localhost:${all.shop.port}`;
  all.shop.pages.set(`${origin}/prebid.js`, await readFile(PREBID, 'utf8'));
  all.shop.pages.set(`${origin}/auction`, '{"id":"1","seatbid":[]}');
  return all;
}

/** The publisher's page: an ad with all partners bidding for it through the server. */
function article({ server, shop, partners }, tcString, ours = 9999) {
  const origin = `http://news.localhost:${shop.port}`;
  const bidders = partners.map(({ name }) => name);
  const s2sConfig = {
    accountId: '1', enabled: true, bidders, timeout: 1000,
    endpoint: `${origin}/auction`, syncEndpoint: server.url('/cookie_sync'),
  };
  const userSync = { filterSettings: { iframe: { bidders: '*', filter: 'include' } } };
  const purposes = { consents: Object.fromEntries(Array.from({ length: 11 }, (_, at) => [at + 1, true])) };
  const getTCData = { tcString, gdprApplies: true, purpose: purposes, vendor: { consents: { 9999: true } } };
  // Who may be asked is left to the server.
  const rules = [{ purpose: 'basicAds', enforcePurpose: true, enforceVendor: true, deferS2Sbidders: true }];
  const consentManagement = tcString && { gdpr: { cmpApi: 'static', consentData: { getTCData }, rules } };
  // Without a vendor that is consented to, Prebid.js leaves the cookies out of its request.
  const gvlMapping = { prebidServer: ours };
  const unit = {
    code: 'ad', mediaTypes: { banner: { sizes: [[300, 250]] } }, bids: bidders.map((bidder) => ({ bidder, params: {} })),
  };
  return shop.page('/article', `<div id="ad"></div>
    <script>var pbjs = { que: [] };</script><script src="/prebid.js"></script>
    <script>pbjs.que.push(() => {
      pbjs.setConfig(${JSON.stringify({ s2sConfig, userSync, consentManagement, gvlMapping })});
      pbjs.addAdUnits([${JSON.stringify(unit)}]);
      pbjs.requestBids({ bidsBackHandler: () => { document.title = 'Sold'; } });
    });</script>`, 'news');
}

/** Reads the article until the auction is over and whoever was to be asked has answered. */
async function read(all, tcString, ours) {
  const page = await all.context.newPage();
  const answers = [];
  const asked = page.waitForResponse((answer) => answer.url() === all.server.url('/cookie_sync'));
  page.on('response', (answer) => {
    if (new URL(answer.url()).pathname !== '/setuid') return;
    answers.push(`${answer.status()} ${answer.headers()['content-type']}`);
  });
  await page.goto(article(all, tcString, ours));
  const answer = await asked;
  const body = answer.status() === 200 ? await answer.json() : { bidder_status: [] };
  while (answers.length < body.bidder_status.length) await page.waitForEvent('response');
  await page.waitForFunction(() => document.title === 'Sold');
  const sent = answer.request().postDataJSON();
  await page.close();
  return { status: answer.status(), said: body.status, bidders: body.bidder_status.map(({ bidder }) => bidder), sent, answers };
}

test('Prebid.js has each partner asked once, and what they answer is known', TIME_LIMIT, async (t) => {
  const all = await auction(t, { cookies: 'allowed' });
  const { partners } = all;
  const first = await read(all);
  assert.deepEqual([first.status, first.said, first.bidders], [200, 'no_cookie', ['acme', 'strict', 'outbid']]);
  assert.deepEqual(first.answers.sort(), ['200 image/gif', '200 image/gif', '200 text/html; charset=utf-8']);
  const [cookie, ...more] = await idCookies(all.context);
  assert.deepEqual(more, []);
  const browser = cookie.value.split('.')[1];
  const uids = Object.fromEntries(partners.map(({ name, ownIds: [uid] }) => [name, uid]));
  assert.deepEqual(await known(all), uids);
  const stored = await rows(all);
  const row = ({ id, name }) => ({ partner: id, uid: uids[name], scope: 'global', proof: 'state', browser });
  assert.deepEqual([...stored].sort((a, b) => a.partner - b.partner), partners.map(row));

  // Another page view: nobody is asked again.
  const second = await read(all);
  assert.deepEqual([second.status, second.said, second.bidders, second.answers], [200, 'ok', [], []]);
  assert.deepEqual(second.sent.bidders, first.sent.bidders, 'Prebid.js asked for the same');
  assert.deepEqual(partners.map(({ requests }) => requests.length), [1, 1, 1]);
  assert.deepEqual(await rows(all), stored);
  assertNothingShared(partners, [browser]);
});

test('Prebid.js has only that partner asked which the TC string consents to', TIME_LIMIT, async (t) => {
  const all = await auction(t, { cookies: 'allowed', regime: 'gdpr' });
  const { partners, acme } = all;
  const string = consentTo([9999, acme.vendor]);
  const without = await read(all, string, null);
  assert.deepEqual([without.sent.gdpr_consent, without.status, without.bidders], [string, 200, []]);
  assert.deepEqual(partners.flatMap(({ requests }) => requests), [], 'it has no cookies, so nothing comes of it');

  const { sent, status, bidders, answers } = await read(all, string);
  assert.deepEqual([sent.gdpr, sent.gdpr_consent], [1, string]);
  assert.deepEqual([status, bidders, answers], [200, ['acme'], ['200 image/gif']]);
  assert.deepEqual(partners.map(({ requests }) => requests.length), [1, 0, 0]);
  assert.deepEqual((await rows(all)).map(({ partner, uid }) => [partner, uid]), [[111, acme.ownIds[0]]]);
  assert.deepEqual(await known(all, `?gdpr=1&gdpr_consent=${string}`), { acme: acme.ownIds[0] });
});

test('Prebid.js has nobody asked where cookies are blocked, with Global Privacy Control, or after an opt-out', TIME_LIMIT, async (t) => {
  for (const [options, optsOut, expect] of [
    [{ cookies: 'blocked' }, false, 200],
    [{ gpc: true }, false, 200],
    [{}, true, 401],
  ]) {
    const all = await auction(t, options);
    if (optsOut) {
      const page = await all.context.newPage();
      await page.goto(all.server.url('/privacy?lang=en'));
      await page.getByRole('button', { name: 'Opt out' }).click();
      await page.getByRole('status').waitFor();
      await page.close();
    }
    const stored = await rows(all);
    const { status, bidders } = await read(all);
    assert.deepEqual([status, bidders], [expect, []]);
    assert.deepEqual(all.partners.flatMap(({ requests }) => requests), []);
    assert.deepEqual(await idCookies(all.context), []);
    assert.deepEqual(await rows(all), stored);
  }
});
