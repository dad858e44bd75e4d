"""One remark of the lint."""

from __future__ import annotations

from typing import NamedTuple


class Remark(NamedTuple):
    """One doubtful thing; `kind` is the same for all messages that have it, `detail` this message's."""

    kind: str
    detail: str = ""
