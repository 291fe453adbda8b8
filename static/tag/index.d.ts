// The commands of the tag, for programs in TypeScript.

/** What may be said about an event. Nothing else that is given leaves the browser. */
export interface EventDetails {
  /** An amount of money, as `59.9` or `"59.90"`. */
  value?: number | string | null;
  /** Three letters of ISO 4217; US dollars without it. */
  currency?: string | null;
  /** How many items; `number_items` is the same. */
  num_items?: number | string | null;
  number_items?: number | string | null;
  /** The order's number or the like: a second event with the same one is not counted. `order_id` is the same. */
  conversion_id?: string | number | null;
  order_id?: string | number | null;
  contents?: ReadonlyArray<Record<string, unknown>> | null;
  /** In clear or as the SHA-256 in hexadecimal digits. What leaves the browser is the hash. */
  email_address?: string | null;
  /** The same, as `+49 30 123456`: a number without its country's code is left out. */
  phone_number?: string | null;
  /** The page's address, for a sandboxed frame that cannot know it. */
  page?: string | null;
  /** Anything but nothing, `0`, `off` and `false`: the event is used for measurement only. */
  restricted_data_use?: string | boolean | null;
}

export type Choice = 'granted' | 'denied';

export interface ConsentChoices {
  /** May cookies, and the click's id on this site, be kept and read? */
  ad_storage?: Choice;
  /** May what a person does be reported? */
  ad_user_data?: Choice;
  /** May it be used for more than measuring? Without it events are reported with restricted data use. */
  ad_personalization?: Choice;
}

export interface Twq {
  /** A page view of this pixel now, and of every page that a single-page app shows from now on. */
  (command: 'config', pixel: string, always?: EventDetails): void;
  /** Names the pixel and reports nothing by itself. `always` goes with each of its events. */
  (command: 'init', pixel: string, always?: EventDetails): void;
  /** An event of all pixels that were named, by its kind: `PageView`, `Purchase`, … */
  (command: 'track', event: string, details?: EventDetails): void;
  /** An event by its tag: `tw-<pixel>-<event tag>`. */
  (command: 'event' | 'new_event', tag: string, details?: EventDetails): void;
  /** With anything denied nothing is sent; what happens meanwhile waits for an `update`. */
  (command: 'consent', kind: 'default' | 'update', choices: ConsentChoices): void;
  /** Nothing is sent from this site any more, until `optin`. */
  (command: 'optout' | 'optin'): void;
  /** What is called before the tag is there. */
  queue?: ArrayLike<unknown>[];
  /** The tag, once it is there. */
  exe?: (...command: unknown[]) => void;
  version?: string;
}

export interface LoadOptions {
  /** A version of the tag that never changes, as `pixelgate snippet --sri` names it; without it the current one. */
  version?: string;
  /** That version's hash, for Subresource Integrity. */
  integrity?: string;
  /** The nonce of the page's Content Security Policy. */
  nonce?: string;
}

/** Loads the tag from the server at `origin` (once for a page), and returns what takes commands at once. */
export function load(origin: string, options?: LoadOptions): Twq;

declare global {
  interface Window {
    twq?: Twq;
  }
}
