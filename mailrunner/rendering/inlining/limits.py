"""The size of a document that is still inlined: seconds of work, far beyond what mail programs show.

libxml2 compares each attribute of a tag with all before it, and premailer each rule with each element; so
what is bounded is what they multiply.  Counted by characters, as parsing is what has to be prevented.
"""

from __future__ import annotations

import re

from mailrunner.errors import RowError

MOST_TAGS = 100_000  # opening and closing ones
MOST_RULES = 5_000
MOST_COMPARISONS = 20_000_000  # of a rule with a tag
MOST_IN_A_TAG = 6_000  # blanks and quotation marks between which attributes may stand

_STYLE = re.compile(r"<style\b[^>]*+>([^<]*+(?:<(?!/style)[^<]*+)*+)", re.IGNORECASE)
_LONG_TAG = re.compile(
    r"""<[a-z](?=[^<]{6000}|[^>]{6000})(?:[^"'>]++|"[^"]*+"?|'[^']*+'?)*+""", re.IGNORECASE
)
_SEPARATOR = re.compile(r"[\s\"']")
_SHORT = 50_000  # characters of a document whose tags need no look: a second at worst
_SLASHES = 3  # in a tag, for each separator that is allowed: images may stand in an address, in base64


def require_inlinable(html: str) -> None:
    """Raise RowError for a document that would take premailer and libxml2 longer than seconds."""
    tags = html.count("<")
    rules = sum(css.count("{") + css.count(",") // 4 for css in _STYLE.findall(html))
    if tags > MOST_TAGS:
        raise RowError(f"the HTML has more than {MOST_TAGS:,} tags; make it shorter")
    if rules > MOST_RULES or rules * tags > MOST_COMPARISONS:
        raise RowError(f"the CSS has {rules:,} rules for {tags:,} tags; remove those that are not used")
    if len(html) > _SHORT and any(_has_many_attributes(tag[0]) for tag in _LONG_TAG.finditer(html)):
        raise RowError("a tag of the HTML has thousands of attributes; look for a quotation mark too few")


def _has_many_attributes(tag: str) -> bool:
    separators = len(_SEPARATOR.findall(tag)) + tag.count("/") // _SLASHES
    return separators > MOST_IN_A_TAG
