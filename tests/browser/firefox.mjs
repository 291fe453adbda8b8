// A real Firefox, driven through WebDriver BiDi, without the settings that it gives itself when it is driven: they are
// not what people have.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Context, Session } from './bidi.mjs';
import { Browser } from './browser.mjs';

const EXECUTABLE = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

const SETTINGS = {
  // Those that it gives itself.
  'remote.prefs.recommended': false,
  // Whatever Firefox wants from elsewhere on its own account goes to a proxy that is not there; what is on this
  // machine is asked for directly. The last three would not go through the proxy.
  'network.proxy.type': 1,
  'network.proxy.http': '127.0.0.1',
  'network.proxy.http_port': 9,
  'network.proxy.ssl': '127.0.0.1',
  'network.proxy.ssl_port': 9,
  'network.proxy.allow_bypass': false,
  'network.proxy.failover_direct': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.trr.mode': 5,
  // Or else it loads pages again when it starts, for the pictures on its new-tab page, and without any cookie.
  'browser.pagethumbnails.capturing_disabled': true,
};

/** `network.cookie.cookieBehavior`. Kept apart for each site is what Firefox comes with. */
const COOKIES = { allowed: 0, blocked: 1, apart: 5 };

export class Firefox extends Browser {
  async prepare() {
    const { cookies = 'apart', gpc = false } = this.options;
    const settings = {
      ...SETTINGS,
      'network.cookie.cookieBehavior': COOKIES[cookies],
      'privacy.globalprivacycontrol.enabled': gpc,
      'privacy.globalprivacycontrol.functionality.enabled': true,
    };
    const lines = Object.entries(settings).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`);
    await writeFile(join(this.profile, 'user.js'), lines.join(''));
  }

  async start() {
    const args = ['--headless', '--no-remote', '--remote-debugging-port', '0', '--profile', this.profile];
    const environment = { ...process.env, HOME: this.profile, MOZ_CRASHREPORTER_DISABLE: '1' };
    this.run(EXECUTABLE, [...args, 'about:blank'], environment);
    const { ws_host: host, ws_port: port } = JSON.parse(await this.note('WebDriverBiDiServer.json'));
    this.session = await Session.open(`ws://${host}:${port}/session`);
    this.context = new Context(this.session);
  }

  async quit() {
    await this.session.send('browser.close');
  }

  disconnect() {
    this.session?.close();
  }
}
