// Fetches this page again while it is visible and replaces its live part. Without this script a reload does the same.
"use strict";
async function refresh() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        document.getElementById("live").replaceWith(page.getElementById("live"));
        document.body.classList.remove("stale");
      }
    } catch {
      document.body.classList.add("stale");
    }
  }
  setTimeout(refresh, 2000);
}
setTimeout(refresh, 2000);
