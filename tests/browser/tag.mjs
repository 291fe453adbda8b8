// Pages with the tag, and what they make of it.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

/** X's base code as it is published, and its host. */
const BASE_CODE = `!function(e,t,n,s,u,a){e.twq||(s=e.twq=function(){s.exe?s.exe.apply(s,arguments):s.queue.push(arguments);
},s.version='1.1',s.queue=[],u=t.createElement(n),u.async=!0,u.src='https://static.ads-twitter.com/uwt.js',
a=t.getElementsByTagName(n)[0],a.parentNode.insertBefore(u,a))}(window,document,'script');`;
const HOST = 'https://static.ads-twitter.com';

/** A page that runs `commands` behind the base code, in which nothing but the host is changed. */
export function tagged(server, commands, before = '') {
  return `<script>${before}</script><script>${BASE_CODE.replace(HOST, server.url(''))}
${commands}</script>`;
}

/** Opens a page, and notes what its hits ask and are answered, and what else it asks the server. */
export async function open({ shop, context }, body, { path = '/', site = 'shop', headers = {} } = {}) {
  const page = await context.newPage();
  const seen = { page, outcomes: [], queries: [] };
  page.on('response', async (answer) => {
    const url = new URL(answer.url());
    if (url.pathname != '/i/adsct') return;
    seen.queries.push(url.searchParams);
    seen.outcomes.push((await answer.allHeaders())['pixelgate-outcome']);
  });
  await page.goto(shop.page(path, body, site, headers));
  return seen;
}

/** Waits until `isSo`, and says what it is still waiting for after 20 seconds. */
export async function until(isSo, what) {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await isSo()) return;
    await pause(50);
  }
  assert.fail(`after 20 s still: ${what()}`);
}

/**
 * What was stored has to be `expect`, in whatever order: hits of one moment are under way together. Each test's last command
 * is `end`, an event that nothing else sends.
 */
export async function assertStored({ server, shop }, seen, expect, answered = expect.length) {
  const isOver = () => seen.outcomes.length >= answered && seen.queries.some((query) => query.get('events')?.includes(END));
  await until(isOver, () => seen.queries.join('\n'));
  await seen.page.close();
  const rows = await server.stored();
  const stored = rows.map(({ event, page }) => `${event} ${page.replace(`http://shop.localhost:${shop.port}`, '')}`);
  assert.deepEqual(stored.sort(), [...expect].sort());
  return rows;
}

/** The shop's event tag for sign-ups. */
const END = 'tw-o8z6j-o87nf';
export const end = `twq('event','${END}');`;
