// Takes sections of the page anew when files have changed or more of the list is read; all else works without it.
"use strict";
(() => {
  const said = document.getElementById("said");
  const of = document.body.dataset;
  if (of.stream === undefined) return;

  let ending = 0;
  const tell = (text, time) => { // for `time` ms, 0 until something else is told
    clearTimeout(ending);
    said.textContent = text;
    if (time) ending = setTimeout(() => { said.textContent = ""; }, time);
  };
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
  const lost = "No answer from mailrunner preview: what is shown may be old";
  const wanted = new Set(); // ids of sections that are older than they should be
  let asked = 0;
  const renew = async (ids) => {
    const number = ++asked, top = scrollY;
    ids.forEach((id) => wanted.add(id));
    const answer = await fetch(location.href).catch(() => null);
    if (!answer || !answer.ok) return tell(lost, 0);
    if (said.textContent === lost) tell("", 0);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (number !== asked) return; // a newer one is on its way, and takes these sections too
    of.stream = fresh.body.dataset.stream;
    wanted.forEach((id) => put(id, fresh));
    wanted.clear();
    scrollTo(scrollX, top);
  };
  const ALL = ["state", "progress", "kinds", "rows", "message"];
  const follow = () => {
    const source = new EventSource(of.stream);
    source.addEventListener("changed", async (event) => {
      const { files, broken } = JSON.parse(event.data);
      await renew(ALL);
      if (!broken) tell(`Shown anew${files.length ? `: ${files.join(", ")}` : ""}`, 6000);
      else tell("", 0); // the page itself says what is wrong
    });
    source.addEventListener("progress", () => renew(["progress", "kinds", "rows"]));
    source.onopen = () => tell("", 0);
    source.onerror = () => tell(lost, 0);
    return source;
  };
  const look = async () => {
    const before = of.stream;
    await renew(ALL);
    if (of.stream !== before) tell("Shown anew", 6000);
  };
  keepCurrent({ follow, look, pause: () => {}, again: 1000 });

  document.addEventListener("keydown", (event) => { // up and down in the list
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], at = event.target.closest("#rows li a");
    if (!step || !at) return;
    const all = [...document.querySelectorAll("#rows li a")];
    const next = all[all.indexOf(at) + step];
    if (next) { event.preventDefault(); next.focus(); }
  });
})();
