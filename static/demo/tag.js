// Fires the events that the script element names: one image request each, as tags of all generations do.
"use strict";
{
  const { pixel, txn, event, value, currency, order } = document.currentScript.dataset;
  const details = {};
  if (value) Object.assign(details, { value, currency, num_items: 1 });
  if (order) details.order_id = order;

  const query = new URLSearchParams({
    txn_id: txn,
    p_id: "Twitter",
    events: JSON.stringify([[event, details]]),
    event_id: crypto.randomUUID?.() ?? String(Math.random()),
    tw_document_href: location.href,
    tw_iframe_status: "0",
  });
  new Image().src = `${pixel}/i/adsct?${query}`;
}
