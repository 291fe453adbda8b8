// The real server, in development mode, as the demo or with a configuration of a test's own, and what it stored.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PROGRAM = process.env.PIXELGATE ?? fileURLToPath(new URL('../../target/debug/pixelgate', import.meta.url));

/** The lines in which the program says where it is. */
const SERVER = { port: /^listening on http:\/\/127\.0\.0\.1:(\d+)/, adminPort: /^admin on http:\/\/127\.0\.0\.1:(\d+)/ };
const DEMO = { port: /pixel is at http:\/\/px\.localhost:(\d+)/, shopPort: /http:\/\/shop\.localhost:(\d+)\// };

export class Pixelgate {
  /**
   * With a fresh data directory, which `remove` takes away; `configuration` makes the text of a file for that directory.
   * `isDemo`: with the demo's pages.
   */
  static async start({ configuration, isDemo = false } = {}) {
    const server = new Pixelgate();
    server.says = isDemo ? DEMO : SERVER;
    server.directory = await mkdtemp(join(tmpdir(), 'pixelgate-data-'));
    if (configuration) {
      server.file = `${server.directory}.toml`;
      await writeFile(server.file, configuration(server.directory));
    }
    await server.#run();
    return server;
  }

  /** Ends the process and starts another one on the same data. */
  async restart() {
    await this.#end();
    await this.#run();
  }

  async remove() {
    await this.#end();
    await rm(this.directory, { recursive: true, force: true });
    if (this.file) await rm(this.file);
  }

  /** Where the browser finds the pixel: another site than the shop's. */
  url(path) {
    return `http://px.localhost:${this.front ?? this.port}${path}`;
  }

  /** The address of the base code's image, as a page of the shop has it; each with an event of its own. */
  pixel() {
    this.events = (this.events ?? 0) + 1;
    return this.url(`/i/adsct?txn_id=o8z6j&p_id=Twitter&event_id=browser-${this.events}`);
  }

  /** Every stored row, oldest first. */
  async stored() {
    const lines = await this.#lines('export', '--data-dir', this.directory, '--format', 'ndjson');
    return lines.map((line) => JSON.parse(line));
  }

  /** The rows of the match table that a partner may have: our id as it alone knows it, and its own. */
  async matches(partner) {
    const lines = await this.#lines('partner', 'table', partner, '--config', this.file);
    return lines.map((line) => line.split('\t')).map(([ours, theirs]) => ({ ours, theirs }));
  }

  /** What goes into a page of the shop. */
  async snippet(...args) {
    const lines = await this.#lines('snippet', '--pixel', 'o8z6j', '--server', this.url(''), ...args);
    return lines.join('\n');
  }

  async #lines(...args) {
    const { stdout } = await promisify(execFile)(PROGRAM, args);
    return stdout.split('\n').filter(Boolean);
  }

  async #run() {
    const free = ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--data-dir', this.directory];
    const serve = this.file ? ['serve', '--config', this.file] : ['serve', '--dev', ...free];
    const args = this.says == DEMO ? ['demo', '--data-dir', this.directory] : serve;
    this.child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve, reject) => this.child.once('exit', resolve).once('error', reject));
    let errors = '';
    this.child.stderr.on('data', (data) => (errors = (errors + data).slice(-4000)));
    const lines = createInterface({ input: this.child.stdout });
    const listening = new Promise((resolve) => {
      lines.on('line', (line) => {
        for (const [port, says] of Object.entries(this.says)) this[port] ??= Number(says.exec(line)?.[1]) || undefined;
        if (Object.keys(this.says).every((port) => this[port])) resolve();
      });
    });
    for (const port in this.says) this[port] = undefined;
    const failed = this.ended.then((code) => {
      throw new Error(`${PROGRAM} ended with ${code} before it listened:\n${errors}`);
    });
    await Promise.race([listening, failed]);
    failed.catch(() => {});
  }

  async #end() {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}
