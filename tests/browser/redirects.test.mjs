// Where the server sends browsers, as Chromium's own parser of addresses reads it: whatever somebody puts into what is
// passed on, it stays a value within the registered address.

import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { REGISTERED, market, see } from './partners.mjs';
import { TIME_LIMIT, idCookies } from './visits.mjs';

const SEED = Number(process.env.SEED ?? 20_260_301);
const COUNT = 5_000;

/** In the path, as a segment and as a part of one, and in values, one of which is an address itself. */
const WAY = '/a/{gdpr_consent}/b-{us_privacy}.gif/{partner_user_id}?puid={browser_id}&state={state}&gdpr={gdpr}'
  + '&c=x{gdpr_consent}y&us={us_privacy}&back=https%3A%2F%2Facme.localhost%2F%3Fq%3D{gdpr_consent}';
const NAMES = ['puid', 'state', 'gdpr', 'c', 'us', 'back'];
/** What the partner calls the browser; it could be anything, too. */
const UID = '../..\\%2e%2e/?a=b&c=d#e;f:g';

/** Whole values that addresses have been broken with, and what others are put together of. */
const WHOLE = ['', '.', '..', '...', '%2e', '%2E%2e', '.%2e', '/', '//', '\\', '../', '/..', '..\\', '#', '?', '@', ':', '&', '='];
const PIECES = [
  ...WHOLE, 'evil.example', 'acme.localhost', '127.0.0.1', '[::1]', ':80', ':99999', 'http:', 'https://', 'javascript:', '///',
  '/\\', '\\\\', '%2f', '%5c', '%23', '%3f', '%26', '%00', '%0d%0a', '%25', '%', '%zz', '%u002f', '\r\nLocation: ', '\n', '\r',
  '\t', '\0', ' ', '+', '"', "'", '<', '>', '{state}', '{', '}', '${UID}', '|', '^', '`', ';', ',', '~', '&us=x', '&puid=y', '=1',
  '\u3002', '\uff0e', '\uff0f', '\uff20', '\u2028', '\u202e', '\ufeff', '\u00ad', '\u0130', '\u{1f4a9}', '\u0000', 'a', 'Z', '0',
];
/** Bytes that are no UTF-8. */
const BROKEN = ['%ff', '%c0%af', '%ed%a0%80', '%f4%90%80%80', '%e3%80', '%80'];

/** SplitMix64; the first draws of a seed are the same everywhere. */
function random(seed) {
  let state = BigInt(seed);
  return (end) => {
    const mask = (1n << 64n) - 1n;
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let mixed = state;
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask;
    return Number((mixed ^ (mixed >> 31n)) % BigInt(end));
  };
}

/** A hostile value as it goes into a query, and as whoever decodes that has it. */
function hostile(below) {
  const pick = (from) => from[below(from.length)];
  const pieces = below(4) === 0 ? [pick(WHOLE)] : Array.from({ length: 1 + below(8) }, () => pick(PIECES));
  const encoded = pieces.map((piece) => (below(12) === 0 ? pick(BROKEN) : encodeURIComponent(piece))).join('');
  const bytes = encoded.replace(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)));
  return { encoded, value: new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1')) };
}

/** The `Location` of an answer. */
function location(port, path, headers, agent) {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers, agent }, (answer) => {
      answer.resume().on('end', () => resolve(answer.headers.location));
    });
    asked.once('error', reject).end();
  });
}

test('of thousands of hostile values none leads out of the registered address', TIME_LIMIT, async (t) => {
  const [acme, , outbid] = REGISTERED;
  const all = await market(t, { registered: [acme, { ...outbid, unsigned: true, way: WAY }] });
  const { server, outbid: partner, context } = all;
  assert.deepEqual(await see(all, [`/match/outbid?uid=${encodeURIComponent(UID)}`]), { '/match/outbid': 'stored' });
  const [{ name, value }] = await idCookies(context);
  const headers = { cookie: `${name}=${value}`, 'sec-fetch-storage-access': 'active' };

  t.diagnostic(`seed ${SEED}`);
  const below = random(SEED);
  const cases = Array.from({ length: COUNT }, () => ({ consent: hostile(below), us: hostile(below) }));
  for (const one of cases) {
    one.path = `/match/outbid/start?gdpr=0&gdpr_consent=${one.consent.encoded}&us_privacy=${one.us.encoded}`;
  }
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  t.after(() => agent.destroy());
  const found = await Promise.all(cases.map(({ path }) => location(server.port, path, headers, agent)));
  const page = await context.newPage();
  const read = await page.evaluate((locations) => locations.map((location) => {
    const { origin, pathname, searchParams, hash, username, password } = new URL(location);
    return { origin, segments: pathname.split('/'), pairs: [...searchParams], rest: hash + username + password };
  }), found);
  await page.close();

  const dotless = (text) => (/^\.*$/.test(text) ? '' : text);
  const puid = read[0].pairs[0][1];
  for (const [at, { consent, us, path }] of cases.entries()) {
    const { origin, segments, pairs, rest } = read[at];
    const said = `${path} -> ${found[at]}`;
    assert.equal(origin, partner.origin, said);
    assert.equal(rest, '', said);
    const expected = ['', 'a', dotless(consent.value), `b-${dotless(us.value)}.gif`, UID];
    assert.deepEqual(segments.map(decodeURIComponent), expected, said);
    assert.deepEqual(pairs.map(([known]) => known), NAMES, said);
    const values = Object.fromEntries(pairs);
    const back = `https://acme.localhost/?q=${consent.value}`;
    assert.deepEqual([values.puid, values.gdpr, values.c, values.us, values.back], [puid, '0', `x${consent.value}y`, us.value, back], said);
    assert.match(values.state, /^[\w-]{47}$/, said);
  }

  // And there it goes.
  const before = partner.requests.length;
  const sample = cases.slice(0, 50).map(({ path }) => path);
  await see(all, sample);
  const went = partner.requests.slice(before).map(({ url }) => url.pathname.split('/').length);
  assert.deepEqual(went, sample.map(() => 5));
  assert.deepEqual(all.acme.requests, []);
});
