// Asks for this page again every few seconds for as long as it waits for something, and puts the answer in its place. Without
// scripts the browser asks by itself.
"use strict";
{
  const ANSWER_WAIT_MS = 10000;
  const WAITING = "script[data-every]";
  const everyMs = Number(document.currentScript.dataset.every) * 1000;

  // Nobody loses what they are writing or about to press.
  const isBusy = () =>
    document.hidden || document.querySelector("main :active") !== null ||
    (document.activeElement !== null && document.activeElement.matches("main input"));

  const again = async () => {
    if (!isBusy()) {
      try {
        const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WAIT_MS) });
        if (answer.redirected) return location.reload();
        if (answer.ok) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          if (page.querySelector(WAITING) === null) return location.reload();
          if (!isBusy()) document.getElementById("live").replaceWith(page.getElementById("live"));
          document.body.classList.remove("stale");
        }
      } catch {
        document.body.classList.add("stale");
      }
    }
    setTimeout(again, everyMs);
  };
  setTimeout(again, everyMs);
}
