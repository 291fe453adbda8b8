// A real Chromium, started without any of a driver's default flags: those switch parts of the cookie partitioning off
// that is tested here.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { Browser } from './browser.mjs';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** What a person's Chromium on Linux sends. Its own says HeadlessChrome, which is a known crawler. */
const PERSON = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Third-party cookies as the profile's settings have them. */
const COOKIES = {
  allowed: { cookie_controls_mode: 0, block_third_party_cookies: false },
  blocked: { cookie_controls_mode: 1, block_third_party_cookies: true },
};

export class Chromium extends Browser {
  async prepare() {
    const { cookies = 'allowed' } = this.options;
    await mkdir(join(this.profile, 'Default'));
    await writeFile(join(this.profile, 'Default', 'Preferences'), JSON.stringify({ profile: COOKIES[cookies] }));
  }

  /** `driven: false` starts it without DevTools, which would disable prerendering. */
  async start() {
    const { userAgent = PERSON, gpc = false, driven = true, url = 'about:blank' } = this.options;
    const args = [...FLAGS, `--user-data-dir=${this.profile}`];
    if (gpc) args.push('--enable-features=GlobalPrivacyControlForce');
    if (userAgent) args.push(`--user-agent=${userAgent}`);
    if (driven) args.push('--remote-debugging-port=0');
    this.run(EXECUTABLE, [...args, url]);
    if (!driven) return;
    const [port] = (await this.note('DevToolsActivePort')).split('\n');
    this.connection = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
    [this.context] = this.connection.contexts();
  }

  async quit() {
    const session = await this.connection.newBrowserCDPSession();
    await session.send('Browser.close');
  }

  async disconnect() {
    await this.connection?.close();
  }
}
