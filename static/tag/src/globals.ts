// What browsers and consent platforms have that TypeScript does not know.

import type { Twq } from '../index';

declare global {
  interface Navigator {
    globalPrivacyControl?: boolean;
  }
  interface Document {
    prerendering?: boolean;
  }
  interface Window {
    __tcfapi?: (command: string, version: number, tell: (data: TcData, success: boolean) => void) => void;
    __gpp?: (command: string, tell: (event: { pingData?: GppData }) => void) => void;
    __uspapi?: (command: string, version: number, tell: (data?: UspData) => void) => void;
  }
}

/** IAB Europe, "CMP API", version 2. */
export interface TcData {
  eventStatus?: 'tcloaded' | 'cmpuishown' | 'useractioncomplete';
  gdprApplies?: boolean;
  tcString?: string;
  addtlConsent?: string;
  purpose?: { consents?: Record<number, boolean> };
}

/** IAB Tech Lab, "GPP CMP API", version 1.1. */
export interface GppData {
  signalStatus?: string;
  cmpDisplayStatus?: string;
  gppString?: string;
  applicableSections?: number[];
  parsedSections?: unknown;
}

/** IAB, "CCPA User Signal API". */
export interface UspData {
  uspString?: string;
}

/** An event, for the panel that shows what becomes of it. */
export interface Seen {
  id: string;
  pixel: string;
  name: string;
  /** Why it waits or is dropped. */
  reason?: string;
  /** Where it is to be sent now. */
  url?: string;
}

export interface Tag extends Twq {
  /** What the panel is shown; only with `?pg_debug=1`. */
  seen?: Seen[];
}
