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

  const swap = (id, html) => {
    const old = document.getElementById(id);
    if (!old || old.contains(document.activeElement)) return; // never under a reader's hands
    const open = [...old.querySelectorAll("details[open]")].map((each) => each.id);
    const fresh = document.createRange().createContextualFragment(html).querySelector(`#${CSS.escape(id)}`);
    if (!fresh) return;
    open.forEach((name) => { const found = fresh.querySelector(`#${CSS.escape(name)}`); if (found) found.open = true; });
    old.replaceWith(fresh);
  };
  const lost = () => say("no answer from mailrunner dashboard: what is shown may be old", "lost");
  const follow = () => {
    const source = new EventSource(address);
    source.addEventListener("statistics", (event) => {
      Object.entries(JSON.parse(event.data)).forEach(([id, html]) => swap(id, html));
      say("live", "live");
    });
    source.onerror = lost;
    return source;
  };
  const look = async () => {
    try {
      const answer = await fetch(location.href);
      if (!answer.ok) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      fresh.querySelectorAll("main section[id]").forEach((each) => swap(each.id, each.outerHTML));
      say("live", "live");
    } catch { lost(); }
  };
  keepCurrent({ follow, look, pause: () => say("", ""), again: 5000 });
})();
