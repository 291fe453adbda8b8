// Cookie matching in a real browser: a page of a shop, our server, and partners with cookies of their own, all of them
// sites that are foreign to each other. Every test looks at what was stored and at what each partner got to see.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consentTo } from './consent.mjs';
import { Firefox } from './firefox.mjs';
import { FRAMED, Partner, assertNothingShared, known, market, open, rows, see, starts, table } from './partners.mjs';
import { TIME_LIMIT, idCookies } from './visits.mjs';

const PIXEL = '/i/adsct?txn_id=o8z6j&p_id=Twitter';
const STORED = 'stored';

/** What every way to `partners` and back, or only to their start, came to. */
function each(partners, outcome, end = '') {
  return Object.fromEntries(partners.map(({ name }) => [`/match/${name}${end}`, outcome]));
}

/** The rows of matches that each of `partners` has with one browser. */
function matched(partners, browser, { scope = 'global', proof = 'state' } = {}) {
  return partners.map(({ id, ownIds }) => ({ partner: id, uid: ownIds.at(-1), scope, proof, browser }));
}

function byPartner(found) {
  return found.filter(({ partner }) => partner).sort((a, b) => a.partner - b.partner);
}

function uids(partners) {
  return Object.fromEntries(partners.map(({ name, ownIds }) => [name, ownIds.at(-1)]));
}

/** What the match table holds if each of `partners` has been matched with one browser, and no other has. */
function entries(all, partners) {
  const entry = (partner) => (partners.includes(partner) ? [[partner.ownIds.at(-1), partner.toldIds.at(-1)]] : []);
  return Object.fromEntries(all.partners.map((partner) => [partner.name, entry(partner)]));
}

test('where third-party cookies are allowed, partners and we know a browser by ids of our own each', TIME_LIMIT, async (t) => {
  const all = await market(t, { cookies: 'allowed' });
  const { partners } = all;
  await see(all, [PIXEL]);
  assert.deepEqual(await see(all, starts(partners)), each(partners, STORED));
  const [view, ...found] = await rows(all);
  assert.equal(view.kind, 'page_view');
  assert.deepEqual(byPartner(found), matched(partners, view.browser));
  assert.deepEqual(await known(all), uids(partners));
  assert.deepEqual(await table(all), entries(all, partners));

  // On another site it is the same browser to all of them, and each state is noted.
  assert.deepEqual(await see(all, starts(partners), 'news'), each(partners, STORED));
  const again = byPartner((await rows(all)).slice(4));
  assert.deepEqual(again, matched(partners, view.browser));
  assert.deepEqual(await known(all), uids(partners));
  assert.deepEqual(await table(all), entries(all, partners));
  for (const partner of partners) {
    assert.deepEqual([partner.ownIds.length, partner.toldIds.length, partner.requests.length], [1, 1, 2], partner.name);
    assert.ok(partner.requests.every(({ headers }) => headers.referer === undefined), 'the partner was told the page');
  }
  assert.equal(new Set(partners.flatMap(({ toldIds }) => toldIds)).size, 3);
  assertNothingShared(partners, [view.browser]);
});

test('a new browser that is sent to several partners at once ends up with one id, and the next page matches it with all', TIME_LIMIT, async (t) => {
  const all = await market(t, { cookies: 'allowed' });
  const { partners } = all;
  const outcomes = await see(all, starts(partners));
  const [cookie, ...others] = await idCookies(all.context);
  assert.deepEqual(others, []);
  const id = cookie.value.split('.')[1];
  // Who was sent off with an id that another one's has replaced brings a state that does not fit.
  const stored = await rows(all);
  const ends = Object.values(outcomes);
  assert.equal(ends.filter((outcome) => outcome === STORED).length, stored.length);
  assert.equal(ends.filter((outcome) => outcome === 'invalid; reason=bad-state').length, 3 - stored.length);
  assert.ok(stored.some(({ browser }) => browser === id), 'the id that it keeps is matched with nobody');
  const uidOf = new Map(partners.map((partner) => [partner.id, partner.ownIds]));
  assert.ok(stored.every(({ partner, uid, proof }) => proof === 'state' && uidOf.get(partner).includes(uid)));

  await see(all, starts(partners));
  assert.deepEqual(byPartner((await rows(all)).slice(stored.length)), matched(partners, id));
  assert.deepEqual(await known(all), uids(partners));
  assertNothingShared(partners, stored.map(({ browser }) => browser));
});

test('a partner can bring its id by an image, and says it once', TIME_LIMIT, async (t) => {
  const all = await market(t, { cookies: 'allowed' });
  assert.deepEqual(await see(all, ['/match/acme?uid=abc-1']), { '/match/acme': STORED });
  assert.deepEqual(await see(all, ['/i/adsct?p_id=111&p_user_id=abc-1'], 'news'), { '/i/adsct': 'duplicate' });
  assert.deepEqual(await see(all, ['/match/strict?uid=abc-1']), { '/match/strict': 'invalid; reason=unsigned' });
  assert.deepEqual(await see(all, ['/match/acme?uid=$UID']), { '/match/acme': 'invalid; reason=macro-partner-user-id' });
  const [cookie] = await idCookies(all.context);
  const browser = cookie.value.split('.')[1];
  assert.deepEqual(await rows(all), [{ partner: 111, uid: 'abc-1', scope: 'global', proof: 'unsigned', browser }]);
  assert.deepEqual(await known(all), { acme: 'abc-1' });
  // The partner itself says otherwise, and is believed; after that an image is not.
  await see(all, starts([all.acme]));
  assert.deepEqual(await see(all, ['/match/acme?uid=abc-2']), { '/match/acme': 'invalid; reason=verified-before' });
  assert.deepEqual(await known(all), uids([all.acme]));
});

test('the old tag has partners asked on pages of registered publishers, and tells no other page of them', TIME_LIMIT, async (t) => {
  const all = await market(t, { cookies: 'allowed' });
  const { partners, server, shop, context } = all;
  await see(all, [PIXEL]);
  const old = (event) => server.url(`${PIXEL}&event_id=${event}&tpx_cb=twttr.conversion.loadPixels`).replaceAll('&', '&amp;');
  // It loads what it is told to, and so could any page.
  const load = 'twttr = { conversion: { loadPixels({ tags, hif }) { told = [...tags, ...hif]; for (const url of tags) new Image().src = url; } } };';
  const told = async (site) => {
    const page = await context.newPage();
    await page.goto(shop.page('/old', `<script>${load}</script><script src="${old(site)}"></script>`, site));
    const addresses = await page.evaluate(() => globalThis.told);
    await page.close();
    return addresses;
  };
  assert.deepEqual(await told('elsewhere'), []);
  assert.deepEqual(await known(all), {});
  assert.equal((await told('shop')).length, 3);
  const [{ browser }, ...stored] = await rows(all);
  assert.deepEqual(byPartner(stored), matched(partners, browser));
  assert.deepEqual(await known(all), uids(partners));
  assert.deepEqual(await told('news'), [], 'they are known');
});

/** Opens a page with the partner's frame on it. What the server said, by path, and the addresses of the frame's images. */
async function framed(all, site, look = () => {}) {
  let images;
  const outcomes = await open(all, `<iframe src="${all.server.url('/match/acme/frame')}"></iframe>`, site, async (page) => {
    const frame = page.frames().at(-1);
    images = await frame.evaluate(() => [...document.images].map(({ src }) => src));
    await look(frame);
  });
  return { outcomes, images };
}

/** What comes of loading an address in the frame as an image, as a script and by a request. */
function attempts(frame, address) {
  return frame.evaluate((address) => {
    const load = (name) =>
      new Promise((resolve) => {
        const element = document.createElement(name);
        element.onload = () => resolve('loaded');
        element.onerror = () => resolve('refused');
        element.src = address;
        document.body.append(element);
      });
    const fetched = fetch(address, { mode: 'no-cors' }).then(() => 'loaded', () => 'refused');
    return Promise.all([load('img'), load('script'), fetched]);
  }, address);
}

test('a page of a partner has each of its pixels loaded once, and nothing else', TIME_LIMIT, async (t) => {
  const all = await market(t, { cookies: 'allowed', registered: [FRAMED] });
  const { acme } = all;
  const tracker = await Partner.start({ name: 'tracker' });
  t.after(() => tracker.stop());
  const matches = acme.back;
  // One is only an image, one brings its id back, and one leads to somebody who is not registered.
  acme.back = (uid, given) => ({ a: null, b: matches(uid, given), c: `${tracker.origin}/pixel` })[given.get('n')];
  const { outcomes, images } = await framed(all, 'shop', async (frame) => {
    assert.deepEqual(await attempts(frame, `${tracker.origin}/pixel`), ['refused', 'refused', 'refused']);
  });
  assert.deepEqual(outcomes, { '/match/acme': STORED });
  assert.equal(images.length, 3);
  const seen = acme.requests.map(({ url, headers }) => [url.searchParams.get('n'), headers.host.split('.')[0]]);
  assert.deepEqual(seen.sort(), [['a', 'a'], ['b', 'b'], ['c', 'c']]);
  assert.deepEqual(new Set(images), new Set(acme.requests.map(({ url, headers }) => `http://${headers.host}${url.pathname}${url.search}`)));
  assert.equal(acme.toldIds.length, 1, 'it is one browser to all of them');
  assert.equal(new Set(acme.requests.map(({ url }) => url.searchParams.get('state'))).size, 3);
  assert.ok(acme.requests.every(({ headers }) => headers.referer === undefined), 'the partner was told the page');
  const { uid } = acme.requests.find(({ url }) => url.searchParams.get('n') === 'b');
  const [cookie] = await idCookies(all.context);
  const browser = cookie.value.split('.')[1];
  const stored = [{ partner: 111, uid, scope: 'global', proof: 'state', browser }];
  assert.deepEqual(await rows(all), stored);
  assert.deepEqual(await table(all), { acme: [[uid, acme.toldIds[0]]] });
  assert.deepEqual(await known(all), { acme: uid });
  assertNothingShared([acme], [browser]);
  // Nobody else may frame it: the browser shows a page of its own instead.
  await framed(all, 'elsewhere', async (frame) => {
    assert.match(await frame.evaluate(() => location.href), /^chrome-error:/);
  });
  assert.equal(acme.requests.length, 3);
  assert.deepEqual(tracker.requests, []);
  assert.deepEqual(await rows(all), stored);
});

test('with Global Privacy Control on, the page of a partner is empty and nothing is stored', TIME_LIMIT, async (t) => {
  const all = await market(t, { gpc: true, registered: [FRAMED] });
  const { outcomes, images } = await framed(all, 'shop');
  assert.deepEqual(outcomes, { '/match/acme/frame': 'suppressed; reason=gpc' });
  assert.deepEqual([images, all.acme.requests, await all.server.stored()], [[], [], []]);
  assert.deepEqual(await idCookies(all.context), []);
  assert.deepEqual(await table(all), { acme: [] });
});

test('where third-party cookies are blocked, nobody is sent to a partner', TIME_LIMIT, async (t) => {
  const all = await market(t, { cookies: 'blocked' });
  const { partners } = all;
  for (const site of ['shop', 'news']) {
    await see(all, [PIXEL], site);
    assert.deepEqual(await see(all, starts(partners), site), each(partners, 'invalid; reason=no-third-party-cookies', '/start'));
  }
  const stored = await rows(all);
  assert.deepEqual(stored.map(({ kind }) => kind), ['page_view', 'page_view']);
  assert.deepEqual(partners.flatMap(({ requests }) => requests), []);
  // What an image brings is of the page's site alone, and so nowhere else.
  assert.deepEqual(await see(all, ['/match/acme?uid=abc-1']), { '/match/acme': STORED });
  const site = { partner: 111, uid: 'abc-1', scope: 'site', proof: 'unsigned', browser: stored[0].browser };
  assert.deepEqual(await rows(all), [...stored, site]);
  assert.deepEqual(await known(all), {});
  assert.deepEqual(await table(all), entries(all, []));
});

test('where ours and the cookies of a partner are partitioned, a match is of one site alone', TIME_LIMIT, async (t) => {
  const all = await market(t, { cookies: 'blocked' });
  const { acme } = all;
  acme.partitioned = true;
  for (const site of ['shop', 'shop', 'news']) {
    assert.deepEqual(await see(all, [`${acme.origin}/pixel`], site), { '/match/acme': STORED });
  }
  const [first, second, other, ...more] = await rows(all);
  assert.deepEqual(more, []);
  assert.deepEqual([first, other].map(({ scope, uid }) => [scope, uid]), acme.ownIds.map((uid) => ['site', uid]));
  assert.deepEqual(second, first, 'on one site it is one browser');
  assert.notEqual(other.uid, first.uid);
  assert.notEqual(other.browser, first.browser);
  const cookies = await idCookies(all.context);
  assert.deepEqual(cookies.map(({ name }) => name), ['__Host-Http-pg-p', '__Host-Http-pg-p']);
  assert.deepEqual(await known(all), {});
  assert.deepEqual(await table(all), entries(all, []));
  assertNothingShared([acme], [first.browser, other.browser]);
});

test('with Global Privacy Control on, no partner hears of a browser nor is heard about it', TIME_LIMIT, async (t) => {
  const all = await market(t, { gpc: true });
  const { partners, acme } = all;
  assert.deepEqual(await see(all, starts(partners)), each(partners, 'suppressed; reason=gpc', '/start'));
  assert.deepEqual(partners.flatMap(({ requests }) => requests), []);
  const outcomes = await see(all, [`${acme.origin}/pixel`, '/i/adsct?p_id=111&p_user_id=abc-1']);
  assert.deepEqual(outcomes, { '/match/acme': 'suppressed; reason=gpc', '/i/adsct': 'suppressed; reason=gpc' });
  assert.deepEqual(await idCookies(all.context), []);
  assert.deepEqual(await known(all), {});
  assert.deepEqual(await all.server.stored(), []);
});

test('a TC string lets a browser go to the partner that it consents to, and to no other', TIME_LIMIT, async (t) => {
  const all = await market(t, { cookies: 'allowed', regime: 'gdpr' });
  const { partners, acme } = all;
  const string = consentTo([9999, acme.vendor]);
  const query = `?gdpr=1&gdpr_consent=${string}`;
  const refused = 'suppressed; reason=tcf-partner';
  const expected = { '/match/acme': STORED, '/match/strict/start': refused, '/match/outbid/start': refused };
  assert.deepEqual(await see(all, starts(partners, query)), expected);
  const [told] = acme.requests;
  assert.deepEqual(['gdpr', 'gdpr_consent'].map((name) => told.url.searchParams.get(name)), ['1', string]);
  assert.deepEqual(partners.map(({ requests }) => requests.length), [1, 0, 0]);
  const [row, ...more] = await all.server.stored();
  assert.deepEqual(more, []);
  assert.deepEqual([row.partner_id, row.scope, row.proof, row.evidence.regime], [111, 'global', 'state', 'gdpr']);
  assert.deepEqual(await known(all, query), uids([acme]));
  assert.deepEqual(await table(all), entries(all, [acme]));
  assert.deepEqual(await known(all), {}, 'without the string nobody is told');
  assert.deepEqual(await known(all, `?gdpr=1&gdpr_consent=${consentTo([9999])}`), {});

  // Not without us, and not if the partner keeps the string to itself.
  const without = `?gdpr=1&gdpr_consent=${consentTo([acme.vendor])}`;
  assert.deepEqual(await see(all, starts([acme], without)), { '/match/acme/start': 'suppressed; reason=tcf-no-consent' });
  acme.back = (uid, given) => all.server.url(`/match/acme?uid=${uid}&state=${given.get('state')}`);
  assert.deepEqual(await see(all, starts([acme], query)), { '/match/acme': 'suppressed; reason=gdpr-no-consent' });
  assert.deepEqual(await all.server.stored(), [row]);
});

test('an opt-out on the privacy page ends all matching, restart of the server included', TIME_LIMIT, async (t) => {
  const all = await market(t, { cookies: 'allowed' });
  const { partners, acme, server, context } = all;
  await see(all, [PIXEL]);
  await see(all, starts(partners));
  const [id] = await idCookies(context);
  assert.deepEqual(await known(all), uids(partners));
  assert.deepEqual(await table(all), entries(all, partners));
  const page = await context.newPage();
  await page.goto(server.url('/privacy?lang=en'));
  await page.getByRole('button', { name: 'Opt out' }).click();
  await page.getByRole('status').getByText('You are opted out.').waitFor();
  await page.close();
  const stored = await rows(all);
  assert.deepEqual(stored.map(({ kind, partner }) => kind ?? partner).sort(), [111, 222, 333, 'opt_out', 'page_view']);
  const asked = partners.map(({ requests }) => requests.length);
  assert.deepEqual(asked, [1, 1, 1]);

  const nothingMore = async (reason) => {
    const refused = `suppressed; reason=${reason}`;
    assert.deepEqual(await known(all), {});
    assert.deepEqual(await table(all), entries(all, []));
    assert.deepEqual(await see(all, starts(partners)), each(partners, refused, '/start'));
    assert.deepEqual(partners.map(({ requests }) => requests.length), asked);
    const inbound = ['/match/acme?uid=abc-1', '/i/adsct?p_id=111&p_user_id=abc-1', '/setuid?bidder=acme&uid=abc-1'];
    const paths = ['/match/acme', '/i/adsct', '/setuid'];
    assert.deepEqual(await see(all, inbound, 'news'), Object.fromEntries(paths.map((path) => [path, refused])));
    assert.deepEqual(await rows(all), stored);
    assert.deepEqual(await idCookies(context), [], 'the browser has an id');
  };
  await nothingMore('opt-out-cookie');
  await server.restart();
  await nothingMore('opt-out-cookie');
  // The browser forgets the opt-out but shows its old id again: the server has not forgotten.
  await context.clearCookies();
  await context.addCookies([id]);
  assert.deepEqual(await known(all), {});
  assert.deepEqual(await see(all, starts([acme])), { '/match/acme/start': 'suppressed; reason=opted-out' });
  assert.deepEqual(await rows(all), stored);
});

test('whether Firefox keeps cookies apart or not, no match of it gets into the match table', async (t) => {
  for (const cookies of ['apart', 'allowed']) {
    await t.test(cookies, TIME_LIMIT, async (t) => {
      const all = await market(t, { kind: Firefox, cookies });
      const { partners, acme, server } = all;
      // The partner leads elsewhere, too, as somebody's tag would. Behind a redirect Firefox says nothing of its cookies.
      const matches = acme.back;
      acme.back = (uid, given) => (given.has('to') ? server.url(given.get('to')) : matches(uid, given));
      const led = (path) => `${acme.origin}/tag?to=${encodeURIComponent(path)}`;
      for (const site of ['shop', 'news']) {
        // So it takes the id that it gets there as that of all sites.
        assert.deepEqual(await see(all, [led(`${PIXEL}&event_id=${site}`)], site), { '/i/adsct': STORED });
        const outcomes = await see(all, [led('/match/strict/start'), ...starts(partners), `${acme.origin}/pixel`], site);
        const nowhere = each(partners, 'invalid; reason=no-third-party-cookies', '/start');
        assert.deepEqual(outcomes, { ...nowhere, '/match/acme': STORED });
      }
      assert.deepEqual(new Set((await idCookies(all.context)).map(({ name }) => name)), new Set(['__Host-Http-pg']));
      const found = (await rows(all)).filter(({ kind }) => kind !== 'page_view');
      assert.deepEqual(found.map(({ scope, partner }) => [scope, partner]), [['site', 111], ['site', 111]]);
      const browsers = new Set(found.map(({ browser }) => browser));
      assert.equal(browsers.size, cookies === 'apart' ? 2 : 1);
      assert.deepEqual(await table(all), entries(all, []));
      assert.deepEqual([all.strict.requests, all.outbid.requests], [[], []]);
    });
  }
});
