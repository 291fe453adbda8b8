// What Firefox sends and keeps, which is not what Chromium does. What both do is in the other tests.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Firefox } from './firefox.mjs';
import { SlowNetwork } from './slow.mjs';
import { TIME_LIMIT, idCookies, setting, visit } from './visits.mjs';

/** For each setting of third-party cookies: what Firefox says of it, and the id cookies of two sites afterwards. */
const FACTS = [
  { cookies: 'apart', says: 'none', kept: ['__Host-Http-pg-p', '__Host-Http-pg-p'] },
  { cookies: 'allowed', says: undefined, kept: ['__Host-Http-pg'] },
  { cookies: 'blocked', says: undefined, kept: [] },
];

test('Firefox says that it keeps cookies apart, and of other settings nothing', async (t) => {
  for (const { cookies, says, kept } of FACTS) {
    await t.test(cookies, TIME_LIMIT, async (t) => {
      const all = await setting(t, { kind: Firefox, cookies });
      const network = await SlowNetwork.before(all.server);
      t.after(() => network.stop());
      const visits = [await visit(all, 'shop'), await visit(all, 'shop'), await visit(all, 'news')];
      for (const { sent, outcome } of visits) {
        assert.match(outcome, /^stored;/);
        assert.equal(sent['sec-fetch-storage-access'], says);
        assert.equal(sent['sec-gpc'], undefined);
      }
      // The driver tells what Firefox sent, and not less.
      assert.deepEqual(visits.map(({ sent }) => sent), network.requests.map(({ headers }) => headers));

      const cookiesNow = await idCookies(all.context);
      assert.deepEqual(cookiesNow.map(({ name }) => name), kept);
      assert.ok(cookiesNow.every(({ secure, httpOnly, sameSite }) => secure && httpOnly && sameSite === 'None'));
      const shown = visits.map(({ sent }) => sent.cookie?.split('=')[0]);
      const isShared = cookies === 'allowed';
      assert.deepEqual(shown, [undefined, kept[0], isShared ? kept[0] : undefined]);
      const ids = (await all.server.stored()).map((row) => row.browser_id);
      assert.equal(new Set(ids).size, 3 - shown.filter(Boolean).length, 'what is shown is an id that is known');
    });
  }
});
