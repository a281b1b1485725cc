// Fetches this page again when the server says that something is new, or every few seconds where the page waits for something
// (data-every), and replaces its live part. Without this script a reload does the same.
"use strict";
const BUSY_PAUSE_MS = 1000;
const FALLBACK_PAUSE_MS = 5000;
const ANSWER_WAIT_MS = 10000;
// The server says something every ten seconds.
const SILENCE_MAX_MS = 15000;

const WAITING = "script[data-every]";
const everyMs = Number(document.currentScript.dataset.every || 0) * 1000;

// Nobody loses what they have written or chosen.
function isFilledIn(field) {
  if (field.options) return Array.from(field.options).some((option) => option.selected !== option.defaultSelected);
  return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
}

// Whoever is selecting text or holds something down is not disturbed.
function isBusy() {
  const fields = "main input, main select, main textarea";
  const isTyping = document.activeElement !== null && document.activeElement.matches(fields);
  return document.hidden || isTyping || !document.getSelection().isCollapsed ||
    document.querySelector("main :active") !== null || Array.from(document.querySelectorAll(fields)).some(isFilledIn);
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

function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

let isDue = false;
let isRefreshing = false;

async function refresh() {
  isDue = true;
  if (isRefreshing) return;
  isRefreshing = true;
  while (isDue && !document.hidden) {
    if (isBusy()) {
      await pause(BUSY_PAUSE_MS);
      continue;
    }
    isDue = false;
    await exchange();
  }
  isRefreshing = false;
}

async function exchange() {
  try {
    const signal = AbortSignal.timeout(ANSWER_WAIT_MS);
    const answer = await fetch(location.href, { cache: "no-store", signal });
    // The session has ended, or what the page was about is gone.
    if (answer.redirected || answer.status === 404) return location.reload();
    if (!answer.ok) throw new Error("status " + answer.status);
    const text = await answer.text();
    if (isBusy()) {
      isDue = true;
    } else {
      const page = new DOMParser().parseFromString(text, "text/html");
      // What was waited for is there.
      if (everyMs > 0 && page.querySelector(WAITING) === null) return location.reload();
      replaceOrder(page);
      replaceLive(page);
    }
    document.body.classList.remove("stale");
  } catch {
    document.body.classList.add("stale");
  }
}

let events = null;
let isFirst = true;
let silence = null;

// A server that is gone without a goodbye is known by its silence.
function hear() {
  clearTimeout(silence);
  silence = setTimeout(() => {
    if (events === null) return;
    events.close();
    events = null;
    document.body.classList.add("stale");
    listen();
  }, SILENCE_MAX_MS);
}

// A page that nobody sees asks for nothing.
function listen() {
  if (document.hidden) {
    clearTimeout(silence);
    if (events !== null) events.close();
    events = null;
  } else if (events === null) {
    events = new EventSource("/events");
    hear();
    events.addEventListener("look", () => {
      hear();
      // The page has just come.
      if (!isFirst) refresh();
      isFirst = false;
    });
    events.addEventListener("error", () => {
      // The browser tries again by itself, unless it was turned away.
      if (events !== null && events.readyState === EventSource.CLOSED) {
        events = null;
        setTimeout(listen, FALLBACK_PAUSE_MS);
      }
      refresh();
    });
  }
}

async function waitForIt() {
  for (;;) {
    await pause(everyMs);
    await refresh();
  }
}

if (everyMs > 0) {
  waitForIt();
} else {
  document.addEventListener("visibilitychange", listen);
  listen();
}
