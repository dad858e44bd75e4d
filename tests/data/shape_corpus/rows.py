"""Rows for the templates beside this file: made from a seed, plain or hostile."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from mailrunner.rendering.compiled_template import CompiledTemplate
from mailrunner.rendering.templates import Templates

HERE = Path(__file__).parent
TEMPLATES = (
    "letter newsletter receipt invoice digest awkward sideways fragment bare captured compared".split()  # noqa: SIM905
)
PLAIN = ("Ana", "Bob Stone", "Cluj", "42", "https://example.org/a?b=1", "ana@example.org", "Zoë", "中村")
HOSTILE = (
    "",
    " ",
    "\t\n",
    "\xa0",
    "<b>&\"'</b>",
    'only "double" quotes',
    "only 'single' quotes",
    "&amp;",
    "&copy",
    "R&D",
    "&{x}",
    "{{ x }}",
    "<!--",
    "-->",
    "--",
    "a!",
    "</p><td>",
    "one\ntwo\r\nthree",
    " lead and trail ",
    "é 中 😀 \u2028 \xad \ufeff",
    "\x01\x85\ufffe",
    "http://x y/ü?a=1&b=%20",
    "javascript:alert(1)",
    "color: red; } p { color: blue",
    "zq7qz1zq7qz",
    "x" * 5000,
)


def template(name: str) -> CompiledTemplate:
    """Compile one of the templates."""
    return Templates(folder=HERE.parent, templates_dir=HERE).html(f"{name}.html")


def row(random: Random, values: tuple[str, ...] = PLAIN) -> dict[str, Any]:
    """A row for every template: its loops and branches differ from row to row, and so do its values."""

    def some(least: int, most: int, *names: str) -> list[dict[str, Any]]:
        return [{name: random.choice(values) for name in names} for _ in range(random.randint(least, most))]

    picks = some(1, 4, "name", "price", "note")
    lines = some(0, 5, "name", "sum", "note")
    streams = some(1, 3, "name")
    for pick in picks:
        pick["url"] = f"https://example.org/p/{random.choice(values)}"
        pick["note"] = random.choice(("", pick["note"]))
    for line in lines:
        line |= {"share": random.randint(1, 99), "number": 1, "note": random.choice(("", line["note"]))}
    for stream in streams:
        stream["topics"] = some(1, 3, "name", "url")
        for topic in stream["topics"]:
            topic["messages"] = some(1, 3, "who", "text")
            for message in topic["messages"]:
                message |= {"own": random.random() < 0.5, "more": random.choice((0, 0, 3))}
    plain = {name: random.choice(values) for name in NAMES}
    return {**plain, **_choices(random), "picks": picks, "lines": lines, "streams": streams}


NAMES = (
    *("a", "address", "b", "city", "contact", "fee", "first", "first_name", "last_name"),
    *("member_no", "number", "postal_address", "preheader", "shop", "sum", "token", "unsubscribe_url", "url"),
)


def _choices(random: Random) -> dict[str, Any]:
    return {
        "lang": "en",
        "year": 2026,
        "base": "https://example.org",
        "points": random.randint(0, 9),
        "vip": random.random() < 0.5,
        "px": random.randint(1, 3),
        **{
            name: random.choice(choice)
            for name, choice in {
                "cls": ("c", "d"),
                "colour": ("#fff", "red"),
                "id": ("i", "j"),
                "tag": ("b", "i"),
                "align": ("left", "right"),
                "safe": ("<b>x</b>", "y"),
                "attribute": ("hidden", ""),
            }.items()
        },
    }
