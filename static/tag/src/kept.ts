// What is kept in the browser, for this site alone: its opt-out, and with consent the id of the click that led here.

/** The longest window in which a click can be credited. */
const CLICK_MS = 30 * 24 * 3600 * 1000;

const CLICK = 'pg_click';
const OPT_OUT = 'pg_optout';

/** What the address of the page says when the tag comes; a single-page app may change it. */
export const landing = new URLSearchParams(location.search);
// An id has at most 64 characters. What has more is no id, and the server says so.
const landedWith = landing.get('twclid')?.slice(0, 65);

/** Where there is no storage, the opt-out holds for this page. */
let optedOut = false;

/** Looks each time: another tab of the site counts, too. */
export function isOptedOut(): boolean {
  return use((storage) => storage.getItem(OPT_OUT) == '1') ?? optedOut;
}

export function optOut(out: boolean): void {
  optedOut = out;
  use((storage) => {
    if (out) {
      storage.setItem(OPT_OUT, '1');
      storage.removeItem(CLICK);
    } else storage.removeItem(OPT_OUT);
  });
}

/** The id of the click that led here or, where it may be kept, to an earlier page. */
export function clickId(mayKeep: boolean): string | undefined {
  const kept = use((storage) => {
    const [id, until] = (storage.getItem(CLICK) ?? '').split('.');
    if (!mayKeep || !(Number(until) > Date.now())) storage.removeItem(CLICK);
    else if (!landedWith || landedWith == id) return id;
    if (mayKeep && landedWith) storage.setItem(CLICK, `${landedWith}.${Date.now() + CLICK_MS}`);
    return;
  });
  return landedWith ?? kept;
}

/** Pages can be denied their storage. */
function use<T>(what: (storage: Storage) => T): T | undefined {
  try {
    return what(localStorage);
  } catch {
    return;
  }
}
