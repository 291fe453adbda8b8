// Keeps the rows fresh and sends hits without leaving the page. Without it, the page reloads itself.
"use strict";
const rows = document.getElementById("rows");
let shown = rows.innerHTML;

async function refresh() {
  const answer = await fetch("/rows", { cache: "no-store" });
  const fresh = await answer.text();
  if (!answer.ok || fresh === shown) return;
  const open = new Set([...rows.querySelectorAll("details[open]")].map((details) => details.id));
  // The server escapes everything that came from outside.
  rows.innerHTML = shown = fresh;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
}

async function keepFresh() {
  if (!document.hidden) await refresh().catch(() => {});
  setTimeout(keepFresh, 1000);
}

document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams({ hit: event.submitter.value });
  await fetch("/send", { method: "POST", body, redirect: "manual" }).catch(() => {});
  await refresh().catch(() => {});
});

keepFresh();
