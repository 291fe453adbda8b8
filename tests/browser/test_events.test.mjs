// A site that is opened with the code of a test, and what its advertiser sees of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStored, end, open, tagged } from './tag.mjs';
import { EACH, inEach } from './visits.mjs';

/** The advertiser's own software asks. */
async function ask({ server }, method) {
  const url = Object.assign(new URL('/12/accounts/18ce54d4x5t/test_events', server.url('/')), { hostname: '127.0.0.1' });
  const answer = await fetch(url, { method, headers: { authorization: 'Bearer dev-bearer-token' } });
  assert.equal(answer.status, 200);
  return (await answer.json()).data;
}

test('the tag takes the code of a test along, on every page that a single-page app shows, and nothing of it is stored', inEach(EACH, async (all) => {
  const { code } = await ask(all, 'POST');
  const commands = `twq('config','o8z6j');twq('event','tw-o8z6j-o87ne',{value:5});
    setTimeout(() => {history.pushState({},'','/cart');twq('event','tw-o8z6j-o87nz');${end}}, 500);`;
  const plain = await open(all, tagged(all.server, `twq('event','tw-o8z6j-o87nh');`));
  const seen = await open(all, tagged(all.server, commands), { path: `/?a=b&pg_test=${code}` });
  const rows = await assertStored(all, seen, ['ADD_TO_CART /', 'SITE_VISIT /', 'PURCHASE /', 'SITE_VISIT /cart', 'SIGN_UP /cart'], 5);
  await plain.page.close();
  const { events } = await ask(all, 'GET');
  const outcomes = events.map(({ name, outcome }) => `${name} ${outcome}`);
  assert.deepEqual(outcomes.sort(), [
    'pageview stored', 'pageview stored', 'tw-o8z6j-o87ne stored', 'tw-o8z6j-o87nf stored', 'tw-o8z6j-o87nz invalid',
  ]);
  const shown = events.map(({ id }) => id).filter(Boolean);
  const tested = rows.filter(({ event }) => event != 'ADD_TO_CART').map(({ id }) => id);
  assert.deepEqual(shown.sort(), tested.sort());
  assert.ok(!JSON.stringify(rows).includes(code));
  for (const query of plain.queries) assert.equal(query.get('pg_test'), null);
}));
