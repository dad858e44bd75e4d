"""Draw docs/architecture.svg from the imports: a floor for each layer, an arrow for an import.

Arrows that a longer way implies are left out.  `--check` writes nothing and exits 1 if the drawing is old.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
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
}

# Every room may use them; their arrows would hide the others.
_EVERYWHERE = {"model", "errors", "clock"}

_WIDTH, _BOX, _HEIGHT, _FLOOR, _TOP = 1000, 210, 46, 96, 20

Places = Mapping[str, tuple[int, int]]
Lines = Sequence[tuple[str, str]]

_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="15"\
 font-family="sans-serif">
<title>The rooms of mailrunner and what they import</title>
<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>
<rect width="{width}" height="{height}" fill="#fff"/>
"""

_FOOT = """\
<text x="{x}" y="{y}" font-size="13" fill="#475569" text-anchor="middle">Below all of them, and used by \
every room: model (states, quota, retries: pure words), errors, clock.</text>
</svg>
"""


def drawing() -> str:
    """The SVG of the package as it is now."""
    arrows = needed(children(modules(), PACKAGE))
    floors = _ordered([[room for room in floor if room not in _EVERYWHERE] for floor in layers()], arrows)
    floors = [floor for floor in floors if floor]
    lines = [(start, end) for floor in floors for start in floor for end in sorted(arrows.get(start, ()))]
    height = _TOP + len(floors) * _FLOOR + 10
    parts = [_HEAD.format(width=_WIDTH, height=height)]
    parts += _arrows(floors, [line for line in lines if line[1] not in _EVERYWHERE and line[1] in NOTES])
    parts += [_box(room, *place) for room, place in _places(floors).items()]
    parts.append(_FOOT.format(x=_WIDTH // 2, y=height - 16))
    return "".join(parts)


def _places(floors: Sequence[Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Left and upper edge of each room's box."""
    return {
        room: (_left(number, len(floor)), _TOP + level * _FLOOR)
        for level, floor in enumerate(floors)
        for number, room in enumerate(floor)
    }


def _left(number: int, beside: int) -> int:
    gap = (_WIDTH - beside * _BOX) // (beside + 1)
    return gap + number * (_BOX + gap)


def _ordered(floors: Sequence[Sequence[str]], arrows: Arrows) -> list[list[str]]:
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
        f'<rect x="{left}" y="{top}" width="{_BOX}" height="{_HEIGHT}" rx="6" fill="#f1f5f9" stroke="#345"/>'
        f'<g text-anchor="middle"><text x="{middle}" y="{top + 19}" font-weight="600">{room}</text>'
        f'<text x="{middle}" y="{top + 36}" font-size="12" fill="#475569">{escape(NOTES[room])}</text></g>\n'
    )


def _arrows(floors: Sequence[Sequence[str]], lines: Sequence[tuple[str, str]]) -> list[str]:
    """A path for each arrow; on the floors between its ends it passes through a gap between the boxes."""
    places = _places(floors)
    level = {room: number for number, floor in enumerate(floors) for room in floor}
    taken: Counter[tuple[int, int]] = Counter()
    paths = []
    for start, end in sorted(lines, key=lambda line: (level[line[1]] - level[line[0]], line)):
        leaves, arrives = _foot(start, end, places, lines), _head(start, end, places, lines)
        points = [(leaves, places[start][1] + _HEIGHT)]
        for floor in range(level[start] + 1, level[end]):
            straight = leaves + (arrives - leaves) * (floor - level[start]) / (level[end] - level[start])
            gap = min(_gaps(len(floors[floor])), key=lambda x: abs(x - straight))
            x = gap + _aside(taken[floor, gap])
            taken[floor, gap] += 1
            points += [(x, _TOP + floor * _FLOOR - 4), (x, _TOP + floor * _FLOOR + _HEIGHT + 4)]
        paths.append(_path([*points, (arrives, places[end][1] - 1)]))
    return paths


def _foot(start: str, end: str, places: Places, lines: Lines) -> int:
    """Where on the lower edge of its start an arrow leaves: side by side, in the order of the ends."""
    ends = sorted((other for one, other in lines if one == start), key=lambda room: places[room][0])
    return places[start][0] + _BOX * (ends.index(end) + 1) // (len(ends) + 1)


def _head(start: str, end: str, places: Places, lines: Lines) -> int:
    """Where on the upper edge of its end an arrow arrives, in the order of the starts."""
    starts = sorted((one for one, other in lines if other == end), key=lambda room: places[room][0])
    return places[end][0] + _BOX * (starts.index(start) + 1) // (len(starts) + 1)


def _gaps(beside: int) -> list[int]:
    """The middles of the gaps beside the boxes of a floor."""
    gap = (_WIDTH - beside * _BOX) // (beside + 1)
    return [number * (_BOX + gap) + gap // 2 for number in range(beside + 1)]


def _aside(number: int) -> int:
    """0, 9, -9, 18, -18 …: arrows through one gap run side by side."""
    return 9 * ((number + 1) // 2) * (1 if number % 2 else -1)


def _path(points: Sequence[tuple[int, int]]) -> str:
    """Curves from floor to floor, straight lines through the floors."""
    steps = [f"M{points[0][0]} {points[0][1]}"]
    for number, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        bend = (y2 - y1) // 2
        curve = f"C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"
        steps.append(f"L{x2} {y2}" if number % 2 else curve)
    return f'<path d="{"".join(steps)}" fill="none" stroke="#64748b" marker-end="url(#end)"/>\n'


def main() -> int:
    """Run from the command line; return the exit code."""
    text = drawing()
    if "--check" in sys.argv[1:]:
        return 0 if DRAWING.read_text(encoding="utf-8") == text else 1
    DRAWING.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
