// Loads the tag from a server, for pages that are built from modules.

export function load(origin, { version, integrity, nonce } = {}) {
  if (window.twq) return window.twq;
  const twq = (window.twq = (...command) => (twq.exe ? twq.exe(...command) : twq.queue.push(command)));
  twq.queue = [];
  const script = document.createElement('script');
  script.async = true;
  // Without cookies, which the tag's file does not need.
  script.crossOrigin = 'anonymous';
  if (integrity) script.integrity = integrity;
  if (nonce) script.nonce = nonce;
  script.src = new URL(version ? `/t/${version}/uwt.js` : '/uwt.js', origin).href;
  document.head.append(script);
  return twq;
}
