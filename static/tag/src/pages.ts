// Pixels, and the pages that they are shown.

import type { EventDetails } from '../index';
import { add } from './hits';

interface Pixel {
  /** Goes with each event. */
  always: EventDetails;
  /** Whether every page is reported by itself. */
  isAutomatic?: boolean;
  /** The path whose view was reported last. */
  path?: string;
}

const pixels: Record<string, Pixel> = {};

/** Names a pixel, and what goes with each of its events. */
export function register(id: string, always: EventDetails): Pixel {
  const pixel = (pixels[id] ??= { always: {} });
  Object.assign(pixel.always, always);
  return pixel;
}

/** From now on every page is reported, the first one at once. */
export function report(id: string, always: EventDetails): void {
  register(id, always).isAutomatic = true;
  viewAll();
}

/** An event of one pixel, whether it was named or not. */
export function event(id: string, name: string, details: EventDetails): void {
  void add(id, name, { ...pixels[id]?.always, ...details });
}

/** An event of all pixels that were named. */
export function track(name: string, details: EventDetails): void {
  for (const id in pixels) (name == 'pageview' ? view : event)(id, name, details);
}

/** One view for a page, however many tags, scripts and tag managers report it. */
function view(id: string, name = 'pageview', details = {}): void {
  const pixel = pixels[id]!;
  if (pixel.path == location.pathname) return;
  pixel.path = location.pathname;
  event(id, name, details);
}

function viewAll(again?: boolean): void {
  for (const id in pixels) {
    if (again) delete pixels[id]!.path;
    if (pixels[id]!.isAutomatic) view(id);
  }
}

/** Looks out for pages that are shown without being loaded. */
export function watch(): void {
  for (const method of ['pushState', 'replaceState'] as const) {
    const original = history[method];
    history[method] = function (...state) {
      original.apply(this, state);
      viewAll();
    };
  }
  addEventListener('popstate', () => viewAll());
  addEventListener('pageshow', ({ persisted }) => persisted && viewAll(true));
}
