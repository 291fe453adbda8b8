// Whether anything may be sent, as far as the page can know it. The server decides again, and stricter.

import type { ConsentChoices } from '../index';
import type { GppData, TcData, UspData } from './globals';
import { flush } from './hits';
import { clickId, isOptedOut } from './kept';

/** A consent platform on the page. */
interface Platform {
  /** Why it has to be waited for: it has said nothing yet, or the person has not answered it. */
  waits: 'silent' | 'asking' | '';
  /** What the server is told. */
  says?: Record<string, unknown>;
  /** Whether something may be kept in the browser. */
  mayKeep?: boolean;
}

const platforms: Record<string, Platform> = {};
const commanded: Record<string, ConsentChoices | undefined> = {};

/** A platform that says nothing for so long has not come, and nobody waits for it any longer. */
const SILENCE_MS = 1000;

/** Nothing that happens now is kept for later: who objected did not object to a delay. */
export const GPC = 'gpc';
export const OPT_OUT = 'optout';

/** Why nothing may be sent, or nothing may be sent yet. */
export function obstacle(): string | undefined {
  if (navigator.globalPrivacyControl) return GPC;
  if (isOptedOut()) return OPT_OUT;
  if (document.prerendering) return 'prerender';
  if (isDenied('ad_storage') || isDenied('ad_user_data')) return 'consent';
  listen();
  return all().find(({ waits }) => waits)?.waits;
}

/** Consent parameters of a hit. */
export function parameters(): object {
  return Object.assign({}, ...all().map(({ says }) => says));
}

export function mayKeep(): boolean {
  return all().every((platform) => platform.mayKeep);
}

/** What is neither granted nor left out counts as denied. */
export function isDenied(what: keyof ConsentChoices): boolean {
  return ({ ...commanded.default, ...commanded.update }[what] ?? 'granted') != 'granted';
}

export function choose(kind: string, choices: ConsentChoices): void {
  commanded[kind] = { ...commanded[kind], ...choices };
  // A default is what a page starts with, and no answer of a person.
  if (kind == 'update' && isDenied('ad_storage')) clickId(false);
  flush();
}

function all(): Platform[] {
  return Object.values(platforms);
}

/** Asks every platform that is on the page, once. */
function listen(): void {
  const { __tcfapi: tcf, __gpp: gpp, __uspapi: usp } = window;
  if (tcf) meet('tcf', (platform) => tcf('addEventListener', 2, (data, ok) => ok && hearTcf(platform, data)));
  if (gpp) meet('gpp', (platform) => gpp('addEventListener', ({ pingData }) => pingData && hearGpp(platform, pingData)));
  if (usp) meet('usp', (platform) => usp('getUSPData', 1, (data) => data && hearUsp(platform, data)));
}

function meet(name: string, ask: (platform: Platform) => void): void {
  if (platforms[name]) return;
  const platform: Platform = (platforms[name] = { waits: 'silent' });
  setTimeout(() => platform.waits == 'silent' && know(platform), SILENCE_MS);
  ask(platform);
}

/** Without anything said: nobody waits for the platform any longer. */
function know(platform: Platform, says?: Platform['says'], mayKeep?: boolean): void {
  Object.assign(platform, { waits: '', says, mayKeep });
  flush();
}

/** Somebody is being asked, for the first time: what they did before is sent once they have answered. */
function asking(platform: Platform): void {
  if (!platform.says) platform.waits = 'asking';
}

function hearTcf(platform: Platform, { eventStatus, gdprApplies, tcString, addtlConsent, purpose }: TcData): void {
  if (gdprApplies && eventStatus == 'cmpuishown') return asking(platform);
  // Whether the law applies may not be known.
  const gdpr = gdprApplies == null ? gdprApplies : `${+gdprApplies}`;
  know(platform, { gdpr, gdpr_consent: tcString, addtl_consent: addtlConsent }, gdpr == '0' || purpose?.consents?.[1]);
}

function hearGpp(platform: Platform, data: GppData): void {
  if (data.signalStatus == 'ready') {
    const optedOut = /OptOut":1|"Gpc":true/.test(JSON.stringify(data.parsedSections));
    know(platform, { gpp: data.gppString, gpp_sid: data.applicableSections?.join() }, !optedOut);
  } else if (data.cmpDisplayStatus == 'visible') asking(platform);
}

function hearUsp(platform: Platform, { uspString }: UspData): void {
  know(platform, { us_privacy: uspString }, uspString?.[2] != 'Y');
}
