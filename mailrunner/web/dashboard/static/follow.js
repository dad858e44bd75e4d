// Keeps a page that is visible current; the scripts of the dashboard and of the gallery call it.
"use strict";
/* exported keepCurrent */
// `follow` opens the stream of this page and returns it; `look` takes the page anew, once, and `pause` is told
// when the page is hidden.  A browser opens six connections to one host (HTTP/1.1), and a stream keeps one: the
// pages beyond SLOTS look again after `again` ms, until another page gives its stream up (Web Locks).
const keepCurrent = ({ follow, look, pause, again }) => {
  const SLOTS = 4;
  let source = null, release = null, timer = 0, round = 0, wanted = 0; // the round that is wanted, 0 for none
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
  const run = async (own) => {
    const found = await claim();
    if (wanted !== own) { if (found) found(); return; }
    if (found) { release = found; source = follow(); return; }
    await look();
    if (wanted === own) timer = setTimeout(run, again, own);
  };
  const start = () => { if (!wanted) { round += 1; wanted = round; run(wanted); } };
  const stop = () => {
    wanted = 0;
    clearTimeout(timer);
    if (source) { source.close(); source = null; }
    if (release) { release(); release = null; }
    pause();
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  if (!document.hidden) start();
};
