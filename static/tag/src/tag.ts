// The tag: takes the commands that the page has given and will give.

import type { ConsentChoices, EventDetails } from '../index';
import { choose } from './consent';
import type { Tag } from './globals';
import { debug, flush } from './hits';
import { optOut } from './kept';
import { event, register, report, track, watch } from './pages';

function execute(command?: unknown, first?: unknown, second?: unknown): void {
  const word = clean(command);
  const what = clean(first);
  const details = (second || {}) as EventDetails;
  if (word == 'optout' || word == 'optin') optOut(word == 'optout');
  // What names nothing is no command.
  if (!what) return;
  if (word == 'init') register(what, details);
  if (word == 'config') report(what, details);
  if (word == 'track') track(what, details);
  if (word == 'event' || word == 'new_event') {
    const pixel = /^tw-(\w+)-\w+$/.exec(what)?.[1];
    if (pixel) event(pixel, what, details);
  }
  if (word == 'consent') choose(what, details as ConsentChoices);
}

function clean(word: unknown): string {
  return `${word ?? ''}`.trim().toLowerCase();
}

/** A page may have the tag twice; the first one takes all. */
function start(): void {
  const twq = window.twq as Tag | undefined;
  if (!twq || twq.exe) return;
  twq.exe = execute;
  debug(twq);
  watch();
  document.addEventListener('prerenderingchange', flush);
  twq.queue?.splice(0).forEach((command) => execute.apply(null, command as []));
}

start();
