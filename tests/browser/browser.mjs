// A browser with a profile of its own: started, started again on the same profile, and taken down with all that it
// started.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * What is the same for every browser. A kind of browser says in `prepare` what is in a fresh profile, in `start` how
 * it is run and driven, in `quit` how it is told to end, and in `disconnect` how it is left alone.
 */
export class Browser {
  static async launch(options = {}) {
    const browser = new this();
    browser.options = options;
    browser.profile = await mkdtemp(join(tmpdir(), 'pixelgate-browser-'));
    await browser.prepare();
    try {
      await browser.start();
    } catch (error) {
      await browser.close();
      throw error;
    }
    return browser;
  }

  /** Ends it as a person does, so that it writes its cookies down, and starts it again. */
  async restart() {
    await this.quit();
    await this.ended;
    await this.disconnect();
    await this.start();
  }

  async close() {
    await this.disconnect();
    await this.#kill();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  run(executable, args, env = process.env) {
    this.child = spawn(executable, args, { stdio: 'ignore', detached: true, env });
    this.ended = new Promise((resolve, reject) => this.child.once('exit', resolve).once('error', reject));
  }

  /** What the browser writes into this file of its profile as soon as it can be driven. */
  async note(name) {
    const file = join(this.profile, name);
    let gone = false;
    this.ended.then(() => (gone = true), () => (gone = true));
    for (let tries = 0; tries < 600 && !gone; tries += 1) {
      const text = await readFile(file, 'utf8').catch(() => '');
      // The next start writes its own.
      if (text) return rm(file).then(() => text);
      await pause(50);
    }
    throw new Error(`${this.child.spawnfile} did not start within 30 s`);
  }

  /** Its other processes too: they are in its group. */
  async #kill() {
    try {
      if (this.child.pid) process.kill(-this.child.pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
    await this.ended;
  }
}
