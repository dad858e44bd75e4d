"""Which templates look different once they are sent: `python -m tests.looks [--plain] [NAME …]`.

Opens every template of the corpus, or those with NAME in theirs, as page and as message; writes the table,
and a page with pictures of the differences to build/looks/.  `--plain` looks at plain premailer instead.
"""

from __future__ import annotations

import argparse
import html
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from mailrunner.errors import RowError
from mailrunner.rendering.inlining.premailer import PremailerInliner
from tests.looks.compare import BARE, VIEWS, Comparer, View
from tests.looks.constructs import constructs
from tests.looks.corpus import templates
from tests.support.browsers import chromium

OUT = Path(__file__).parents[2] / "build" / "looks"
SHARE = 0.001  # of the pixels; below that it is the smoothing of text


class Difference(NamedTuple):
    """What differs of a template in one view: sentences on computed styles, and the share of the pixels."""

    view: View
    styles: list[str]
    pixels: float


def looked_at(comparer: Comparer, name: str, page: str, message: str) -> Iterator[Difference]:
    """The differences of one template, with their pictures written."""
    for view in (*VIEWS, BARE):
        styles = comparer.styles(page, message, view) if view.sheets else []
        pictures = comparer.pictures(page, message, view)
        pixels = comparer.differing(pictures)
        if styles or pixels > SHARE:
            for picture, which in zip(pictures, ("page", "message"), strict=True):
                (OUT / picture_name(name, view, which)).write_bytes(picture)
            yield Difference(view, styles, pixels)


def picture_name(name: str, view: View, which: str) -> str:
    """The file of a picture."""
    words = f"{name} {view} {which}"
    return "".join(char if char.isalnum() else "-" for char in words) + ".png"


def picture_page(found: dict[str, list[Difference]]) -> str:
    """A page with both pictures of each difference side by side."""
    parts = ["<!DOCTYPE html><meta charset=utf-8><title>looks</title><h1>As page, and as sent</h1>"]
    for name, differences in found.items():
        parts.append(f"<h2>{html.escape(name)}</h2>")
        for view, styles, pixels in differences:
            said = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in styles)
            parts.append(f"<h3>{view}: {pixels:.2%} of the pixels</h3><ul>{said}</ul>")
            parts += [
                f'<img src="{picture_name(name, view, which)}" style="border:1px solid;vertical-align:top">'
                for which in ("page", "message")
            ]
    return "\n".join(parts)


def plain_premailer(page: str) -> str:
    """What premailer makes of a document by itself, with the options that keep its sheets."""
    from premailer import Premailer

    made = Premailer(
        page, allow_network=False, keep_style_tags=True, strip_important=False, cssutils_logging_level=50
    )
    return str(made.transform())


def compared(
    comparer: Comparer, pages: dict[str, str], inline: Callable[[str], str]
) -> dict[str, list[Difference]]:
    """What differs, by template; a line for each goes to the screen."""
    found = {}
    for name, page in pages.items():
        try:
            differences = list(looked_at(comparer, name, page, inline(page)))
        except (RowError, TypeError, AttributeError) as error:
            print(f"{name}: {error}", flush=True)
            continue
        if differences:
            found[name] = differences
            views = "; ".join(f"{view} {pixels:.1%}" for view, _, pixels in differences)
            print(
                f"{name}: {views}\n    {next((d.styles[0] for d in differences if d.styles), '')}", flush=True
            )
    return found


def main() -> int:
    """Look at the corpus; exit 1 if anything differs but in the view without style elements."""
    parser = argparse.ArgumentParser(prog="python -m tests.looks", description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--plain", action="store_true")
    arguments = parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    pages = {**dict(templates()), **dict(constructs())}
    if arguments.names:
        pages = {name: page for name, page in pages.items() if any(n in name for n in arguments.names)}
    with chromium() as browser:
        inline = plain_premailer if arguments.plain else PremailerInliner().inline
        found = compared(Comparer(browser), pages, inline)
    (OUT / "index.html").write_text(picture_page(found), encoding="utf-8")
    styled = [name for name, differences in found.items() if any(d.view.sheets for d in differences)]
    bare = [name for name, differences in found.items() if any(not d.view.sheets for d in differences)]
    print(f"{len(styled)} of {len(pages)} differ, {len(bare)} without style elements; see {OUT}/index.html")
    return 1 if styled else 0


if __name__ == "__main__":
    sys.exit(main())
