"""The phrases of the pages, in the subscriber's language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

DEFAULT = "en"


@cache
def phrases() -> Mapping[str, Mapping[str, str]]:
    """All phrases by language and name, from `languages.toml`."""
    text = resources.files(__package__).joinpath("languages.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def preferred(accept_language: str) -> str:
    """The one of our languages that an Accept-Language header (RFC 9110 §12.5.4) prefers."""
    ranges = []
    for place, text in enumerate(accept_language.split(",")[:20]):
        name, _, parameter = text.partition(";")
        ranges.append((-_quality(parameter), place, name.strip().lower().partition("-")[0]))
    names = [name for quality, _, name in sorted(ranges) if quality < 0]
    return next((name for name in names if name in phrases()), DEFAULT)


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return max(0.0, min(1.0, float(value)))
    except ValueError:
        return 0.0
