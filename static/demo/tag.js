// Gives the tag its commands: a page view of every page, and the event that the script element names.
"use strict";
window.twq ??= function () {
  twq.exe ? twq.exe.apply(twq, arguments) : twq.queue.push(arguments);
};
twq.queue ??= [];
{
  const { txn, event, value, currency, order } = document.currentScript.dataset;
  twq("config", txn);
  if (event != "pageview") twq("track", event, { value, currency, num_items: 1, conversion_id: order });
}
