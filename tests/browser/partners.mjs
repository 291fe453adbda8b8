// Audience partners: a web server each, on a site of its own, with a cookie of its own that names the browser; and a
// server in whose configuration they are registered.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Chromium } from './chromium.mjs';
import { Pixelgate } from './pixelgate.mjs';
import { Shop } from './shop.mjs';

const VENDOR_LIST = fileURLToPath(new URL('../../static/vendor-list.dev.json', import.meta.url));
const SECRET = '00112233445566778899aabbccddeeff'.repeat(2);

/** What a partner is told of consent, and passes on. */
const CONSENT = ['gdpr', 'gdpr_consent', 'us_privacy'];
const WAY = `/sync?puid={browser_id}&state={state}&${CONSENT.map((name) => `${name}={${name}}`).join('&')}`;

/** Numbers, names and vendors are those of development mode. */
export const REGISTERED = [
  { id: 111, name: 'acme', vendor: 755, unsigned: true, way: WAY },
  { id: 222, name: 'strict', vendor: 25, way: WAY },
  { id: 333, name: 'outbid', vendor: 52, way: WAY },
];

/** Beside its own, one pixel on each of these hosts below its own, which tell themselves apart by `n`. */
export const FRAMED = { ...REGISTERED[0], pixels: ['a', 'b', 'c'] };

/** An image that leads nowhere. */
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

export class Partner {
  static async start(registered) {
    const partner = Object.assign(new Partner(), registered);
    partner.requests = [];
    partner.server = createServer((request, response) => partner.#answer(request, response));
    partner.server.listen(0, '127.0.0.1');
    await once(partner.server, 'listening');
    partner.origin = `http://${partner.name}.localhost:${partner.server.address().port}`;
    return partner;
  }

  /** Whether its cookie is one for each site that it is embedded in. */
  partitioned = false;

  /** Where it sends a browser, given its own id for it and what it was asked with; nowhere if that is null. */
  back = () => '/';

  /** What it calls browsers, in the order in which it saw them. */
  get ownIds() {
    return [...new Set(this.requests.map(({ uid }) => uid))];
  }

  /** What it was told that we call them. */
  get toldIds() {
    const told = this.requests.map(({ url }) => url.searchParams.get('puid'));
    return [...new Set(told.filter((id) => id !== null))];
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  #answer(request, response) {
    const url = new URL(request.url, this.origin);
    const uid = /(?:^|; )uid=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1] ?? randomBytes(8).toString('hex');
    this.requests.push({ url, headers: request.headers, uid });
    const cookie = `uid=${uid}; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=86400`;
    const location = this.back(uid, url.searchParams);
    response.writeHead(location === null ? 200 : 302, {
      ...(location === null ? { 'content-type': 'image/gif' } : { location }),
      'set-cookie': cookie + (this.partitioned ? '; Partitioned' : ''),
      'cache-control': 'no-store',
    });
    response.end(location === null ? GIF : '');
  }
}

/** The way back that partners take, with their id for the browser and what it was given along. */
export function wayBack(address, uid, given) {
  const back = new URL(address);
  back.searchParams.set('uid', uid);
  for (const name of ['state', ...CONSENT]) if (given.get(name)) back.searchParams.set(name, given.get(name));
  return back.href;
}

/** The text of a configuration in which `partners` are registered where they listen. */
function configuration(partners, regime) {
  const quoted = JSON.stringify;
  const below = (origin, host) => origin.replace('://', `://${host}.`);
  const entry = ({ id, name, vendor, unsigned = false, by = 'image', origin, way, pixels = [] }) => `
[[partners]]
id = ${id}
name = ${quoted(name)}
vendor_id = ${vendor}
unsigned = ${unsigned}
${by} = ${quoted(origin + way)}
pixels = ${quoted(pixels.map((host) => `${below(origin, host)}${way}&n=${host}`))}
`;
  return (directory) => `data_dir = ${quoted(directory)}
public = { listen = "127.0.0.1:0" }
admin = { listen = "127.0.0.1:0" }
rate_limits = { enabled = false }
log = { file_bytes = 4_194_304 }
cookie_keys = [{ id = 1, secret = ${quoted(SECRET)} }]

[consent]
default_regime = ${quoted(regime)}
vendor_id = 9999
vendor_list = ${quoted(VENDOR_LIST)}
vendor_list_max_age_days = 36_500

[matching]
secret = ${quoted(SECRET)}
publisher_origins = ["http://shop.localhost:*", "http://news.localhost:*"]

[[accounts]]
id = "18ce54d4x5t"
name = "Shop"
country = "US"

[[accounts.pixels]]
id = "o8z6j"
origins = ["http://*.localhost:*"]
event_tags = []
${partners.map(entry).join('')}`;
}

/** Partners, a server that has them registered, a web server and a browser for one test, taken down after it. */
export async function market(t, { regime = 'none', registered = REGISTERED, kind = Chromium, ...options } = {}) {
  const partners = [];
  for (const one of registered) {
    const partner = await Partner.start(one);
    t.after(() => partner.stop());
    partners.push(partner);
  }
  const server = await Pixelgate.start({ configuration: configuration(partners, regime) });
  t.after(() => server.remove());
  for (const partner of partners) {
    partner.back = (uid, given) => wayBack(server.url(`/match/${partner.name}`), uid, given);
  }
  const shop = await Shop.start();
  t.after(() => shop.stop());
  const browser = await kind.launch(options);
  t.after(() => browser.close());
  const named = Object.fromEntries(partners.map((partner) => [partner.name, partner]));
  return { server, shop, partners, ...named, browser, context: browser.context };
}

/** Opens a page of a site with these images on it. What the server said of each that it answered, by path, at the end. */
export async function see(all, addresses, site = 'shop') {
  const urls = addresses.map((address) => (address.startsWith('/') ? all.server.url(address) : address));
  const images = urls.map((url) => `<img src="${url.replaceAll('&', '&amp;')}" alt="">`);
  return open(all, images.join(''), site);
}

/** The same of a page with any body; `look` sees the page when all of it is loaded. */
export async function open({ shop, context }, body, site = 'shop', look = () => {}) {
  const page = await context.newPage();
  const answers = [];
  page.on('response', (answer) => answers.push(answer));
  // The page is loaded once its images and frames are, with all the redirects that lead to them.
  await page.goto(shop.page('/match', body, site));
  await look(page);
  const outcomes = {};
  for (const answer of answers) {
    const { 'pixelgate-outcome': outcome } = await answer.allHeaders();
    if (outcome) outcomes[new URL(answer.url()).pathname] = outcome.replace(/; id=.*/, '');
  }
  await page.close();
  return outcomes;
}

/** The addresses of the images that send a browser to each of `partners`. */
export function starts(partners, query = '') {
  return partners.map(({ name }) => `/match/${name}/start${query}`);
}

/** What the browser shows of itself as its own server sees it: what `/getuids` answers, and its id. */
export async function known({ server, context }, query = '') {
  const page = await context.newPage();
  const answer = await page.goto(server.url(`/getuids${query}`));
  const { buyeruids } = await answer.json();
  await page.close();
  return buyeruids;
}

/** What is in the match table of each partner, by name: its id for a browser and what it was told that ours is. */
export async function table({ server, partners }) {
  const tables = await Promise.all(partners.map(({ name }) => server.matches(name)));
  return Object.fromEntries(partners.map(({ name }, at) => [name, tables[at].map(({ theirs, ours }) => [theirs, ours])]));
}

/** Every stored row, in short. */
export async function rows({ server }) {
  const stored = await server.stored();
  return stored.map(({ kind, partner_id: partner, partner_user_id: uid, scope, proof, browser_id: browser }) =>
    kind === 'match' ? { partner, uid, scope, proof, browser } : { kind, browser });
}

/** What no partner may have seen: another one's ids, or ours, be it as the cookie has it or as it is stored. */
export function assertNothingShared(partners, browserIds) {
  const ours = browserIds.flatMap((hex) => {
    const bytes = Buffer.from(hex, 'hex');
    return [hex, bytes.toString('base64url'), bytes.toString('base64').replaceAll('=', '')];
  });
  for (const partner of partners) {
    const others = partners.filter((other) => other !== partner);
    const foreign = [...ours, ...others.flatMap(({ ownIds, toldIds }) => [...ownIds, ...toldIds])];
    const captured = JSON.stringify(partner.requests.map(({ url, headers }) => [decodeURIComponent(url.href), headers]));
    const found = foreign.filter((id) => captured.toLowerCase().includes(id.toLowerCase()));
    assert.deepEqual(found, [], `${partner.name} has seen what is not for it`);
    for (const id of partner.toldIds) assert.match(id, /^[\w-]{22}$/);
  }
}
