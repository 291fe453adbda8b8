// Shows each event of the page and what the server says became of it, in a frame of the server's own: what the server
// says of a browser, such as that it has opted out, is for the person at the browser and not for the page.

import type { Seen, Tag } from './globals';
import { transmit } from './transport';

const FRAME = {
  position: 'fixed',
  right: '8px',
  bottom: '8px',
  zIndex: '2147483647',
  width: 'min(440px, calc(100vw - 16px))',
  height: 'min(280px, 45vh)',
  border: '1px solid #767a82',
  borderRadius: '8px',
  background: '#fff',
  colorScheme: 'light',
};

/** A frame that the page's policy forbids never says that it is there. */
const READY_MS = 3000;

const { src } = document.currentScript as HTMLScriptElement;
const frame = document.createElement('iframe');
frame.src = new URL('panel.html', src).href;
frame.title = 'Pixelgate: events of this page';
// Not as an attribute, which a page's policy may forbid, too.
Object.assign(frame.style, FRAME);

const seen = (window.twq as Tag).seen ?? [];

function show({ id, pixel, name, reason, url }: Seen): void {
  frame.contentWindow?.postMessage({ id, pixel, name, reason, query: url && new URL(url).search }, new URL(src).origin);
}

/** Where there is no frame, events are sent as they are without it. */
function giveUp(): void {
  frame.remove();
  take(({ url }) => url && transmit(url));
}

function take(each: (event: Seen) => unknown): void {
  seen.splice(0).forEach(each);
  seen.push = (event) => (each(event), 0);
}

const timer = setTimeout(() => {
  console.warn('Pixelgate: the panel cannot be shown; does frame-src allow the server?');
  giveUp();
}, READY_MS);

addEventListener('message', ({ source, data }) => {
  if (source != frame.contentWindow) return;
  clearTimeout(timer);
  if (data == 'ready') take(show);
  if (data == 'close') giveUp();
});

(document.body ?? document.documentElement).append(frame);
