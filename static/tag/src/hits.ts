// Events on their way: they wait until they may be sent, and are sent once.

import type { EventDetails } from '../index';
import { GPC, OPT_OUT, isDenied, mayKeep, obstacle, parameters } from './consent';
import { type Reduced, reduce } from './details';
import type { Seen, Tag } from './globals';
import { clickId, landing } from './kept';
import { transmit } from './transport';

interface Hit {
  pixel: string;
  name: string;
  /** 128 random bits: this event's, however often it is sent. No UUID, which pages without TLS do not get. */
  id: string;
  page: string;
  details: Reduced;
}

/** A page on which nobody ever consents keeps no more than this. */
const WAITING_MAX = 100;

const waiting: Hit[] = [];

/** The script element that the tag came from says where its server is. */
export const server = new URL((document.currentScript as HTMLScriptElement).src).origin;

/** What becomes of each event, where somebody wants to see it. */
const seen: Seen[] | undefined = landing.get('pg_debug') ? [] : undefined;

/** Loads the panel that shows it. */
export function debug(twq: Tag): void {
  if (!seen) return;
  twq.seen = seen;
  const script = { crossOrigin: 'anonymous', integrity: __DEBUG_INTEGRITY__, src: `${server}/t/${__VERSION__}/debug.js` };
  document.head.append(Object.assign(document.createElement('script'), script));
}

declare const __DEBUG_INTEGRITY__: string;
declare const __VERSION__: string;

/** Notes that something happened. It is sent after all commands of the same script, so that their order does not matter. */
export async function add(pixel: string, name: string, details: EventDetails): Promise<void> {
  // In a frame the page around it counts. Of an address what may name somebody stays here.
  const [page = ''] = (details.page || (self != top && document.referrer) || location.href).split(/[?#]/);
  const hit: Hit = { pixel, name, id: crypto.getRandomValues(new Uint32Array(4)).join('-'), page, details: {} };
  hit.details = await reduce(details);
  if (waiting.length < WAITING_MAX) waiting.push(hit);
  flush();
}

/** Sends what waits, if it may be sent. */
export function flush(): void {
  const reason = obstacle();
  if (reason) waiting.forEach((hit) => seen?.push({ ...hit, reason }));
  if (reason == GPC || reason == OPT_OUT) waiting.length = 0;
  if (!reason) waiting.splice(0).forEach(send);
}

function send(hit: Hit): void {
  const url = address(hit);
  // The panel sends it, and shows what the server says.
  if (seen) seen.push({ ...hit, url });
  else transmit(url);
}

function address({ pixel, name, id, page, details: { restricted_data_use, ...details } }: Hit): string {
  const query = {
    txn_id: pixel,
    events: JSON.stringify([[name, details]]),
    event_id: id,
    tw_document_href: page,
    twclid: clickId(mayKeep()),
    pg_test: landing.get('pg_test'),
    restricted_data_use: isDenied('ad_personalization') || restricted_data_use,
    ...parameters(),
  };
  const pairs = Object.entries(query).filter(([, value]) => value);
  return `${server}/i/adsct?${new URLSearchParams(pairs as string[][])}`;
}

