// Keeps the page up to date in place, so that focus, selection and scrolling stay. Without it, the page loads itself again.
"use strict";
const EVERY_MS = 3000;

/** Makes what is shown equal to what is fresh, and leaves alone what is equal already. */
function become(shown, fresh) {
  if (shown.nodeName !== fresh.nodeName) return shown.replaceWith(document.importNode(fresh, true));
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    if (shown.nodeValue !== fresh.nodeValue) shown.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...shown.attributes]) if (!fresh.hasAttribute(name)) shown.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  const have = [...shown.childNodes];
  const want = [...fresh.childNodes];
  want.forEach((node, at) => {
    if (at < have.length) become(have[at], node);
    else shown.append(document.importNode(node, true));
  });
  have.slice(want.length).forEach((node) => node.remove());
}

async function refresh() {
  const answer = await fetch(location.pathname, { cache: "no-store", signal: AbortSignal.timeout(EVERY_MS) });
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = page.title;
  become(document.getElementById("content"), page.getElementById("content"));
}

function tellTrouble() {
  const trouble = document.getElementById("trouble");
  const text = "The server does not answer. What is shown is old.";
  // Said once, not at every attempt.
  if (trouble.textContent !== text) trouble.textContent = text;
}

async function keepFresh() {
  if (!document.hidden) await refresh().catch(tellTrouble);
  setTimeout(keepFresh, EVERY_MS);
}

setTimeout(keepFresh, EVERY_MS);
