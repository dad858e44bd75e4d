"""Quoted-printable (RFC 2045 §6.7) that is put together from pieces encoded beforehand.

Most of a message is the same for all recipients.  A `Composition` encodes that once; for each message only
the values are encoded and set between the pieces.  It promises what encoding the whole text would
give a reader: any decoder finds the UTF-8 of the text, its line breaks as CRLF and its last line ended.

Why that is sound: every piece and every value becomes whole physical lines.  It begins on a new one
and ends with a line break of its own or with a soft one ("=" CRLF, which decodes to nothing), so the
encoding of one says nothing about its neighbours, and trailing blanks are protected by that "=".  What
could still reach over a border is looked at, and makes the message be encoded whole: CR, which a LF
on the other side would complete, and line breaks at the very end of the text.

No physical line has more than 76 columns, begins with a dot (so there is nothing to stuff, RFC 5321
§4.5.2) or begins with "From " (which old mailbox files mark).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from functools import lru_cache

_CRLF = b"\r\n"
_SOFT = b"=\r\n"
_SOFT_LF, _STAND_IN = b"=\n", b"=\r"  # a soft break within a long line, while lines are told apart
_COLUMNS = 76
_SHORT = 200  # characters; what is longer hardly comes again
_ASCII = bytes(range(128))
_BREAK = re.compile(r"\r\n?|\n")
# b2a_qp spells a blank before a line break out, also where the line has no room for that.
_OVERLONG = re.compile(rb"(=(?:20|09))(?<=[^\n]{77})(\r?\n)")
_START = re.compile(rb"\n(\.+(?:F(?=rom ))?|F(?=rom ))")  # far quicker than with ^


def octets_of(text: str) -> bytes:
    """UTF-8 with CRLF, the last line ended; raises UnicodeEncodeError for a lone surrogate."""
    return _crlf(text.rstrip("\r\n") + "\n")


def is_foreign(octets: bytes) -> bool:
    """True if base64 is shorter: more than a sixth is not ASCII."""
    return len(octets.translate(None, _ASCII)) * 6 > len(octets)


def whole(octets: bytes) -> bytes:
    """Encode a whole body, as `octets_of` gives it."""
    quoted = _OVERLONG.sub(rb"=\2\1\2", b"\n" + binascii.b2a_qp(octets, istext=True))
    return _START.sub(_spelled_out, quoted)[1:]


def encoded(values: Sequence[str]) -> list[bytes] | None:
    """Encode each value as lines of its own; None where one has a CR, and the whole text is to be encoded.

    Raises UnicodeEncodeError for a lone surrogate.
    """
    joined = "\n".join((*values, ""))
    if "\r" in joined:
        return None
    # All at once: by far most are one line, and a "=" still fits on it.
    quoted = whole(joined.encode()).replace(_SOFT_LF, _STAND_IN).split(b"\n")
    if len(quoted) != len(values) + 1:  # a line break in a value, or a line that begins with a dot
        return [_known_lines(value) if len(value) < _SHORT else lines(value) for value in values]
    quoted.pop()
    if max(map(len, quoted), default=0) < _COLUMNS:
        return [line + _SOFT if line else b"" for line in quoted]
    return [
        (line + _SOFT if line else b"") if len(line) < _COLUMNS else lines(value)
        for line, value in zip(quoted, values, strict=True)
    ]


def lines(text: str) -> bytes:
    """Encode any text as whole physical lines, the last one ended softly unless the text ends it."""
    if not text:
        return b""
    # The line break in front makes b2a_qp, which imitates the first one it sees, break lines with CRLF.
    quoted = whole(_CRLF + _crlf(text))[len(_CRLF) :]
    if quoted.endswith(_CRLF):
        return quoted
    if len(quoted) - quoted.rfind(b"\n") > _COLUMNS:  # the last line leaves no room for the "="
        atom = -3 if quoted[-3:-2] == b"=" else -1
        quoted = quoted[:atom] + _SOFT + quoted[atom:].replace(b".", b"=2E")
    return quoted + _SOFT


# A name stands several times in a message, a town in many messages.
_known_lines = lru_cache(maxsize=4096)(lines)


class Composition:
    """The lines of a text with `len(pieces) - 1` values between its fixed pieces."""

    def __init__(self, pieces: Sequence[str]) -> None:
        """Encode the pieces; raises UnicodeEncodeError for a lone surrogate."""
        *before, last = pieces
        ending = last.rstrip("\r\n")
        self._ends_with_value = not ending
        self._may = not is_foreign(_crlf("".join(pieces))) and not any(p.endswith("\r") for p in before)
        last_lines = lines(ending + "\n") if ending else _CRLF
        self._length = sum(map(len, pieces))
        self._lines = [line for piece in before for line in (lines(piece), b"")] + [last_lines]

    def body(self, values: list[bytes] | None) -> list[bytes] | None:
        """The encoded text, in chunks; `values` as `encoded` gives them.

        None where the whole text must be encoded: it is perhaps better as base64, has a CR beside a value,
        or ends with a value that ends with a line break itself.
        """
        if values is None or not self._may:
            return None
        length = sum(map(len, values))
        if length > self._length and b"".join(values).count(b"=") * 6 > length:
            return None
        if self._ends_with_value and not (values and values[-1].endswith(_SOFT)):
            return None
        chunks = self._lines.copy()
        chunks[1::2] = values
        return chunks


def _crlf(text: str) -> bytes:
    return _BREAK.sub("\r\n", text).encode("utf-8")


def _spelled_out(start: re.Match[bytes]) -> bytes:
    """Escape what may not begin a line; it stands on lines of its own, as the rest is full already."""
    escapes = [b"=%02X" % octet for octet in start[1]]
    return b"\n" + b"".join(b"".join(escapes[i : i + 25]) + _SOFT for i in range(0, len(escapes), 25))
