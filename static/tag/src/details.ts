// What of an event's details leaves the browser: a few named fields, and addresses only as hashes.

import type { EventDetails } from '../index';

const FIELDS = ['value', 'currency', 'num_items', 'number_items', 'conversion_id', 'order_id', 'contents', 'restricted_data_use'] as const;

/** The server reads addresses of 8 KiB, and consent strings need their part of it. */
const CONTENTS_CHARS_MAX = 2000;

export type Reduced = Record<string, unknown>;

export async function reduce(given: EventDetails): Promise<Reduced> {
  const reduced: Reduced = {};
  for (const field of FIELDS) {
    if (given[field] != null) reduced[field] = given[field];
  }
  if (JSON.stringify(reduced.contents ?? 0).length > CONTENTS_CHARS_MAX) delete reduced.contents;
  reduced.email_address = await hash(given.email_address, /\s/g, /.@./);
  // E.164: a plus sign and up to 15 digits.
  reduced.phone_number = await hash(given.phone_number, /[\s()./-]/g, /^\+\d{7,15}$/);
  return reduced;
}

const HASH = /^[\da-f]{64}$/;

/** The SHA-256 of `text` in small letters and without `filling`, if that has its `form`. Never the text itself. */
async function hash(text: unknown, filling: RegExp, form: RegExp): Promise<string | undefined> {
  const normal = `${text ?? ''}`.toLowerCase().replace(filling, '');
  if (HASH.test(normal)) return normal;
  // Pages without TLS have no `subtle`.
  if (!form.test(normal) || !crypto.subtle) return;
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(normal));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
