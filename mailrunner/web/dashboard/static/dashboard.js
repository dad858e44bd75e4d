// Renews sections that an event names; everything works without it.
"use strict";
(() => {
  const live = document.getElementById("live");
  const address = document.body.dataset.stream;
  const say = (text, state) => { if (live) { live.textContent = text; live.dataset.state = state; } };

  const press = document.querySelector("form[data-press]");
  if (press) {
    history.replaceState(null, "", location.pathname); // the token leaves the address bar
    press.requestSubmit();
  }
  if (address === undefined) return;

  let source = null;
  const swap = (id, html) => {
    const old = document.getElementById(id);
    if (!old || old.contains(document.activeElement)) return; // never under a reader's hands
    const open = [...old.querySelectorAll("details[open]")].map((each) => each.id);
    const fresh = document.createRange().createContextualFragment(html).querySelector(`#${CSS.escape(id)}`);
    if (!fresh) return;
    open.forEach((name) => { const found = fresh.querySelector(`#${CSS.escape(name)}`); if (found) found.open = true; });
    old.replaceWith(fresh);
  };
  const start = () => {
    if (source) return;
    source = new EventSource(address);
    source.addEventListener("statistics", (event) => {
      Object.entries(JSON.parse(event.data)).forEach(([id, html]) => swap(id, html));
      say("live", "live");
    });
    source.onerror = () => say("no answer from mailrunner dashboard: what is shown may be old", "lost");
  };
  const stop = () => { if (source) { source.close(); source = null; say("", ""); } };
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  if (!document.hidden) start();
})();
