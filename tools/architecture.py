"""Draw docs/architecture.svg from the imports: a floor for each layer of import-linter, an arrow for an import.

Arrows that a longer way implies are left out.  `--check` writes nothing and exits 1 if the drawing is old.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from xml.sax.saxutils import escape

from tools.imports import PACKAGE, ROOT, Arrows, children, layers, modules, needed

DRAWING = ROOT / "docs" / "architecture.svg"

NOTES = {
    "__main__": "python -m mailrunner",
    "cli": "one command a file",
    "preview": "messages before they are sent",
    "web": "unsubscribe pages, webhooks",
    "sending": "list import, send loop, recorder",
    "report": "outcomes as CSV, Excel, HTML",
    "inbound": "bounces, complaints, requests",
    "suppression": "files of other tools",
    "event_log": "--log-json",
    "reconciliation": "look-up in the Sent folder",
    "campaign": "campaign files",
    "rendering": "templates, inlining, MIME",
    "recipients": "CSV, Excel, Parquet, SQL",
    "config": "project, accounts, providers",
    "store": "the ledger; the only SQL",
    "transports": "SMTP connections",
    "replies": "what a server's answer means",
    "model": "states, quota, retries: pure",
    "clock": "time as an argument",
    "errors": "problems a user can fix",
}

_WIDTH, _BOX, _HEIGHT, _FLOOR, _TOP = 1000, 210, 46, 84, 20

_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">
<title>The rooms of mailrunner and what they import</title>
<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>
<rect width="{width}" height="{height}" fill="#fff"/>
"""


def drawing() -> str:
    """The SVG of the package as it is now."""
    arrows = needed(children(modules(), PACKAGE))
    floors = _without_crossings(layers(), arrows)
    places = {
        room: (_left(number, len(floor)), _TOP + level * _FLOOR)
        for level, floor in enumerate(floors)
        for number, room in enumerate(floor)
    }
    parts = [_HEAD.format(width=_WIDTH, height=_TOP + len(floors) * _FLOOR)]
    parts += [
        _arrow(places[start], places[end], places.values())
        for start in places
        for end in sorted(arrows.get(start, ()))
        if end in places
    ]
    parts += [_box(room, *place) for room, place in places.items()]
    return "".join([*parts, "</svg>\n"])


def _left(number: int, beside: int) -> int:
    gap = (_WIDTH - beside * _BOX) // (beside + 1)
    return gap + number * (_BOX + gap)


def _without_crossings(floors: Sequence[Sequence[str]], arrows: Arrows) -> list[list[str]]:
    """Order each floor so that a room stands below the rooms that import it."""
    ordered = [list(floor) for floor in floors]
    place: dict[str, float] = {}
    for floor in ordered:
        above = {room: [place[one] for one in place if room in arrows.get(one, ())] for room in floor}
        floor.sort(key=lambda room: sum(above[room]) / len(above[room]) if above[room] else _WIDTH / 2)
        place |= {room: _left(number, len(floor)) + _BOX / 2 for number, room in enumerate(floor)}
    return ordered


def _box(room: str, left: int, top: int) -> str:
    middle = left + _BOX // 2
    return (
        f'<rect x="{left}" y="{top}" width="{_BOX}" height="{_HEIGHT}" rx="6" fill="#f1f5f9" stroke="#334155"/>'
        f'<text x="{middle}" y="{top + 19}" font-size="15" font-weight="600" text-anchor="middle">{room}</text>'
        f'<text x="{middle}" y="{top + 36}" font-size="12" fill="#475569" text-anchor="middle">'
        f"{escape(NOTES[room])}</text>\n"
    )


def _arrow(start: tuple[int, int], end: tuple[int, int], boxes: object) -> str:
    x1, y1 = start[0] + _BOX // 2, start[1] + _HEIGHT
    x2, y2 = end[0] + _BOX // 2, end[1] - 2
    bend = (y2 - y1) // 2
    return (
        f'<path d="M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"'
        ' fill="none" stroke="#64748b" stroke-width="1.3" marker-end="url(#end)"/>\n'
    )


def main() -> int:
    """Run from the command line; return the exit code."""
    text = drawing()
    if "--check" in sys.argv[1:]:
        return 0 if DRAWING.read_text(encoding="utf-8") == text else 1
    DRAWING.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
