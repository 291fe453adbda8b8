// A real Chromium with a profile of its own, started without any of a driver's default flags: those switch parts of
// the cookie partitioning off that is tested here.

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** What a person's Chromium on Linux sends. Its own says HeadlessChrome, which is a known crawler. */
export const PERSON =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';

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
export const COOKIES = {
  allowed: { cookie_controls_mode: 0, block_third_party_cookies: false },
  blocked: { cookie_controls_mode: 1, block_third_party_cookies: true },
};

/** Starts Chromium with a fresh profile; `driven: false` without DevTools, which would disable prerendering. */
export async function launch({ cookies = COOKIES.allowed, ...options } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'pixelgate-chromium-'));
  await mkdir(join(profile, 'Default'));
  await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: cookies }));
  return start(profile, options);
}

async function start(profile, options) {
  const { userAgent = PERSON, flags = [], driven = true, url } = options;
  const args = [...FLAGS, `--user-data-dir=${profile}`, ...flags];
  if (userAgent) args.push(`--user-agent=${userAgent}`);
  if (driven) args.push('--remote-debugging-port=0');
  const child = spawn(EXECUTABLE, [...args, url ?? 'about:blank'], { stdio: 'ignore', detached: true });
  const ended = new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject));
  const browser = driven ? await connect(profile, ended) : undefined;
  const close = async () => {
    await browser?.close();
    // Its renderers too: they are in its process group.
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  /** Ends it as a person does, so that it writes its cookies down, and starts it again on the same profile. */
  const restart = async () => {
    const session = await browser.newBrowserCDPSession();
    await session.send('Browser.close');
    await ended;
    await rm(join(profile, 'DevToolsActivePort'), { force: true });
    return start(profile, options);
  };
  return { context: browser?.contexts()[0], close, restart };
}

/** Chromium writes its port into the profile as soon as it listens. */
async function connect(profile, ended) {
  let gone = false;
  ended.then(() => (gone = true), () => (gone = true));
  for (let tries = 0; tries < 600 && !gone; tries += 1) {
    const port = await readFile(join(profile, 'DevToolsActivePort'), 'utf8').then((text) => text.split('\n')[0], () => '');
    if (port) return chromium.connectOverCDP(`http://127.0.0.1:${port}`);
    await pause(50);
  }
  throw new Error(`${EXECUTABLE} did not start within 30 s`);
}
