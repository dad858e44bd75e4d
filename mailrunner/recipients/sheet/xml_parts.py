"""XML parts of a sheet's archive, read as a stream; no entity that a file defines is ever expanded."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import IO
from xml.parsers import expat

Start = Callable[[str, Mapping[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]


class DamagedSheetError(ValueError):
    """A part that is no XML, or defines entities, which no spreadsheet program writes."""


def parse(stream: IO[bytes], start: Start, end: End, text: Text) -> None:
    """Call `start`, `end` and `text` for the elements of a part, their names without prefix.

    Raises DamagedSheetError.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = _refuse
    try:
        parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise DamagedSheetError(str(error)) from None


def attributes_of(part: bytes, element: str, *, inside: str = "") -> Iterator[dict[str, str]]:
    """The attributes of each element of this name, where given only of those within `inside`."""
    found: list[dict[str, str]] = []
    depth = [0]

    def start(name: str, attributes: Mapping[str, str]) -> None:
        depth[0] += name == inside
        if name == element and (depth[0] or not inside):
            found.append(dict(attributes))

    def end(name: str) -> None:
        depth[0] -= name == inside

    parse(io.BytesIO(part), start, end, lambda _: None)
    return iter(found)


def _refuse(*_: object) -> None:
    raise DamagedSheetError("it defines entities")
