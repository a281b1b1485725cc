// Fetches this page again while it is visible and replaces its live part. Without this script a reload does the same.
"use strict";
const PAUSE_MS = 2000;
const ANSWER_WAIT_MS = 10000;

// Whoever is selecting text or holds something down is not disturbed.
function isBusy() {
  const isTyping = document.activeElement !== null && document.activeElement.matches("main input");
  return document.hidden || isTyping || !document.getSelection().isCollapsed || document.querySelector("main :active") !== null;
}

// A button that is exchanged under the finger loses the press, so the one that stops payments stays while it is needed.
function replaceOrder(page) {
  const shown = document.getElementById("order");
  const fresh = page.getElementById("order");
  if (!shown.isEqualNode(fresh)) shown.replaceWith(fresh);
}

function replaceLive(page) {
  const fresh = page.getElementById("live");
  for (const open of document.querySelectorAll("#live details[open]")) {
    const same = fresh.querySelector("#" + CSS.escape(open.id));
    if (same) same.open = true;
  }
  const focused = document.activeElement && document.activeElement.closest("#live [id]");
  document.getElementById("live").replaceWith(fresh);
  const same = focused && document.getElementById(focused.id);
  if (same) (same.querySelector("summary") || same).focus({ preventScroll: true });
}

async function refresh() {
  if (!isBusy()) {
    try {
      const signal = AbortSignal.timeout(ANSWER_WAIT_MS);
      const answer = await fetch(location.pathname, { cache: "no-store", signal });
      // The session has ended.
      if (answer.redirected) return location.reload();
      if (!answer.ok) throw new Error("status " + answer.status);
      const text = await answer.text();
      if (!isBusy()) {
        const page = new DOMParser().parseFromString(text, "text/html");
        replaceOrder(page);
        replaceLive(page);
      }
      document.body.classList.remove("stale");
    } catch {
      document.body.classList.add("stale");
    }
  }
  setTimeout(refresh, PAUSE_MS);
}
setTimeout(refresh, PAUSE_MS);
