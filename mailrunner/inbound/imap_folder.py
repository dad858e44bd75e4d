"""Folders as an IMAP server lists them (RFC 9051 §7.3.1): names and special uses.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LISTED = re.compile(
    rb'\((?P<uses>[^)]*)\) (?P<delimiter>"(?:\\.|[^"\\])*"|NIL) (?P<name>.*)', re.DOTALL | re.IGNORECASE
)
_SHIFTED = re.compile(r"&([^-]*)-")
_NOT_SELECTABLE = frozenset({"\\noselect", "\\nonexistent"})


@dataclass(frozen=True, slots=True)
class ImapFolder:
    r"""A folder.

    `wire_name` is its name as commands need it (an atom or a quoted string), `uses` are the attributes it is
    listed with, casefolded (`\sent`, `\trash`, `\junk`: RFC 6154), `delimiter` stands between the
    levels of the hierarchy ("" where there are none).
    """

    wire_name: str
    uses: frozenset[str] = frozenset()
    delimiter: str = ""

    @property
    def name(self) -> str:
        """The name as users read it."""
        return _decoded(_unquoted(self.wire_name))

    @property
    def is_selectable(self) -> bool:
        """False for a mere level of the hierarchy."""
        return not self.uses & _NOT_SELECTABLE


INBOX = ImapFolder("INBOX")


def listed_folder(line: bytes | tuple[bytes, bytes]) -> ImapFolder | None:
    """Read one line of LIST; None where it is none, or has a name that cannot be asked for.

    A tuple is a line that ends in a literal, which is then the name.
    """
    literal = line[1] if isinstance(line, tuple) else None
    found = _LISTED.match(line[0] if isinstance(line, tuple) else line)
    if found is None:
        return None
    name = _text(found["name"]) if literal is None else quoted(_text(literal))
    if not name.isascii() or not name.isprintable():  # not allowed by RFC 3501 §5.1
        return None
    delimiter = "" if found["delimiter"].upper() == b"NIL" else _unquoted(_text(found["delimiter"]))
    return ImapFolder(name, frozenset(_text(found["uses"]).casefold().split()), delimiter)


def quoted(text: str) -> str:
    """Text as a quoted string (RFC 9051 §4.3)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _decoded(name: str) -> str:
    """Modified UTF-7 (RFC 3501 §5.1.3) as text; what is not valid stays as it is."""
    return _SHIFTED.sub(lambda shifted: _unshifted(shifted[1]), name)


def _unshifted(coded: str) -> str:
    if not coded:
        return "&"
    try:
        return f"+{coded.replace(',', '/')}-".encode("ascii").decode("utf-7")
    except UnicodeError:
        return f"&{coded}-"


def _text(data: bytes) -> str:
    return data.decode("latin-1")
