// The examples and templates, as people copy them: nothing but the server's host is changed.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from '../../static/tag/node_modules/esbuild/lib/main.js';
import { open, until } from './tag.mjs';
import { EACH, TIME_LIMIT, inEach, setting } from './visits.mjs';

const STATIC = fileURLToPath(new URL('../../static/', import.meta.url));
const HOST = 'https://px.pixelgate.example';

/** A file of ours with the host of the running server. */
async function adapted(server, file) {
  return (await readFile(join(STATIC, file), 'utf8')).replaceAll(HOST, server.url(''));
}

/** What was stored, as soon as it is `count` rows. */
async function stored({ server, shop }, count) {
  let rows = [];
  await until(async () => (rows = await server.stored()).length >= count, () => JSON.stringify(rows));
  const short = ({ event, page }) => `${event} ${page.replace(`http://shop.localhost:${shop.port}`, '')}`;
  assert.deepEqual(rows.map((row) => row.origin_ok), rows.map(() => true));
  return { rows, events: rows.map(short).sort() };
}

test('the example in plain HTML reports nothing before the visitor agrees, and all of it then', inEach(EACH, async (all) => {
  const url = all.shop.page('/cup', '');
  all.shop.pages.set(url, await adapted(all.server, 'examples/plain.html'));
  const page = await all.context.newPage();
  const hits = [];
  page.on('response', (answer) => answer.url().includes('/i/adsct') && hits.push(answer.url()));
  await page.goto(url);
  await page.getByRole('button', { name: 'Buy' }).click();
  assert.deepEqual(hits, []);
  await page.getByRole('button', { name: 'Yes' }).click();
  const { rows, events } = await stored(all, 2);
  assert.deepEqual(events, ['PURCHASE /cup', 'SITE_VISIT /cup']);
  assert.equal(rows.find(({ event }) => event == 'PURCHASE').conversion_id, 'order-1');
}));

test('the example in React reports each page once, and the purchase', inEach(EACH, async (all, t) => {
  // As `npm install` would have it.
  const modules = await mkdtemp(join(tmpdir(), 'pixelgate-modules-'));
  t.after(() => rm(modules, { recursive: true }));
  await mkdir(join(modules, '@pixelgate'));
  await symlink(join(STATIC, 'tag'), join(modules, '@pixelgate/tag'));
  const { outputFiles } = await build({
    stdin: { contents: await adapted(all.server, 'examples/react/app.jsx'), loader: 'jsx', resolveDir: modules },
    nodePaths: [modules, fileURLToPath(new URL('node_modules', import.meta.url))],
    bundle: true,
    write: false,
    jsx: 'automatic',
  });
  const script = all.shop.page('/app.js', '', 'shop', { 'content-type': 'text/javascript' });
  all.shop.pages.set(script, outputFiles[0].text);
  const page = await all.context.newPage();
  await page.goto(all.shop.page('/', '<div id="root"></div><script src="/app.js"></script>'));
  await page.getByRole('button', { name: 'Look at the cup' }).click();
  await page.getByRole('button', { name: 'Buy' }).click();
  const { events } = await stored(all, 4);
  assert.deepEqual(events, ['PURCHASE /cup', 'SITE_VISIT /', 'SITE_VISIT /cup', 'SITE_VISIT /thanks']);
}));

/** What a shop platform gives to a pixel in its sandbox. */
const PLATFORM = `const told={};const listen=(name,tell)=>(told[name]??=[]).push(tell);
  const analytics={subscribe:listen};const init={customerPrivacy:{marketingAllowed:false,saleOfDataAllowed:true}};
  const api={customerPrivacy:{subscribe:listen}};
  addEventListener('message',({data:{name,event}})=>told[name].forEach((tell)=>tell(event)));`;

test('the example for a checkout works in its sandbox, as far as the customer allows', inEach(EACH, async (all) => {
  const pixel = await adapted(all.server, 'examples/checkout.js');
  const frame = `<script>${PLATFORM}${pixel}</script>`.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  const money = { amount: 29, currencyCode: 'EUR' };
  const checkout = { totalPrice: money, currencyCode: 'EUR', order: { id: 'order-3' }, lineItems: [{ quantity: 2 }], email: 'jane@shop.example' };
  const events = [
    ['page_viewed', {}],
    ['product_added_to_cart', { data: { cartLine: { cost: { totalAmount: money }, quantity: 1 } } }],
    ['checkout_completed', { data: { checkout } }],
  ];
  const allowed = { customerPrivacy: { marketingAllowed: true, saleOfDataAllowed: true } };
  const say = `const say=(name,event)=>document.querySelector('iframe').contentWindow.postMessage({name,event},'*');`;
  const seen = await open(all, `<iframe sandbox="allow-scripts allow-forms" srcdoc="${frame}"></iframe><script>${say}
      addEventListener('load',()=>${JSON.stringify(events)}.forEach(([name,event])=>say(name,{...event,context:{document:{location:{href:location.href}}}})))</script>
    <button onclick='say("visitorConsentCollected",${JSON.stringify(allowed)})'>Agree</button>`, { path: '/checkouts/1/thank-you?key=secret' });
  assert.deepEqual(seen.queries, []);
  await seen.page.getByRole('button', { name: 'Agree' }).click();
  const { rows, events: kinds } = await stored(all, 3);
  assert.doesNotMatch(`${seen.queries}`, /secret|jane/);
  assert.deepEqual(kinds, ['ADD_TO_CART', 'PURCHASE', 'SITE_VISIT'].map((kind) => `${kind} /checkouts/1/thank-you`));
  const purchase = rows.find(({ event }) => event == 'PURCHASE');
  assert.deepEqual([purchase.value_micros, purchase.quantity, purchase.conversion_id], [29_000_000, 2, 'order-3']);
}));

/** The parts of a template of Google Tag Manager. */
async function template(server, name) {
  const text = await adapted(server, `tag/gtm/${name}.tpl`);
  const parts = Object.fromEntries([...text.matchAll(/^___(\w+)___\n\n([^]*?)(?=\n\n\n___|\n*$(?![^]))/gm)].map(([, part, body]) => [part, body]));
  for (const part of Object.keys(parts).filter((part) => /INFO|PARAMETERS|PERMISSIONS/.test(part))) parts[part] = JSON.parse(parts[part]);
  return parts;
}

/** Of Google Tag Manager's sandbox what the template needs, for a page; the container's consent is in `granted`. */
const SANDBOX = `const at=(key)=>key.split('.').reduce((on,name)=>on?.[name],window);
  const granted={ad_storage:false,ad_user_data:false,ad_personalization:true},listeners=[];
  const apis={copyFromWindow:at,callInWindow:(key,...given)=>{const to=key.split('.').slice(0,-1).join('.');return at(key).apply(to?at(to):window,given)},
  setInWindow:(key,value)=>{window[key]=value},createQueue:(key)=>{const[to,name]=key.split('.');window[to][name]=[]},
  isConsentGranted:(kind)=>granted[kind],addConsentListener:(kind,tell)=>listeners.push([kind,tell]),
  injectScript:(url,done,failed,token)=>{if(window[token])return done();window[token]=1;const script=document.createElement('script');script.src=url;script.onload=done;document.head.append(script)}};
  const grant=()=>listeners.forEach(([kind,tell])=>tell(kind,true));let succeeded=0;
  const run=(code,data)=>new Function('require','data',code)((name)=>apis[name]??(()=>{throw name})(),{...data,gtmOnSuccess:()=>{succeeded+=1},gtmOnFailure(){}});`;

test('the template for Google Tag Manager obeys the consent of the container', inEach(EACH, async (all) => {
  const { SANDBOXED_JS_FOR_WEB_TEMPLATE: code, INFO: info, WEB_PERMISSIONS: permissions } = await template(all.server, 'web');
  assert.deepEqual(info.containerContexts, ['WEB']);
  assert.equal(permissions.length, 3);
  const tags = [{ what: 'pageview', pixel: 'o8z6j' }, { what: 'event', pixel: 'o8z6j', tag: 'tw-o8z6j-o87ne', value: '5', conversion: 'order-4' }];
  const runs = `${JSON.stringify(tags)}.forEach((data)=>run(${JSON.stringify(code).replaceAll('</', '<\\/')},data));`;
  const seen = await open(all, `<script>${SANDBOX}${runs}</script><button onclick="grant()">Agree</button>`);
  assert.deepEqual(seen.queries, []);
  await seen.page.getByRole('button', { name: 'Agree' }).click();
  const { rows, events } = await stored(all, 2);
  assert.deepEqual(events, ['PURCHASE /', 'SITE_VISIT /']);
  assert.equal(rows.find(({ event }) => event == 'PURCHASE').conversion_id, 'order-4');
}));

test('the template for server containers passes on what the browser says about consent', TIME_LIMIT, async (t) => {
  const all = await setting(t);
  const { SANDBOXED_JS_FOR_SERVER: code, INFO: info } = await template(all.server, 'server');
  assert.deepEqual(info.containerContexts, ['SERVER']);
  const origin = `http://shop.localhost:${all.shop.port}`;
  const purchase = { page_location: `${origin}/thanks?order=5#top`, value: 5, currency: 'EUR', transaction_id: 'order-5',
    items: [{}, {}], user_data: { email_address: 'Jane@Shop.example ', phone_number: '030 123' } };
  /** Runs the template as a server container would; the container's own network names no host of ours. */
  const run = (event, headers = {}) => new Promise((resolve, reject) => {
    const apis = {
      JSON, makeString: String, encodeUriComponent: encodeURIComponent, getAllEventData: () => event,
      getType: (value) => (Array.isArray(value) ? 'array' : typeof value), getRequestHeader: (name) => headers[name],
      sha256Sync: (text) => createHash('sha256').update(text).digest('hex'),
      sendHttpGet: async (url, options) => {
        sent.push(url);
        const answer = await fetch(url.replace('px.localhost', '127.0.0.1'), { headers: options.headers });
        outcomes.push(answer.headers.get('pixelgate-outcome'));
        return { statusCode: answer.status };
      },
    };
    const data = { pixel: 'o8z6j', what: 'event', tag: 'tw-o8z6j-o87ne', gtmOnSuccess: resolve, gtmOnFailure: reject };
    new Function('require', 'data', code)((name) => apis[name], data);
  });
  const [sent, outcomes] = [[], []];
  await run({ ...purchase, consent_state: { ad_storage: false } });
  assert.deepEqual(sent, []);
  await run(purchase, { 'Sec-GPC': '1' });
  await run({ ...purchase, gdpr: 1 });
  assert.deepEqual(outcomes.splice(0), ['suppressed; reason=gpc', 'suppressed; reason=gdpr-no-consent']);
  assert.deepEqual(await all.server.stored(), []);
  await run(purchase);
  await run(purchase);
  assert.match(outcomes.join(', '), /^stored; .*, duplicate; /);
  const { rows, events } = await stored(all, 1);
  assert.deepEqual(events, ['PURCHASE /thanks']);
  const [{ quantity, match_keys: keys }] = rows;
  assert.equal(quantity, 2);
  assert.ok(keys.includes('hashed_email') && !keys.includes('hashed_phone_number'), `${keys}`);
  assert.doesNotMatch(sent.join(), /jane/i);
});
