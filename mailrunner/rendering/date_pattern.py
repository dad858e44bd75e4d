"""Date patterns that Babel takes and that do not mean what was meant (CLDR, UTS #35, "Date Format Patterns").

Patterns of other programs look alike: `mm` is minutes here and a month in Excel, `YYYY` the year of the week,
which differs around New Year, `DD` the day of the year.
"""

from __future__ import annotations

import re

_QUOTED = re.compile(r"'[^']*'")
_SIGNS = frozenset("GyYuUrQqMLlwWdDFgEecabBhHKkmsSAzZOvVXx")
_HOURS = frozenset("hHkKA")


def pattern_mistake(pattern: str) -> str:
    """What is wrong with a pattern, as a sentence; "" where nothing is."""
    signs = {sign for sign in _QUOTED.sub("", pattern) if sign.isascii() and sign.isalpha()}
    if "%" in pattern:
        return "%d and its like are no pattern here"
    if strange := sorted(signs - _SIGNS):
        return f"{strange[0]} means nothing in a pattern; words in it stand between two '"
    if "m" in signs and not signs & _HOURS:
        return "m means minutes, and M the month"
    if "Y" in signs and "w" not in signs:
        return "Y means the year of the week, and y the year"
    if "D" in signs and signs & {"M", "L"}:
        return "D means the day of the year, and d that of the month"
    return ""
