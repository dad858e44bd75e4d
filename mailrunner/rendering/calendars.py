"""Calendar files (iCalendar, RFC 5545): the method of an invitation, and one made for each recipient.

An `.ics` in templates/ is a template: values are escaped as their place wants it, lines are folded.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from mailrunner.errors import RowError

_METHOD = re.compile(
    rb"^METHOD(?:;[^:\r\n]*)?:[ \t]*([A-Za-z-]{1,20})[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_COMPONENT = re.compile(rb"^BEGIN:(VEVENT|VTODO|VJOURNAL|VFREEBUSY)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_OPEN, _CLOSE = (f"\ue000{secrets.token_hex(6)}{sign}" for sign in "<>")
_BREAK = re.compile(r"\r\n|\r|\n")
_BREAK_IN_VALUE = "\ue001"
_VALUE = re.compile(f"{_OPEN}(.*?){_CLOSE}", re.DOTALL)
_ENDS = frozenset(",;:")  # of a value of a parameter that is not quoted
_LINE_OCTETS = 75  # RFC 5545 §3.1


def method(octets: bytes) -> str:
    """The METHOD of a calendar, in capitals, as Content-Type repeats it (RFC 6047 §2.4); "" without one."""
    unfolded = re.sub(rb"\r?\n[ \t]", b"", octets)
    found = _METHOD.search(unfolded)
    return found[1].decode("ascii").upper() if found else ""


def media_type(octets: bytes) -> str:
    """The Content-Type of a calendar: with the method, without which Gmail and Outlook show no invitation."""
    parameters = "; charset=utf-8"
    if name := method(octets):
        parameters += f"; method={name}"
    if component := _COMPONENT.search(octets):
        parameters += f"; component={component[1].decode('ascii').upper()}"
    return f"text/calendar{parameters}"


def marked_value(finalize: Callable[[Any], Any]) -> Callable[[Any], str]:
    """What a calendar's templates do with each value: put marks around it, until its place is known."""
    return lambda value: f"{_OPEN}{finalize(value)}{_CLOSE}"


def calendar(rendered: str, what: str) -> bytes:
    """A rendered calendar as a file; raises RowError where it is none."""
    one_line = _VALUE.sub(lambda found: _BREAK.sub(_BREAK_IN_VALUE, found[0]), rendered)
    lines = (line for line in _BREAK.split(one_line) if line.strip())
    written = [_folded(_escaped(line)) for line in lines]
    if not written or written[0] != b"BEGIN:VCALENDAR" or written[-1] != b"END:VCALENDAR":
        raise RowError(f"{what} is no calendar: it begins with BEGIN:VCALENDAR and ends with END:VCALENDAR")
    return b"".join(line + b"\r\n" for line in written)


def _escaped(line: str) -> str:
    """A line with its values escaped: in a parameter (RFC 5545 §3.2) otherwise than behind (§3.3.11)."""
    pieces: list[str] = []
    quoted = is_value = False
    rest = 0
    for found in (*_VALUE.finditer(line), None):
        fixed = line[rest : found.start() if found else len(line)]
        for character in fixed:
            quoted ^= character == '"' and not is_value
            is_value = is_value or (character == ":" and not quoted)
        pieces.append(fixed)
        if found:
            rest = found.end()
            before, behind = fixed[-1:], line[rest : rest + 1]
            alone = not quoted and before == "=" and behind in _ENDS
            pieces.append(_text(found[1]) if is_value else _parameter(found[1], quoted=quoted, alone=alone))
    return "".join(pieces)


def _text(value: str) -> str:
    return re.sub(r"([\\;,])", r"\\\1", value).replace(_BREAK_IN_VALUE, "\\n")


def _parameter(value: str, *, quoted: bool, alone: bool) -> str:
    """No quote and no line break can stand in one; RFC 6868 spells them, and few programs read that.

    A comma, colon or semicolon stands between quotes only: one `alone` gets them, another loses it.
    """
    plain = re.sub(f"[\x00-\x1f\x7f{_BREAK_IN_VALUE}]", " ", value).replace('"', "'")
    if quoted or not _ENDS.intersection(plain):
        return plain
    return f'"{plain}"' if alone else re.sub("[,;:]", " ", plain)


def _folded(line: str) -> bytes:
    """The line in pieces of 75 octets, no character torn apart."""
    pieces, current = [], b""
    for character in line:
        octets = character.encode("utf-8", "replace")
        if len(current) + len(octets) > _LINE_OCTETS:
            pieces.append(current)
            current = b" "
        current += octets
    return b"\r\n".join([*pieces, current])
