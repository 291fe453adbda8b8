// Prints strings of the official encoders with what the same packages decode them to, in the form of
// tests/vectors/consent: node generate.mjs tcf|gpp SEED COUNT
import { TCString, TCModel, GVL, PurposeRestriction } from "@iabtechlabtcf/core";
import * as gpp from "@iabgpp/cmpapi";

const [, , kind, seed, count] = process.argv;
let state = BigInt(seed);

// SplitMix64.
function next() {
  const mask = (1n << 64n) - 1n;
  state = (state + 0x9e3779b97f4a7c15n) & mask;
  let z = state;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
  return z ^ (z >> 31n);
}
const below = (end) => Number(next() % BigInt(end));
const oneIn = (n) => below(n) === 0;
const upTo = (max) => Array.from({ length: max }, (_, index) => index + 1);
const pick = (from) => from[below(from.length)];

// Some of them; all, none, few and runs of them come often.
function some(ids) {
  const shape = below(6);
  if (shape === 0) return [];
  if (shape === 1) return ids;
  if (shape === 2) return ids.filter(() => oneIn(40));
  const share = 1 + below(9);
  let is = oneIn(2);
  return ids.filter(() => {
    if (shape === 3) return below(10) < share;
    if (oneIn(2 + share * 4)) is = !is;
    return is;
  });
}

const letters = () => String.fromCharCode(65 + below(26), 65 + below(26));
const time = () => new Date(Date.UTC(2018, 4, 25) + below(5000) * 86_400_000);

// `[1,2,3,9]` -> `"1-3,9"`
function ranges(ids) {
  const found = [];
  for (const id of ids) {
    const last = found.at(-1);
    if (last && last[1] + 1 === id) last[1] = id;
    else found.push([id, id]);
  }
  return found.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

// It would fetch translations, which nothing here needs.
GVL.prototype.changeLanguage = async () => {};

// Every vendor declares everything, so that the encoder leaves out nothing that was set.
function vendorList(ids) {
  const vendor = (id) => ({
    id, name: `${id}`, purposes: upTo(11), legIntPurposes: [2, 7, 8, 9, 10, 11], flexiblePurposes: [2, 7, 8, 9, 10, 11],
    specialPurposes: [], features: [], specialFeatures: [],
  });
  const named = (last) => Object.fromEntries(upTo(last).map((id) => [id, { id, name: `${id}` }]));
  return new GVL({
    gvlSpecificationVersion: 3, vendorListVersion: 300, tcfPolicyVersion: 5, lastUpdated: "2026-01-01T00:00:00Z",
    purposes: named(11), specialPurposes: named(3), features: named(3), specialFeatures: named(2), stacks: {},
    dataCategories: {}, vendors: Object.fromEntries(ids.map((id) => [id, vendor(id)])),
  });
}

function tcModel(gvl, ids) {
  const model = new TCModel(gvl);
  model.cmpId = 2 + below(4094);
  model.cmpVersion = below(4096);
  model.consentScreen = below(64);
  model.isServiceSpecific = !oneIn(4);
  model.useNonStandardTexts = oneIn(2);
  model.purposeOneTreatment = oneIn(3);
  model.publisherCountryCode = letters();
  model.created = time();
  model.lastUpdated = oneIn(2) ? model.created : time();
  model.specialFeatureOptins.set(some(upTo(12)));
  model.purposeConsents.set(some(upTo(24)));
  model.purposeLegitimateInterests.set(some(upTo(24)));
  model.vendorConsents.set(some(ids));
  model.vendorLegitimateInterests.set(some(ids));
  model.vendorsDisclosed.set(some(ids));
  model.vendorsAllowed.set(some(ids));
  model.publisherConsents.set(some(upTo(24)));
  model.publisherLegitimateInterests.set(some(upTo(24)));
  model.numCustomPurposes = oneIn(2) ? 0 : below(64);
  const custom = upTo(model.numCustomPurposes);
  model.publisherCustomConsents.set(some(custom));
  model.publisherCustomLegitimateInterests.set(some(custom));
  for (let left = oneIn(2) ? below(5) : 0; left > 0; left--) {
    const restriction = new PurposeRestriction(1 + below(11), below(3));
    for (const id of some(ids).slice(0, 1 + below(40))) model.publisherRestrictions.add(id, restriction);
  }
  return model;
}

const members = (vector) => upTo(vector.maxId).filter((id) => vector.has(id));

function tcRow(gvl) {
  const ids = Object.keys(gvl.vendors).map(Number);
  const segments = ["core", ...["vendorsDisclosed", "vendorsAllowed", "publisherTC"].filter(() => oneIn(2))];
  // What the encoder takes from the list, whatever the model says.
  gvl.lang_ = pick(["EN", "FR", "DE", "IT", "ES", "NL", "PL", "SV"]);
  gvl.vendorListVersion = 1 + below(4095);
  gvl.tcfPolicyVersion = 2 + below(4);
  const s = TCString.encode(tcModel(gvl, ids), { segments });
  const tc = TCString.decode(s);
  const vector = (name) => members(tc[name]);
  const there = (segment) => segments.includes(segment);
  const restrictions = tc.publisherRestrictions.getRestrictions().map((one) =>
    [one.purposeId, one.restrictionType, ranges(tc.publisherRestrictions.getVendors(one))]);
  return {
    s, v: tc.version, created: tc.created.getTime(), updated: tc.lastUpdated.getTime(), cmp: tc.cmpId,
    cmpv: tc.cmpVersion, screen: tc.consentScreen, lang: tc.consentLanguage, list: tc.vendorListVersion,
    policy: tc.policyVersion, ss: tc.isServiceSpecific, nst: tc.useNonStandardTexts,
    sf: vector("specialFeatureOptins"), pc: vector("purposeConsents"), pli: vector("purposeLegitimateInterests"),
    p1t: tc.purposeOneTreatment, cc: tc.publisherCountryCode,
    vc: ranges(vector("vendorConsents")), vli: ranges(vector("vendorLegitimateInterests")), pr: restrictions,
    vd: there("vendorsDisclosed") ? ranges(vector("vendorsDisclosed")) : null,
    va: there("vendorsAllowed") ? ranges(vector("vendorsAllowed")) : null,
    pub: there("publisherTC") ? {
      pc: vector("publisherConsents"), pli: vector("publisherLegitimateInterests"), n: tc.numCustomPurposes,
      cc: vector("publisherCustomConsents"),
    } : null,
    cli: there("publisherTC") ? vector("publisherCustomLegitimateInterests") : null,
  };
}

// Section 2 is the other package's.
const SECTIONS = Object.values(gpp).filter((one) => typeof one === "function" && one.NAME && one.ID && one.NAME !== "header" && one.ID !== 2);

// What a field of this default may be.
function value(name, usual) {
  if (name.endsWith("Version") || name.endsWith("SegmentType")) return usual;
  if (typeof usual === "boolean") return oneIn(2);
  if (usual instanceof Date) return time();
  if (Array.isArray(usual)) return usual.map((one) => value("", one));
  return below(3);
}

function fill(model, section) {
  if (section.NAME === "uspv1") {
    for (const name of ["Notice", "OptOutSale", "LspaCovered"]) model.setFieldValue("uspv1", name, pick(["Y", "N", "-"]));
    return;
  }
  for (const [name, usual] of Object.entries(new section().toObj())) {
    if (section.NAME === "tcfcav1") fillCanada(model, name, usual);
    else if (!name.endsWith("Version") && !name.endsWith("Type")) set(model, section.NAME, name, usual);
  }
  // Last, as setting any other field makes them the time of that.
  if (section.NAME === "tcfcav1") for (const name of ["Created", "LastUpdated"]) model.setFieldValue("tcfcav1", name, time());
}

// There are fields that have no 0.
function set(model, section, name, usual) {
  for (let tries = 0; ; tries++) {
    try {
      return model.setFieldValue(section, name, value(name, usual));
    } catch (error) {
      if (tries === 20) throw error;
    }
  }
}

function fillCanada(model, name, usual) {
  const set = (to) => model.setFieldValue("tcfcav1", name, to);
  if (name === "Version" || name.endsWith("Type") || usual instanceof Date) return;
  if (name === "ConsentLanguage") set(letters());
  else if (name === "PubRestrictions") set(upTo(oneIn(2) ? below(5) : 0).map(restriction));
  else if (name === "NumCustomPurposes") set(oneIn(2) ? 0 : below(64));
  // Comes after their number.
  else if (name.startsWith("Custom")) set(upTo(model.getFieldValue("tcfcav1", "NumCustomPurposes")).map(() => oneIn(2)));
  else if (/Vendor(Express|Implied)|DisclosedVendors/.test(name)) set(some(upTo(1200)));
  else if (name === "CmpId" || name === "CmpVersion" || name === "VendorListVersion") set(below(4096));
  else if (name === "ConsentScreen" || name === "TcfPolicyVersion") set(below(64));
  else set(value("", usual));
}

// The package has a class for this that it does not export.
function restriction() {
  const [key, type, ids] = [1 + below(11), below(3), some(upTo(1200))];
  return { getKey: () => key, getType: () => type, getIds: () => ids };
}

// As the vectors have it: sets of ids instead of bits, ranges instead of lists of vendors.
function canada(fields) {
  const plain = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Date) plain[name] = value.getTime();
    else if (name === "PubRestrictions") plain[name] = value.map((one) => [one.key, one.type, ranges(one.ids)]);
    else if (/Vendor(Express|Implied)|^DisclosedVendors$/.test(name)) plain[name] = ranges(value);
    else if (Array.isArray(value)) plain[name] = upTo(value.length).filter((id) => value[id - 1]);
    else plain[name] = value;
  }
  return plain;
}

function gppRow() {
  const chosen = SECTIONS.filter(() => oneIn(8));
  if (chosen.length === 0) chosen.push(pick(SECTIONS));
  const model = new gpp.GppModel();
  for (const section of chosen) fill(model, section);
  const s = model.encode();
  const decoded = new gpp.GppModel(s);
  const sections = {};
  for (const section of chosen) {
    const fields = decoded.getSection(section.NAME);
    const plain = section.NAME === "tcfcav1" ? canada(fields) : fields;
    sections[section.NAME] = Object.fromEntries(
      Object.entries(plain).filter(([name]) => !name.endsWith("SegmentIncluded")));
  }
  return { s, ids: chosen.map((section) => section.ID).sort((a, b) => a - b), sections };
}

// Few vendors make most strings, as every row takes copies of its list; many make bit fields and hundreds of ranges.
function anyList() {
  const [size, max] = pick([[20, 900], [60, 1500], [60, 11_000], [200, 1500], [400, 11_000], [1200, 1500]]);
  const ids = new Set([65_535].filter(() => oneIn(9)));
  while (ids.size < size) ids.add(1 + below(max));
  return vendorList([...ids].sort((a, b) => a - b));
}

const rows = [];
let gvl;
for (let left = Number(count); left > 0; left--) {
  if (kind === "tcf" && left % 20 === 0) gvl = anyList();
  rows.push(JSON.stringify(kind === "tcf" ? tcRow(gvl) : gppRow()));
}
process.stdout.write(rows.map((row) => `${row}\n`).join(""));
