// The tag in real browsers: what it sends when, and that every event is stored exactly once. Every test looks at what was
// stored.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Chromium } from './chromium.mjs';
import { consentTo } from './consent.mjs';
import { Pixelgate } from './pixelgate.mjs';
import { Shop } from './shop.mjs';
import { SlowNetwork } from './slow.mjs';
import { assertStored, end, open, tagged, until } from './tag.mjs';
import { EACH, GPC, TIME_LIMIT, inEach, setting } from './visits.mjs';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

test('the base code of X works with nothing but its host changed', inEach(EACH, async (all) => {
  const seen = await open(all, tagged(all.server, `twq('config','o8z6j');
    twq('event','tw-o8z6j-o87ne',{value:'12.50',currency:'EUR',num_items:2,conversion_id:'order-1',
      email_address:' Jane@Shop.Example ',phone_number:'+49 (30) 123-456',contents:[{content_id:'cup'}],first_name:'Jane'});
    ${end}`));
  const rows = await assertStored(all, seen, ['SITE_VISIT /', 'PURCHASE /', 'SIGN_UP /']);
  const purchase = rows.find(({ event }) => event == 'PURCHASE');
  assert.equal(purchase.value_micros, 12_500_000);
  assert.equal(purchase.currency, 'EUR');
  assert.equal(purchase.quantity, 2);
  assert.equal(purchase.conversion_id, 'order-1');
  assert.deepEqual(purchase.match_keys.filter((key) => key.startsWith('hashed')), ['hashed_email', 'hashed_phone_number']);
  const query = seen.queries.find((query) => query.get('events').includes('o87ne'));
  const [[, details]] = JSON.parse(query.get('events'));
  assert.equal(details.email_address, sha256('jane@shop.example'));
  assert.equal(details.phone_number, sha256('+4930123456'));
  assert.deepEqual(details.contents, [{ content_id: 'cup' }]);
  // What is not named leaves the browser in no form.
  assert.doesNotMatch(`${seen.queries}`, /jane|123-?456/i);
}));

test('older commands are understood in any spelling, and unknown ones ignored', inEach(EACH, async (all) => {
  const seen = await open(all, tagged(all.server, `twq(' INIT ',' O8Z6J ');twq('Track',' PageView ');twq('track','Purchase',{value:1});
    twq('frobnicate','o8z6j');twq('constructor','x');twq('config');twq('config',null);twq('event','no tag');twq();
    twq('new_event','TW-o8z6j-o87nh',{value:null,email_address:null,phone_number:'030 123456'});${end}`));
  const expect = ['SITE_VISIT /', 'PURCHASE /', 'ADD_TO_CART /', 'SIGN_UP /'];
  const keys = (await assertStored(all, seen, expect)).flatMap((row) => row.match_keys);
  assert.ok(!keys.includes('hashed_phone_number'), 'a number without its country is nobody’s');
}));

test('however many tags report a page view, it is stored once', inEach(EACH, async (all) => {
  const again = tagged(all.server, `twq('init','o8z6j');twq('track','PageView');twq('config','o8z6j');`);
  const more = `<script src="${all.server.url('/uwt.js')}"></script>`;
  const seen = await open(all, `${tagged(all.server, `twq('config','o8z6j');`)}${again}${more}${more}<script>twq('track','PageView');${end}</script>`);
  await assertStored(all, seen, ['SITE_VISIT /', 'SIGN_UP /']);
}));

const DENIED = `twq('consent','default',{ad_storage:'denied',ad_user_data:'denied',ad_personalization:'denied'});`;

test('what is denied is not sent, and what waited is sent once when it is granted', inEach(EACH, async (all) => {
  // The button is a person's answer.
  const grant = `twq('consent','update',{ad_storage:'granted',ad_user_data:'granted'});`;
  const seen = await open(all, `${tagged(all.server, `twq('config','o8z6j');${DENIED}twq('event','tw-o8z6j-o87ne',{value:5});`)}
    <button onclick="${grant}${grant}${end}">I agree</button>`);
  await loaded(all);
  assert.deepEqual(seen.queries, []);
  assert.deepEqual(await all.server.stored(), []);
  await seen.page.getByRole('button', { name: 'I agree' }).click();
  await assertStored(all, seen, ['SITE_VISIT /', 'PURCHASE /', 'SIGN_UP /']);
  const rows = await all.server.stored();
  assert.deepEqual(rows.map((row) => row.restricted_data_use), [true, true, true]);
}));

/** A consent platform as one is, as far as the tag asks it; `say` is what it says next. */
const TCF = `window.__tcfapi=(command,version,tell)=>{if(command=='addEventListener')(window.heard=window.heard||[]).push(tell)};
  window.say=(data)=>heard.forEach((tell)=>tell({listenerId:1,cmpStatus:'loaded',...data},true));`;

test('where the GDPR applies nothing is sent before the person has answered', inEach(EACH, async (all) => {
  const asks = `say({eventStatus:'cmpuishown',gdprApplies:true,tcString:''});`;
  const answers = `say({eventStatus:'useractioncomplete',gdprApplies:true,tcString:'${consentTo([9999])}',purpose:{consents:{1:true}}});`;
  const body = tagged(all.server, `twq('config','o8z6j');`, TCF);
  const seen = await open(all, `${body}<button onclick="${answers.replaceAll('"', '&quot;')}${end}">I agree</button>
    <script>const timer=setInterval(()=>{if(window.heard){clearInterval(timer);${asks}setTimeout(()=>fetch('/asked'),1500)}},20)</script>`);
  // Longer than a platform that says nothing is waited for.
  await all.shop.requested('/asked');
  assert.deepEqual(seen.queries, []);
  await seen.page.getByRole('button', { name: 'I agree' }).click();
  await assertStored(all, seen, ['SITE_VISIT /', 'SIGN_UP /']);
  assert.ok(seen.queries.every((query) => query.get('gdpr') == '1' && query.get('gdpr_consent')));
  assert.ok((await all.server.stored()).every(({ evidence }) => evidence.regime.includes('gdpr')));
}));

test('a person who refuses is told to the server, which stores nothing', inEach(EACH, async (all) => {
  const refuses = `say({eventStatus:'tcloaded',gdprApplies:true,tcString:'${consentTo([])}',purpose:{consents:{}}});`;
  const listening = `const timer=setInterval(()=>{if(window.heard){clearInterval(timer);${refuses}}},20);`;
  const seen = await open(all, tagged(all.server, `${listening}twq('config','o8z6j');${end}${TELL}`, TCF), { path: '/?twclid=abc123' });
  assert.equal(await kept(all), 'nothing');
  await assertStored(all, seen, [], 2);
  assert.deepEqual(seen.outcomes, Array(2).fill('suppressed; reason=tcf-no-consent'));
}));

test('a consent platform that says nothing is waited for, and not for ever', inEach(EACH, async (all) => {
  const seen = await open(all, tagged(all.server, `twq('config','o8z6j');${end}const started=performance.now();
    addEventListener('load',()=>setTimeout(()=>fetch('/early'),500));`, TCF));
  await all.shop.requested('/early');
  assert.deepEqual(seen.queries, []);
  await assertStored(all, seen, ['SITE_VISIT /', 'SIGN_UP /']);
  assert.ok(seen.queries.every((query) => !query.has('gdpr')));
}));

const GPP = (data) => `window.__gpp=(command,tell)=>{if(command=='addEventListener')
  tell({eventName:'listenerRegistered',data:true,pingData:{gppVersion:'1.1',cmpDisplayStatus:'hidden',signalStatus:'ready',...${JSON.stringify(data)}}},true)};`;

test('what a GPP platform says goes with every hit', inEach(EACH, async (all) => {
  const gppString = `DBABMA~${consentTo([9999])}`;
  const said = await open(all, tagged(all.server, `twq('config','o8z6j');${end}`, GPP({ gppString, applicableSections: [2] })));
  await assertStored(all, said, ['SITE_VISIT /', 'SIGN_UP /']);
  assert.ok(said.queries.every((query) => query.get('gpp') == gppString && query.get('gpp_sid') == '2'));
  const before = await all.server.stored();
  // The national section of the United States, with an opt-out of sale.
  const optedOut = { gppString: 'DBABLA~CEAQAAAAAABA.YA', applicableSections: [7], parsedSections: { usnat: [{ SaleOptOut: 1 }, { Gpc: true }] } };
  const refused = await open(all, tagged(all.server, `twq('config','o8z6j');${end}${TELL}`, GPP(optedOut)), { path: '/?twclid=abc123' });
  assert.equal(await kept(all), 'nothing');
  await assertStored(all, refused, ['SITE_VISIT /', 'SIGN_UP /'], 2);
  assert.ok(refused.outcomes.every((outcome) => outcome.startsWith('suppressed; reason=')), `${refused.outcomes}`);
  assert.deepEqual(await all.server.stored(), before);
}));

test('with Global Privacy Control on, the tag sends nothing', inEach(GPC, async (all) => {
  const seen = await open(all, tagged(all.server, `twq('config','o8z6j');twq('consent','update',{ad_storage:'granted'});${end}`), { path: '/?twclid=abc123' });
  await loaded(all);
  assert.deepEqual(seen.queries, []);
  assert.deepEqual(await all.server.stored(), []);
}));

test('a prerendered page is reported when it is shown, and not before', TIME_LIMIT, async (t) => {
  const server = await Pixelgate.start();
  t.after(() => server.remove());
  const shop = await Shop.start();
  t.after(() => shop.stop());
  shop.page('/next', `${tagged(server, `twq('config','o8z6j');`)}
    <script>addEventListener('load',()=>setTimeout(()=>fetch('/prerendered?'+document.prerendering),500));
    document.addEventListener('prerenderingchange',()=>fetch('/shown'))</script>`);
  const rules = JSON.stringify({ prerender: [{ urls: ['/next'], eagerness: 'immediate' }] });
  // Goes on once the test says so.
  const url = shop.page('/first', `<script type="speculationrules">${rules}</script>
    <script>const timer=setInterval(async()=>{if((await fetch('/go')).ok){clearInterval(timer);location.href='/next'}},100)</script>`);
  const browser = await Chromium.launch({ driven: false, url });
  t.after(() => browser.close());
  await shop.requested('/prerendered?true');
  assert.deepEqual(await server.stored(), []);
  shop.page('/go', '');
  await shop.requested('/shown');
  await until(async () => (await server.stored()).length > 0, () => 'no page view');
  const rows = await server.stored();
  assert.deepEqual(rows.map(({ kind, page }) => [kind, page]), [['page_view', `http://shop.localhost:${shop.port}/next`]]);
});

test('a page that comes back from the cache for back and forward is a page view again', inEach(EACH, async (all) => {
  all.shop.page('/other', `<script>addEventListener('load',()=>setTimeout(()=>history.back(),200))</script>`, 'shop');
  const seen = await open(all, tagged(all.server, `twq('config','o8z6j');addEventListener('load',()=>setTimeout(()=>location.href='/other',500));
    addEventListener('pageshow',(event)=>{if(event.persisted){${end}}});`), { path: '/cached', headers: { 'cache-control': 'max-age=60' } });
  await assertStored(all, seen, ['SITE_VISIT /cached', 'SITE_VISIT /cached', 'SIGN_UP /cached']);
}));

test('where the page forbids connections, an image brings the event, once', inEach(EACH, async (all) => {
  const server = all.server.url('');
  const policy = `default-src 'none'; script-src 'unsafe-inline' ${server}; connect-src 'none'; img-src ${server}`;
  const seen = await open(all, tagged(all.server, `twq('config','o8z6j');${end}`), { headers: { 'content-security-policy': policy } });
  await assertStored(all, seen, ['SITE_VISIT /', 'SIGN_UP /']);
}));

test('an event whose answer is lost is sent again with the same id, and counts once', inEach(EACH, async (all, t) => {
  const network = await SlowNetwork.before(all.server);
  t.after(() => network.stop());
  const lost = network.hold('o87ne', 'the way back');
  const seen = await open(all, tagged(all.server, `twq('event','tw-o8z6j-o87ne',{value:5});`));
  await lost.arrived;
  network.server.closeAllConnections();
  await until(() => seen.outcomes.some((outcome) => outcome?.startsWith('duplicate')), () => seen.outcomes.join());
  assert.deepEqual((await all.server.stored()).map(({ event }) => event), ['PURCHASE']);
  const asked = network.requests.map(({ url }) => new URL(url, all.server.url('/'))).filter(({ pathname }) => pathname == '/i/adsct');
  assert.equal(new Set(asked.map(({ searchParams }) => searchParams.get('event_id'))).size, 1);
}));

test('an event that is reported while its page goes away arrives', inEach(EACH, async (all) => {
  const email = `{value:5,email_address:'jane@shop.example'}`;
  all.shop.page('/away', 'Gone');
  const seen = await open(all, `${tagged(all.server, `twq('init','o8z6j');`)}
    <button onclick="twq('event','tw-o8z6j-o87ne',${email});${end}location.href='/away'">Buy</button>`);
  await loaded(all);
  await seen.page.getByRole('button', { name: 'Buy' }).click();
  let rows = [];
  await until(async () => (rows = await all.server.stored()).length >= 2, () => JSON.stringify(rows));
  assert.deepEqual(rows.map(({ event }) => event).sort(), ['PURCHASE', 'SIGN_UP']);
}));

test('what is said of a pixel goes with each of its events, and others have their own', inEach(EACH, async (all) => {
  const seen = await open(all, tagged(all.server, `twq('config','o8z6j',{restricted_data_use:'on'});twq('config','o9bbb');
    twq('track','Purchase',{value:5});${end}`));
  const rows = await assertStored(all, seen, ['SITE_VISIT /', 'SITE_VISIT /', 'PURCHASE /', 'PURCHASE /', 'SIGN_UP /']);
  const restricted = rows.map((row) => `${row.pixel_id} ${row.restricted_data_use}`).sort();
  assert.deepEqual(restricted, ['o8z6j true', 'o8z6j true', 'o8z6j true', 'o9bbb false', 'o9bbb false']);
}));

test('of what waits a hundred events are kept, and contents up to 2,000 characters', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const seen = await open(all, `${tagged(all.server, `twq('config','o8z6j');${DENIED}for(let at=1;at<=100;at++)twq('event','tw-o8z6j-o87ne',{conversion_id:at});`)}
    <button onclick="twq('consent','update',{ad_storage:'granted',ad_user_data:'granted'})">I agree</button>`);
  await loaded(all);
  await seen.page.getByRole('button', { name: 'I agree' }).click();
  let rows = [];
  await until(async () => (rows = await all.server.stored()).length >= 100, () => `${rows.length} rows`);
  // The page view was first, so that the last of the events is the one too many.
  assert.deepEqual(rows.map((row) => Number(row.conversion_id)).sort((a, b) => a - b), Array.from({ length: 100 }, (_, at) => at));

  const longest = '"x"'.length + '[]'.length;
  const withContents = (chars) => `twq('event','tw-o8z6j-o87ne',{conversion_id:'${chars}',contents:['${'x'.repeat(chars - longest + 1)}']});`;
  const both = await open(all, tagged(all.server, `${withContents(2000)}${withContents(2001)}`));
  await until(() => both.queries.length == 2, () => `${both.queries.length} hits`);
  const details = both.queries.map((query) => JSON.parse(query.get('events'))[0][1]);
  const lengths = Object.fromEntries(details.map(({ conversion_id: id, contents }) => [id, contents && JSON.stringify(contents).length]));
  assert.deepEqual(lengths, { 2000: 2000, 2001: undefined });
});

test('the policy of the guide lets the tag work, with a nonce and without anything else', inEach(EACH, async (all) => {
  const server = all.server.url('');
  const policy = `default-src 'none'; script-src 'nonce-abc' ${server}; connect-src ${server}; img-src ${server}; frame-src ${server}`;
  const body = tagged(all.server, `twq('config','o8z6j');${end}`).replaceAll('<script>', '<script nonce="abc">');
  const seen = await open(all, body, { headers: { 'content-security-policy': policy } });
  await assertStored(all, seen, ['SITE_VISIT /', 'SIGN_UP /']);
}));

test('in a frame, the page around it counts', inEach(EACH, async (all) => {
  all.shop.page('/frame', tagged(all.server, `twq('config','o8z6j');${end}`));
  await open(all, '<iframe src="/frame"></iframe>', { path: '/around?key=secret' });
  // Firefox's driver tells nothing of what frames load.
  let rows = [];
  await until(async () => (rows = await all.server.stored()).length >= 2, () => JSON.stringify(rows));
  assert.deepEqual(rows.map(({ page }) => new URL(page).pathname), ['/around', '/around']);
}));

test('each page of a single-page app is one page view', inEach(EACH, async (all) => {
  const seen = await open(all, tagged(all.server, `twq('config','o8z6j');addEventListener('load',async()=>{
    history.replaceState({},'','/?same');history.pushState({},'','/cup');history.replaceState({},'','/cup#handle');
    history.pushState({},'','/cart');twq('track','PageView');
    addEventListener('popstate',()=>{${end}},{once:true});history.back()})`));
  await assertStored(all, seen, ['SITE_VISIT /', 'SITE_VISIT /cup', 'SITE_VISIT /cart', 'SITE_VISIT /cup', 'SIGN_UP /cup']);
}));

test('the id of the click is kept for later pages, with consent only, and goes with it', inEach(EACH, async (all) => {
  const click = async (path, commands) => {
    const seen = await open(all, tagged(all.server, `${commands}twq('config','o8z6j');${TELL}`), { path });
    const click = await kept(all);
    await seen.page.close();
    return click;
  };
  assert.equal(await click('/?twclid=abc123', DENIED), 'nothing');
  assert.equal(await click('/landing?twclid=abc123', ''), 'abc123');
  assert.equal(await click('/thanks', ''), 'abc123');
  assert.equal(await click('/later', DENIED), 'abc123');
  assert.equal(await click('/withdrawn', `twq('consent','update',{ad_storage:'denied'});`), 'nothing');
  assert.equal(await click('/again?twclid=def456', ''), 'def456');
  assert.equal(await click('/out', `twq('optout');`), 'nothing');
  const rows = await all.server.stored();
  assert.deepEqual(rows.map(({ page, click_id }) => [new URL(page).pathname, click_id]), [['/landing', 'abc123'], ['/thanks', 'abc123'], ['/again', 'def456']]);
}));

test('who opts out on the site is reported no more, until they opt in', inEach(EACH, async (all) => {
  const visit = async (path, commands, expect) => {
    const seen = await open(all, tagged(all.server, `twq('config','o8z6j');${commands}${end}`), { path });
    if (expect) return assertStored(all, seen, expect);
    await loaded(all);
    await seen.page.close();
    assert.deepEqual(seen.queries, []);
  };
  await visit('/1', `twq('optout');`);
  await visit('/2', '');
  assert.deepEqual(await all.server.stored(), []);
  await visit('/3', `twq('optin');`, ['SITE_VISIT /3', 'SIGN_UP /3']);
}));

test('with its hash the tag runs, and with another it does not', inEach(EACH, async (all) => {
  const html = await all.server.snippet('--sri');
  const seen = await open(all, `${html}<script>${end}</script>`);
  await assertStored(all, seen, ['SITE_VISIT /', 'SIGN_UP /']);
  const before = await all.server.stored();
  const wrong = await open(all, `${html.replace(/sha256-..../, 'sha256-AAAA')}<script>${end}</script>`, { path: '/wrong' });
  await loaded(all);
  assert.deepEqual(wrong.queries, []);
  assert.deepEqual(await all.server.stored(), before);
}));

/** Has a page tell which click it keeps, after a while. */
const TELL = `addEventListener('load',()=>setTimeout(()=>fetch('/kept?'+(localStorage.pg_click||'nothing').split('.')[0]),700));`;

async function kept({ shop }) {
  const isTold = ({ url }) => url.startsWith('/kept?');
  await until(() => shop.requests.some(isTold), () => 'the page has told nothing');
  const [{ url }] = shop.requests.splice(0).filter(isTold);
  return url.slice('/kept?'.length);
}

/** Waits until a page has been there for a while, by its own word: every hit would have been sent by now. */
async function loaded({ context, shop }) {
  const page = await context.newPage();
  shop.requests = shop.requests.filter(({ url }) => url != '/waited');
  await page.goto(shop.page('/wait', `<script>setTimeout(()=>fetch('/waited'),1500)</script>`));
  await shop.requested('/waited');
  await page.close();
}
