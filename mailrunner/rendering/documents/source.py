"""A document that was read: its HTML, and the pictures that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DocumentSource:
    """A document: `html` is a whole page, or with `is_fragment` the content of one.

    `picture` gives the content behind a name that the HTML uses, None where there is none.  `changes` says
    what was done to it, `remarks` what is left to the user.  `fields` are the names that the document itself
    calls merge fields, and does not only show in guillemets.  `language`, such as "de-DE", is "" where the
    HTML alone may tell it.
    """

    kind: str
    html: str
    picture: Callable[[str], bytes | None]
    is_fragment: bool = False
    changes: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = ()
    language: str = ""
