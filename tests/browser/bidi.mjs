// WebDriver BiDi, as far as the tests need it. Pages, what is on them and answers have the methods that Playwright
// gives them for Chromium, so that one test drives both.

import { setTimeout as pause } from 'node:timers/promises';
import WebSocket from 'ws';

/** A connection to the browser. */
export class Session {
  static async open(address) {
    const session = new Session();
    session.calls = new Map();
    session.listeners = new Set();
    session.last = 0;
    session.socket = new WebSocket(address);
    session.socket.on('message', (data) => session.#receive(JSON.parse(data)));
    session.socket.once('close', () => session.#end());
    await new Promise((resolve, reject) => session.socket.once('open', resolve).once('error', reject));
    await session.send('session.new', { capabilities: {} });
    await session.send('session.subscribe', { events: ['network.responseCompleted', 'network.fetchError'] });
    return session;
  }

  /** What the browser answers to a command; an error if it says no. */
  send(method, params = {}) {
    const id = (this.last += 1);
    return new Promise((resolve, reject) => {
      this.calls.set(id, { method, resolve, reject });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  close() {
    this.socket.terminate();
  }

  #receive({ type, id, method, params, result, error, message }) {
    if (type === 'event') {
      this.listeners.forEach((listener) => listener(method, params));
      return;
    }
    const call = this.calls.get(id);
    this.calls.delete(id);
    if (type === 'success') call.resolve(result);
    else call.reject(new Error(`${call.method}: ${error}: ${message}`));
  }

  #end() {
    this.calls.forEach(({ method, reject }) => reject(new Error(`${method}: the browser is gone`)));
    this.calls.clear();
  }
}

/** The browser's profile. */
export class Context {
  constructor(session) {
    this.session = session;
  }

  async newPage() {
    const { context } = await this.session.send('browsingContext.create', { type: 'tab' });
    return new Page(this.session, context);
  }

  /** Those of all sites, also those that are kept apart. */
  async cookies() {
    const { cookies } = await this.session.send('storage.getCookies');
    return cookies.map(({ value, sameSite, expiry, ...cookie }) => ({
      ...cookie,
      value: value.value,
      sameSite: sameSite[0].toUpperCase() + sameSite.slice(1),
      expires: expiry ?? -1,
    }));
  }
}

/** Those that are no characters, as WebDriver calls them. */
const KEYS = { Tab: '\uE004', Enter: '\uE007' };

class Page {
  constructor(session, context) {
    this.session = session;
    this.context = context;
  }

  /** Returns once all that the page loads is there. */
  async goto(url) {
    const answered = this.waitForResponse(url);
    await this.send('browsingContext.navigate', { url, wait: 'complete' });
    return answered;
  }

  waitForResponse(url) {
    const answer = new Promise((resolve, reject) => {
      const listener = (method, { context, request, response, errorText }) => {
        if (context !== this.context || request.url !== url) return;
        this.session.listeners.delete(listener);
        if (method === 'network.fetchError') reject(new Error(`${url}: ${errorText}`));
        else resolve(new Answer(request, response));
      };
      this.session.listeners.add(listener);
    });
    // Whoever waits for it is told; nobody may be waiting yet.
    answer.catch(() => {});
    return answer;
  }

  /** Answers are all that is told of. */
  on(_event, tell) {
    this.session.listeners.add((method, { context, request, response }) => {
      if (method === 'network.responseCompleted' && context === this.context) tell(new Answer(request, response));
    });
  }

  getByRole(role, { name } = {}) {
    return new Locator(this, { role, name }, '');
  }

  keyboard = {
    press: (key) => this.#keys([KEYS[key]]),
    type: (text) => this.#keys([...text]),
  };

  close() {
    return this.send('browsingContext.close');
  }

  #keys(values) {
    const actions = values.flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]);
    return this.send('input.performActions', { actions: [{ type: 'key', id: 'keyboard', actions }] });
  }

  send(method, params) {
    return this.session.send(method, { context: this.context, ...params });
  }
}

/** One that is complete. */
class Answer {
  constructor(request, response) {
    this.address = response.url;
    this.headers = [request, response].map(({ headers }) => {
      return Object.fromEntries(headers.map(({ name, value }) => [name.toLowerCase(), value.value]));
    });
  }

  async finished() {}

  url() {
    return this.address;
  }

  request() {
    return { allHeaders: async () => this.headers[0] };
  }

  async allHeaders() {
    return this.headers[1];
  }
}

/** Something on a page, which may still have to come. */
class Locator {
  constructor(page, value, text) {
    Object.assign(this, { page, value, text });
  }

  /** The same, once it has `text` in it. */
  getByText(text) {
    return new Locator(this.page, this.value, text);
  }

  async waitFor() {
    await this.#find();
  }

  async innerText() {
    return (await this.#find()).text;
  }

  async click() {
    const { node } = await this.#find();
    await this.#call('(node) => node.scrollIntoView({ block: "center", behavior: "instant" })', node);
    const move = { type: 'pointerMove', x: 0, y: 0, origin: { type: 'element', element: { sharedId: node.sharedId } } };
    const actions = [move, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }];
    await this.page.send('input.performActions', { actions: [{ type: 'pointer', id: 'mouse', actions }] });
  }

  /** The node and its text. While one page gives way to the next, no question is answered. */
  async #find() {
    let reason;
    for (let tries = 0; tries < 600; tries += 1) {
      try {
        const { nodes } = await this.page.send('browsingContext.locateNodes', {
          locator: { type: 'accessibility', value: this.value },
        });
        const texts = await Promise.all(nodes.map((node) => this.#call('(node) => node.innerText', node)));
        const at = texts.findIndex((text) => text.includes(this.text));
        if (at >= 0) return { node: nodes[at], text: texts[at] };
        reason = new Error(`none with “${this.text}” in it among: ${texts.join(' | ')}`);
      } catch (error) {
        reason = error;
      }
      await pause(50);
    }
    throw new Error(`${JSON.stringify(this.value)} did not come within 30 s`, { cause: reason });
  }

  async #call(functionDeclaration, node) {
    const target = { context: this.page.context };
    const { result, exceptionDetails } = await this.page.session.send('script.callFunction', {
      functionDeclaration,
      arguments: [node],
      target,
      awaitPromise: false,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.value;
  }
}
