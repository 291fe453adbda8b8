// A shop's web server: pages that the tests make up, and a note of what was asked of it.

import { createServer } from 'node:http';
import { once } from 'node:events';

export class Shop {
  static async start() {
    const shop = new Shop();
    shop.pages = new Map();
    shop.headers = new Map();
    shop.requests = [];
    shop.waiting = [];
    shop.server = createServer((request, response) => shop.#answer(request, response));
    shop.server.listen(0, '127.0.0.1');
    await once(shop.server, 'listening');
    shop.port = shop.server.address().port;
    return shop;
  }

  /** A page at `path` of one of the sites, by its body, with `headers` beside the usual ones. */
  page(path, body, site = 'shop', headers = {}) {
    const url = `http://${site}.localhost:${this.port}${path}`;
    this.pages.set(url, `<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop</title><body>${body}`);
    this.headers.set(url, headers);
    return url;
  }

  /** The first request for `path`, as soon as it is there. */
  async requested(path) {
    const found = this.requests.find((request) => request.url === path);
    return found ?? new Promise((resolve) => this.waiting.push({ path, resolve }));
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  #answer(request, response) {
    const url = `http://${request.headers.host}${request.url}`;
    const page = this.pages.get(url);
    const usual = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' };
    response.writeHead(page ? 200 : 404, { ...usual, ...this.headers.get(url) });
    response.end(page ?? '');
    this.requests.push(request);
    this.waiting.filter(({ path }) => path === request.url).forEach(({ resolve }) => resolve(request));
  }
}
