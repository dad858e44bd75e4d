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
  // A browser opens six connections to one host (HTTP/1.1), and a stream keeps one: the pages beyond SLOTS
  // look again by themselves, until another page gives its stream up.
  const SLOTS = 4, AGAIN = 5000; // ms
  let release = null, timer = 0, round = 0, wanted = 0; // the round that is wanted, 0 for none
  const slot = (number) => new Promise((told) => {
    navigator.locks.request(`stream-${number}`, { ifAvailable: true },
      (lock) => (lock ? new Promise((freed) => told(freed)) : told(null)));
  });
  const claim = async () => {
    for (let number = 0; navigator.locks && number < SLOTS; number += 1) {
      const found = await slot(number);
      if (found) return found;
    }
    return null;
  };
  const lost = () => say("no answer from mailrunner dashboard: what is shown may be old", "lost");
  const follow = () => {
    source = new EventSource(address);
    source.addEventListener("statistics", (event) => {
      Object.entries(JSON.parse(event.data)).forEach(([id, html]) => swap(id, html));
      say("live", "live");
    });
    source.onerror = lost;
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
  const run = async (own) => {
    const found = await claim();
    if (wanted !== own) { if (found) found(); return; }
    if (found) { release = found; follow(); return; }
    await look();
    if (wanted === own) timer = setTimeout(run, AGAIN, own);
  };
  const start = () => { if (!wanted) { round += 1; wanted = round; run(wanted); } };
  const stop = () => {
    wanted = 0;
    clearTimeout(timer);
    if (source) { source.close(); source = null; }
    if (release) { release(); release = null; }
    say("", "");
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  if (!document.hidden) start();
})();
