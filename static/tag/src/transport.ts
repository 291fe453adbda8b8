// How a hit gets to the server.

/** The answer stays with the browser: it is not for the page to read. A hit outlives the page that sends it. */
export function transmit(url: string): void {
  fetch(url, { mode: 'no-cors', credentials: 'include', keepalive: true })
    // Where the page's policy forbids connections, it may still allow images. The event's id is the same: it counts once.
    .catch(() => (new Image().src = url));
}
