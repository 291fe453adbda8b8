// What the tests of all journeys need: a server, sites with its pixel, a browser, and visits to them.

import { Chromium } from './chromium.mjs';
import { Firefox } from './firefox.mjs';
import { Pixelgate } from './pixelgate.mjs';
import { Shop } from './shop.mjs';

const ID_COOKIE = /^__Host-Http-pg(-p)?$/;
export const TIME_LIMIT = { timeout: 120_000 };

/** As the tests have them: Chromium with third-party cookies, Firefox with cookies kept apart for each site. */
export const EACH = { Chromium: {}, Firefox: { kind: Firefox } };
/** With third-party cookies. */
export const ALLOWED = { Chromium: { cookies: 'allowed' }, Firefox: { kind: Firefox, cookies: 'allowed' } };
/** No site is shown what another one is shown. */
export const NOT_SHARED = {
  'Chromium that blocks': { cookies: 'blocked' },
  'Firefox that blocks': { kind: Firefox, cookies: 'blocked' },
  'Firefox that keeps apart': { kind: Firefox, cookies: 'apart' },
};
/** With Global Privacy Control. */
export const GPC = { Chromium: { gpc: true }, Firefox: { kind: Firefox, gpc: true } };

/** A test that is run in each of `browsers`, with a setting of its own. */
export function inEach(browsers, run) {
  return async (t) => {
    for (const [name, options] of Object.entries(browsers)) {
      await t.test(name, TIME_LIMIT, async (t) => run(await setting(t, options), t));
    }
  };
}

/** A server, a web server and a browser for one test, taken down after it. */
export async function setting(t, { kind = Chromium, ...options } = {}) {
  const server = await Pixelgate.start();
  t.after(() => server.remove());
  const shop = await Shop.start();
  t.after(() => shop.stop());
  const browser = await kind.launch(options);
  t.after(() => browser.close());
  return {
    server,
    shop,
    browser,
    get context() {
      return browser.context;
    },
  };
}

/** Opens a page of a site with the pixel on it; the request that the browser made and the answer it got. */
export async function visit({ server, shop, context }, site = 'shop') {
  const address = server.pixel();
  const page = await context.newPage();
  const answered = page.waitForResponse(address);
  await page.goto(shop.page('/thanks', `<img src="${address.replaceAll('&', '&amp;')}" alt="">`, site));
  const answer = await answered;
  await answer.finished();
  const [sent, got] = await Promise.all([answer.request().allHeaders(), answer.allHeaders()]);
  await page.close();
  return { outcome: got['pixelgate-outcome'], sent, got, body: answer };
}

export async function idCookies(context) {
  const cookies = await context.cookies();
  return cookies.filter(({ name }) => ID_COOKIE.test(name));
}
