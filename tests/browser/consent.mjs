// TC strings for the made-up vendor list, by IAB Europe's own encoder.

import { readFile } from 'node:fs/promises';
import { GVL, TCModel, TCString } from '@iabtechlabtcf/core';

const list = JSON.parse(await readFile(new URL('../../static/vendor-list.dev.json', import.meta.url), 'utf8'));
const VENDORS = Object.keys(list.vendors).map(Number);
const named = (last) => Object.fromEntries(Array.from({ length: last }, (_, at) => [at + 1, { id: at + 1, name: `${at + 1}` }]));

// It would fetch translations, which nothing here needs.
GVL.prototype.changeLanguage = async () => {};

/** A string of somebody who was told of all vendors, and consents to all purposes of `vendors` alone. */
export function consentTo(vendors) {
  const purposes = { purposes: named(11), specialPurposes: named(3), features: named(3), specialFeatures: named(2) };
  const model = new TCModel(new GVL({ ...list, ...purposes, stacks: {}, dataCategories: {} }));
  Object.assign(model, { cmpId: 300, cmpVersion: 1, isServiceSpecific: true, publisherCountryCode: 'DE' });
  model.purposeConsents.set(Array.from({ length: 11 }, (_, at) => at + 1));
  model.vendorConsents.set(vendors);
  model.vendorsDisclosed.set(VENDORS);
  return TCString.encode(model, { segments: ['core', 'vendorsDisclosed'] });
}
