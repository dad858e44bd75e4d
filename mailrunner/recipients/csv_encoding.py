"""The encoding of a CSV file: a byte order mark, the campaign file's `encoding`, or UTF-8; never a guess.

A wrong guess would change cells silently, so a file that is not in its encoding is refused, with a proposal.
"""

from __future__ import annotations

import codecs
from itertools import islice
from pathlib import Path

from mailrunner.errors import Problem, UserError

SAMPLE = 64 * 1024  # characters or bytes: enough for a hundred lines of any list
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATORS = ',;\t|"'  # between the words of a line
# What spreadsheets and old programs really write; a wider choice makes the guess worse, not better.
_CANDIDATES = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp932",
    "gb18030",
    "big5",
]


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
    """A hint that names likely encodings: single-byte encodings cannot be told apart for certain."""
    from charset_normalizer import from_bytes

    with path.open("rb") as file:
        not_ascii = b"".join(islice((line for line in file if not line.isascii()), 200))[:SAMPLE]
    best = from_bytes(not_ascii, cp_isolation=_CANDIDATES).best()
    if best is None:
        return 'set encoding = "…" to the one it was saved in, or save it as UTF-8'
    names = [best.encoding]
    if best.encoding == "cp1250" and (western := _decoded(not_ascii, "cp1252")):
        # Western text is often taken for Central European: they differ in few letters.
        names = ["cp1252"] if western == _decoded(not_ascii, "cp1250") else ["cp1250", "cp1252"]
    readings = [f'encoding = "{name}" reads "{_first_such_word(not_ascii.decode(name))}"' for name in names]
    return f"it looks like {names[0]}: {', '.join(readings)}; or save it as UTF-8"


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _first_such_word(text: str) -> str:
    words = text.translate(dict.fromkeys(map(ord, _SEPARATORS), " ")).split()
    return next((word[:40] for word in words if not word.isascii()), "")
