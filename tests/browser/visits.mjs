// What the tests of all journeys need: a server, sites with its pixel, a browser, and visits to them.

import { launch } from './chromium.mjs';
import { Pixelgate } from './pixelgate.mjs';
import { Shop } from './shop.mjs';

const ID_COOKIE = /^__Host-Http-pg(-p)?$/;
export const TIME_LIMIT = { timeout: 120_000 };

/** A server, a web server and a browser for one test, taken down after it. */
export async function setting(t, options) {
  const server = await Pixelgate.start();
  t.after(() => server.remove());
  const shop = await Shop.start();
  t.after(() => shop.stop());
  const browser = await launch(options);
  t.after(() => browser.close());
  return { server, shop, browser, context: browser.context };
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
