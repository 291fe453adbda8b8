// What a checker of accessibility says of a page.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

/** A check of the page at an address, `width` pixels wide: axe finds nothing, and nothing scrolls sideways. */
export async function checker(page) {
  const axe = await readFile(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
  return async (address, width, colorScheme) => {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    await page.goto(address);
    await page.evaluate(axe);
    const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    const { pathname, search } = new URL(address);
    assert.deepEqual(found, [], `${pathname}${search} ${width} ${colorScheme}`);
    assert.ok(passes.some(({ id }) => id === 'color-contrast'), 'contrast was not looked at');
    const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(tooWide, 0, `${pathname}${search} ${width} scrolls sideways`);
  };
}
