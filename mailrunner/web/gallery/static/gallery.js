// Takes sections of the page anew when files have changed or more of the list is read; all else works without it.
"use strict";
(() => {
  const said = document.getElementById("said");
  const of = document.body.dataset;
  if (of.stream === undefined) return;

  const put = (id, fresh) => {
    const old = document.getElementById(id), found = fresh.getElementById(id);
    if (!old || !found || old.outerHTML === found.outerHTML) return;
    const at = old.contains(document.activeElement) ? document.activeElement : null;
    const open = [...old.querySelectorAll("details[open]")].map((each) => each.id);
    old.replaceWith(document.adoptNode(found));
    open.forEach((name) => { const each = document.getElementById(name); if (each) each.open = true; });
    if (!at) return;
    const same = [...found.querySelectorAll(at.localName)].find((each) => each.id === at.id && each.textContent === at.textContent);
    if (same) same.focus({ preventScroll: true });
  };
  let asked = 0;
  const renew = async (ids) => {
    const number = ++asked, top = scrollY;
    const answer = await fetch(location.href);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (number !== asked) return; // a newer one is on its way
    of.stream = fresh.body.dataset.stream;
    ids.forEach((id) => put(id, fresh));
    scrollTo(scrollX, top);
  };
  let source = null;
  const start = () => {
    if (source) return;
    source = new EventSource(of.stream);
    source.addEventListener("changed", async (event) => {
      const { files, broken } = JSON.parse(event.data);
      await renew(["state", "progress", "kinds", "rows", "message"]);
      said.textContent = broken ? "A file has changed and cannot be used" : `Shown anew${files.length ? `: ${files.join(", ")}` : ""}`;
    });
    source.addEventListener("progress", () => renew(["progress", "kinds", "rows"]));
    source.onerror = () => { said.textContent = "No answer from mailrunner preview: what is shown may be old"; };
  };
  const stop = () => { if (source) { source.close(); source = null; } };
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  if (!document.hidden) start();

  document.addEventListener("keydown", (event) => { // up and down in the list
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], at = event.target.closest("#rows li a");
    if (!step || !at) return;
    const all = [...document.querySelectorAll("#rows li a")];
    const next = all[all.indexOf(at) + step];
    if (next) { event.preventDefault(); next.focus(); }
  });
})();
