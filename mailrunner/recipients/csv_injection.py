"""Cells of CSV files that a spreadsheet program would run as a formula, and the way there and back.

Excel and its like take a cell that begins with one of a few signs for a formula, and lists and servers
hold what strangers wrote (OWASP, "CSV injection").  An apostrophe before it makes it text.  Since a mail
address may begin with `=` or with an apostrophe, a cell that has apostrophes before such a sign gets one
more: so every cell can be read back exactly.  Only files that mailrunner wrote are read back like that.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# The last four: what Japanese and Chinese versions of Excel take for the first four.
_RUNS = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
# Numbers, telephone numbers, plain addresses, plain domains: nothing in them could be run.
_PLAIN = re.compile(r"[+-][\d ./,-]*|[+-][\w.+-]*@[\w.-]+|@[\w-]+(\.[\w-]+)+", re.ASCII)
_WRITTEN_BY_US = (
    frozenset({"mailrunner_reason"}),
    frozenset({"address", "list", "reason", "source", "created_at"}),
    frozenset({"address", "normalised", "state", "provider_id", "message_id"}),
)


def defused(text: str) -> str:
    """The cell, so that no spreadsheet runs it."""
    return f"'{text}" if _RUNS.match(text) and not _PLAIN.fullmatch(text) else text


def restored(text: str) -> str:
    """The cell as it was before `defused`."""
    return text[1:] if text.startswith("'") and _RUNS.match(text) else text


def are_defused(columns: Collection[str]) -> bool:
    """True for a file with these columns that mailrunner wrote: a list again, a report, an export."""
    return any(own <= set(columns) for own in _WRITTEN_BY_US)
