// A slow network in front of the server: notes requests and passes them on, and holds some of them up on the way.

import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';

export class SlowNetwork {
  /** In front of `server`, whose addresses lead here from now on. */
  static async before(server) {
    const network = new SlowNetwork();
    network.holds = [];
    network.requests = [];
    network.server = createServer((request, response) => network.#pass(request, response, server.port));
    network.server.listen(0, '127.0.0.1');
    await once(network.server, 'listening');
    server.front = network.server.address().port;
    return network;
  }

  /** Holds the next request up whose address has `part` in it: `on` the way to the server, or back from it. */
  hold(part, on) {
    const hold = { part, on };
    hold.arrived = new Promise((resolve) => (hold.arrive = resolve));
    hold.released = new Promise((resolve) => (hold.release = resolve));
    this.holds.push(hold);
    return hold;
  }

  async stop() {
    this.holds.forEach((hold) => hold.release());
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #pass(request, response, port) {
    this.requests.push(request);
    const at = this.holds.findIndex(({ part }) => request.url.includes(part));
    const [hold] = at < 0 ? [] : this.holds.splice(at, 1);
    const held = async (on) => {
      if (hold?.on !== on) return;
      hold.arrive();
      await hold.released;
    };
    await held('the way there');
    const { method, url, headers } = request;
    const passed = ask({ host: '127.0.0.1', port, method, path: url, headers });
    request.pipe(passed);
    passed.once('error', () => response.destroy());
    passed.once('response', async (answer) => {
      await held('the way back');
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
  }
}
