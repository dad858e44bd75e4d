"""The encoding of a CSV file: a byte order mark, the campaign file's `encoding`, or UTF-8; never a guess.

A wrong guess would change cells silently, so a file that is not in its encoding is refused, with a proposal.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.encoding_guess import likely_encodings

SAMPLE = 64 * 1024  # characters or bytes: enough for a hundred lines of any list
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(path: Path, label: str, wanted: str | None) -> str:
    """The encoding to read with: `wanted`, else the byte order mark's, else UTF-8; UserError if unknown."""
    with path.open("rb") as file:
        start = file.read(4)
    marked = next((name for mark, name in _BOMS.items() if start.startswith(mark)), None)
    if wanted is None:
        return marked or "utf-8"
    try:
        name = codecs.lookup(wanted).name
        "a".encode(wanted)  # refuses what is no text encoding, such as "base64"
    except (LookupError, UnicodeError):
        raise UserError(
            Problem(f'the encoding "{wanted}" is not known', label, hint='e.g. "utf-8" or "cp1252"')
        ) from None
    return "utf-8-sig" if name == "utf-8" and marked == "utf-8-sig" else name


def undecodable(path: Path, label: str, encoding: str) -> Problem:
    """The problem of a file that is not `encoding`: place of the first wrong byte, and a proposal."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, offset = 1, 0
    with path.open("rb") as file:
        while True:
            block = file.read(SAMPLE)
            state = decoder.getstate()
            try:
                line += decoder.decode(block, final=not block).count("\n")
            except UnicodeError as error:
                pending = state[0]
                wrong = getattr(error, "start", 0)
                decoder.setstate(state)
                line += decoder.decode(block[: max(0, wrong - len(pending))]).count("\n")
                offset += wrong - len(pending)
                break
            if not block:
                return Problem(f"the file cannot be read as {encoding}", label)
            offset += len(block)
        file.seek(offset)
        byte = file.read(1).hex().upper()
    place = f"byte 0x{byte} (at offset {offset})" if byte else "the end of the file"
    return Problem(f"{place} is not {encoding.upper()}", label, f"line {line}", _proposal(path))


def _proposal(path: Path) -> str:
    """A hint that names at most three likely encodings, with what each makes of the same word."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
        file.seek(0)
        lines = list(islice((line for line in file if not line.isascii()), 200))
    if head.count(0) > len(head) * 5 // 8:
        return f'it looks like UTF-32: encoding = "utf-32-{"be" if head[:1] == bytes(1) else "le"}"'
    if head.count(0) > len(head) // 4:  # every other octet, in the scripts of Europe
        return f'it looks like UTF-16: encoding = "utf-16-{"be" if head[:1] == bytes(1) else "le"}"'
    if 2 * sum(map(_is_utf_8, lines)) >= len(lines):
        return "the other lines are UTF-8: correct this one, which came from another file perhaps"
    not_ascii = b"".join(lines)[:SAMPLE]
    found = likely_encodings(not_ascii, head + not_ascii)
    if not found:
        return 'set encoding = "…" to the one it was saved in, or save it as UTF-8'
    place = _telling_word([reading.words for reading in found])
    readings = [f'encoding = "{one.encoding}" reads "{one.words[place][:40]}"' for one in found]
    return f"it looks like {found[0].encoding}: {', '.join(readings)}; or save it as UTF-8"


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _telling_word(words: Sequence[Sequence[str]]) -> int:
    """The place of the first word that all readings have, and in which most of them differ."""
    shortest = min(map(len, words))
    return max(range(shortest), key=lambda place: (len({one[place] for one in words}), -place))
