"""Small templates of one idea each: those of a file, and combinations made by chance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

CONSTRUCTS = Path(__file__).parents[1] / "data" / "looks" / "constructs.txt"

_SELECTORS = (
    *(
        "p",
        ".x",
        "p.x",
        "#i",
        "*",
        "div p",
        ".w > p",
        "p:first-child",
        "p:nth-child(2)",
        "[title]",
        ".x:hover",
    ),
    *("p:not(.y)", ".w .x", "h1 + p", "p[class~=x]", ":is(.x, #i)", ".w p:last-child", "p, h1", ".y, #i"),
)
_FAMILIES = (
    *(("margin", "margin-left", "margin-top"), ("color", "color"), ("width", "max-width")),
    *(("border", "border-left", "border-color", "border-left-width"), ("font", "font-size", "line-height")),
    *(("background", "background-color"), ("padding", "padding-left"), ("text-align", "vertical-align")),
)
_VALUES = {
    **dict.fromkeys(
        ("margin", "padding", "margin-left", "margin-top", "padding-left"), ("1px", "7px", "20px")
    ),
    "border": ("1px solid red", "3px dotted blue", "0"),
    "border-left": ("2px solid green", "0"),
    "border-left-width": ("4px", "9px"),
    "font": ("bold 20px serif", "11px/2 Arial"),
    "font-size": ("10px", "30px"),
    "line-height": ("1", "3"),
    "text-align": ("left", "center", "right"),
    "vertical-align": ("top", "3px"),
    "background": ("red", "#eee", "none"),
    **dict.fromkeys(("width", "max-width"), ("100px", "50%", "300px")),
    **dict.fromkeys(("color", "border-color", "background-color"), ("red", "#00f", "green", "nonsense")),
}
_CONDITIONS = ("", "", "", "(max-width:400px)", "(max-width:700px)", "(prefers-color-scheme:dark)")
_BODY = (
    "<h1>h</h1><p class=x>a</p><p id=i class='x y' title=t{own}>b</p>"
    "<div class=w><p>c</p><p class=x{own}>d</p><p id=j title=t>e</p></div>"
)


def page(css: str, body: str) -> str:
    """A whole document."""
    return f"<!DOCTYPE html><html><head><title>t</title><style>{css}</style></head><body>{body}</body></html>"


def constructs() -> Iterator[tuple[str, str]]:
    """The name and the document of each construct."""
    for line in CONSTRUCTS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, css, body = (part.strip() for part in line.split(" | "))
            yield name, page(css, body)


def by_chance(seed: int) -> str:
    """A document whose rules differ in specificity, importance, condition and in what they set."""
    random = Random(seed)
    family = random.choice(_FAMILIES)

    def declarations(most: int) -> str:
        names = random.choices(family, k=random.randint(1, most))
        return ";".join(
            f"{name}:{random.choice(_VALUES[name])}{'!important' if random.random() < 0.15 else ''}"
            for name in names
        )

    rules = []
    for _ in range(random.randint(2, 6)):
        rule, condition = f"{random.choice(_SELECTORS)}{{{declarations(3)}}}", random.choice(_CONDITIONS)
        rules.append(f"@media {condition}{{{rule}}}" if condition else rule)
    own = f" style='{declarations(2)}'" if random.random() < 0.6 else ""
    return page(" ".join(rules), _BODY.format(own=own))
