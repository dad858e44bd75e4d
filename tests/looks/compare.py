"""Two documents in one browser: where their elements or computed styles differ, and how many pixels do.

The page as its template is written is the truth; nothing is expected of a construct but what Chromium
makes of it.  Nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from tests.support.browsers import new_context

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_STYLE = re.compile(r"<style\b.*?</style\s*>", re.IGNORECASE | re.DOTALL)

# Styles are resolved, so `aspect-ratio` of an attribute and `align` show like any other property.
_COMPARE = """async ([pairs, width, most]) => {
  const load = html => new Promise(done => {
    const frame = document.createElement('iframe');
    frame.style.cssText = `width:${width}px;height:900px;border:0;position:absolute;left:0;top:0`;
    frame.onload = () => done(frame);
    frame.srcdoc = html;
    document.body.append(frame);
  });
  const unseen = ['STYLE', 'SCRIPT', 'META', 'LINK', 'TITLE'];
  const name = e => e.tagName + (e.id ? '#' + e.id : '') + (e.className ? '.' + e.className : '');
  const compared = ([a, b]) => Promise.all([load(a), load(b)]).then(frames => {
    const all = f => [f.contentDocument.documentElement, ...f.contentDocument.body.querySelectorAll('*')]
      .concat([f.contentDocument.body]).filter(e => !unseen.includes(e.tagName));
    const [x, y] = frames.map(all), found = [];
    if (x.map(e => e.tagName).join() !== y.map(e => e.tagName).join())
      found.push('elements: ' + x.length + ' in the page, ' + y.length + ' in the message');
    for (let n = 0; n < Math.min(x.length, y.length) && found.length < most; n++) {
      const [s, t] = [x[n], y[n]].map(e => e.ownerDocument.defaultView.getComputedStyle(e));
      if (s.cssText === t.cssText) continue;
      for (const property of s) {
        const [v, w] = [s.getPropertyValue(property), t.getPropertyValue(property)];
        if (v !== w && found.length < most)
          found.push(`${name(x[n])} ${property}: ${v} in the page, ${w} in the message`);
      }
    }
    frames.forEach(f => f.remove());
    return found;
  });
  const all = [];
  for (let n = 0; n < pairs.length; n += 16)
    all.push(...await Promise.all(pairs.slice(n, n + 16).map(compared)));
  return all;
}"""
_PIXELS = """([a, b]) => Promise.all([a, b].map(data => new Promise(done => {
  const image = new Image(); image.onload = () => done(image); image.src = 'data:image/png;base64,' + data;
}))).then(([x, y]) => {
  const width = Math.max(x.width, y.width), height = Math.max(x.height, y.height);
  const [p, q] = [x, y].map(image => {
    const canvas = document.createElement('canvas'); canvas.width = width; canvas.height = height;
    const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
    return new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  });
  let differing = 0;
  for (let n = 0; n < p.length; n++) differing += p[n] !== q[n];
  return differing / p.length;
})"""


class View(NamedTuple):
    """How a document is looked at: width in CSS pixels, colour scheme, with its style elements or without."""

    width: int
    scheme: str = "light"
    sheets: bool = True

    def __str__(self) -> str:
        return f"{self.width} px, {self.scheme}{'' if self.sheets else ', no style elements'}"


VIEWS = (*(View(width, scheme) for width in (375, 600, 800) for scheme in ("light", "dark")),)
BARE = View(800, sheets=False)


class Comparer:
    """Compares pages with messages; one page of the browser serves all."""

    def __init__(self, browser: Browser) -> None:
        self.page: Page = new_context(browser).new_page()
        self.page.route(re.compile("^(?!data:|about:|blob:)"), lambda route: route.abort())

    def styles(self, template: str, message: str, view: View, most: int = 5) -> list[str]:
        """Sentences on the first differences of computed styles, none if both look the same."""
        return self.styles_of_all([(template, message)], view, most)[0]

    def styles_of_all(self, pairs: Iterable[tuple[str, str]], view: View, most: int = 5) -> list[list[str]]:
        """The same for many pairs of template and message."""
        self._scheme(view)
        sent = [(page, message if view.sheets else without_sheets(message)) for page, message in pairs]
        found: list[list[str]] = self.page.evaluate(_COMPARE, [sent, view.width, most])
        return found

    def pictures(self, template: str, message: str, view: View) -> tuple[bytes, bytes]:
        """Both as PNG, in their full length."""
        self._scheme(view)
        self.page.set_viewport_size({"width": view.width, "height": 900})
        shots = []
        for html in (template, message if view.sheets else without_sheets(message)):
            self.page.set_content(html)
            shots.append(self.page.screenshot(full_page=True))
        return shots[0], shots[1]

    def differing(self, pictures: tuple[bytes, bytes]) -> float:
        """The share of the pixels that differ, between 0 and 1."""
        import base64

        if pictures[0] == pictures[1]:
            return 0.0
        share: float = self.page.evaluate(_PIXELS, [base64.b64encode(one).decode() for one in pictures])
        return share

    def _scheme(self, view: View) -> None:
        self.page.emulate_media(color_scheme="dark" if view.scheme == "dark" else "light")


def without_sheets(html: str) -> str:
    """A document as programs show it that drop style elements."""
    return _STYLE.sub("", html)
