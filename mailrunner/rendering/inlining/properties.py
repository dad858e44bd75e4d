"""Properties of CSS that decide about the same thing, and values that every mail program understands.

`related` widens a shorthand to the properties that it sets (CSS 2.1, appendix F; the CSS modules of
Backgrounds, Fonts, Flexbox, Logical Properties).  It may say yes too often, never too seldom.
"""

from __future__ import annotations

import re
from functools import lru_cache

_SIDES = ("top", "right", "bottom", "left")
_CORNERS = ("top-left", "top-right", "bottom-right", "bottom-left")
_LINE = ("width", "style", "color")
_PREFIX = re.compile(r"-(?:webkit|moz|ms|o)-")


def _box(name: str, ending: str = "") -> dict[str, tuple[str, ...]]:
    """A shorthand of four sides, and the logical properties beside it."""
    sides = {side: f"{name}-{side}{ending}" for side in _SIDES}
    across, along = (sides["left"], sides["right"]), (sides["top"], sides["bottom"])
    logical = {"inline": across, "inline-start": across, "inline-end": across}
    logical |= {"block": along, "block-start": along, "block-end": along}
    return {
        f"{name}{ending}": tuple(sides.values()),
        **{f"{name}-{axis}{ending}": both for axis, both in logical.items()},
    }


def _borders() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in _LINE:
        found |= _box("border", f"-{part}")
    for side in (*_SIDES, "inline", "inline-start", "inline-end", "block", "block-start", "block-end"):
        names = [found.get(f"border-{side}-{part}", (f"border-{side}-{part}",)) for part in _LINE]
        found[f"border-{side}"] = tuple(name for group in names for name in group)
    found["border"] = (*(f"border-{side}-{part}" for side in _SIDES for part in _LINE), "border-image")
    found["border-radius"] = tuple(f"border-{corner}-radius" for corner in _CORNERS)
    return found


_SETS: dict[str, tuple[str, ...]] = {
    **_box("margin"),
    **_box("padding"),
    **_borders(),
    "inset": _SIDES,
    "inset-inline": ("left", "right"),
    "inset-block": ("top", "bottom"),
    **{f"{limit}inline-size": (f"{limit}width",) for limit in ("", "min-", "max-")},
    **{f"{limit}block-size": (f"{limit}height",) for limit in ("", "min-", "max-")},
    "background": tuple(
        f"background-{part}"
        for part in ("color", "image", "repeat", "attachment", "position", "size", "origin", "clip")
    ),
    "background-position": ("background-position", "background-position-x", "background-position-y"),
    "font": (
        "line-height",
        *(f"font-{p}" for p in ("style", "variant", "weight", "stretch", "size", "family")),
    ),
    "list-style": ("list-style-type", "list-style-position", "list-style-image"),
    "outline": tuple(f"outline-{part}" for part in _LINE),
    "text-decoration": tuple(f"text-decoration-{part}" for part in ("line", "style", "color", "thickness")),
    "overflow": ("overflow-x", "overflow-y"),
    "flex": ("flex-grow", "flex-shrink", "flex-basis"),
    "flex-flow": ("flex-direction", "flex-wrap"),
    "gap": ("row-gap", "column-gap"),
    "grid-gap": ("row-gap", "column-gap"),
    "columns": ("column-width", "column-count"),
    "word-wrap": ("overflow-wrap",),
    "place-content": ("align-content", "justify-content"),
    "place-items": ("align-items", "justify-items"),
    "place-self": ("align-self", "justify-self"),
}
_PLAIN_FUNCTIONS = re.compile(r"\b(?:url|rgb)\(")


@lru_cache(maxsize=4096)
def related(one: str, other: str) -> bool:
    """True if two properties, named in lower case, set something in common."""
    if one == other or (("all" in (one, other)) and not (one + other).startswith("--")):
        return True
    return not _longhands(one).isdisjoint(_longhands(other))


@lru_cache(maxsize=4096)
def is_certain(name: str, value: str) -> bool:
    """True if every mail program can be trusted to understand a value, so that it needs no fallback."""
    import cssutils

    if "(" in _PLAIN_FUNCTIONS.sub("", value):
        return False
    try:
        return bool(cssutils.profile.validate(name, value))
    except Exception:  # a value that its patterns stumble over is none that is certain
        return False


@lru_cache(maxsize=1024)
def _longhands(name: str) -> frozenset[str]:
    if name.startswith("--"):
        return frozenset((name,))
    bare = _PREFIX.sub("", name, count=1) if name.startswith("-") else name
    found = {bare}
    for part in _SETS.get(bare, ()):
        found |= {part} if part == bare else _longhands(part)
    return frozenset(found)
