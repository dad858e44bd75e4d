"""Delimited text (CSV, TSV, …): its encoding, its delimiter, its records with the lines they begin on.

Read by the standard library's `csv`, in strict mode: pandas' fast parser fills a short row up with
empty cells, drops the surplus of a long one and knows no line numbers, and a row that is shifted in
silence mails one person's name to another.  Nothing is guessed that could change a cell: UTF-8, or a
byte order mark, or what the campaign file says.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mailrunner.errors import Problem, UserError

DELIMITERS = ",;\t|"
_SAMPLE = 64 * 1024  # characters or bytes: enough for a hundred lines of any list
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What spreadsheets and old programs really write; a wider choice makes the guess worse, not better.
_PROPOSABLE = [
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
_CSV_ERRORS = {
    "unexpected end of data": "a quotation mark is opened here and never closed",
    "expected after": "text follows a closing quotation mark; one inside a quoted cell is written twice",
    "field limit": "a cell is longer than 131,072 characters; probably a quotation mark is never closed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvText:
    """One file and how it is read; `label` is what the person calls it."""

    path: Path
    label: str
    encoding: str
    delimiter: str

    @classmethod
    def open(cls, path: Path, label: str, encoding: str | None, delimiter: str | None) -> CsvText:
        """Settle encoding and delimiter, from the file where they are None; raise UserError if unusable."""
        codec = _codec(path, label, encoding)
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise UserError(
                Problem(f'the delimiter "{delimiter}" is not one character', label, hint=r'e.g. ";" or "\t"')
            )
        if delimiter is None:
            delimiter = _likely_delimiter(_sample(path, label, codec))
        return cls(path=path, label=label, encoding=codec, delimiter=delimiter)

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each record that is not blank, header included, with the line (from 1) on which it begins.

        Raise UserError where the bytes or the quoting are wrong, naming the line.
        """
        line = 1
        try:
            with self.path.open(encoding=self.encoding, newline="") as file:
                reader = csv.reader(file, delimiter=self.delimiter, strict=True)
                for cells in reader:
                    if any(cells):
                        yield line, cells
                    line = reader.line_num + 1
        except UnicodeError:
            raise UserError(_undecodable(self.path, self.label, self.encoding)) from None
        except csv.Error as error:
            raise UserError(Problem(_csv_sentence(error), self.label, f"line {line}")) from None


def _codec(path: Path, label: str, wanted: str | None) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
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


def _sample(path: Path, label: str, encoding: str) -> str:
    try:
        with path.open(encoding=encoding, newline="") as file:
            return file.read(_SAMPLE)
    except UnicodeError:
        raise UserError(_undecodable(path, label, encoding)) from None


def _likely_delimiter(sample: str) -> str:
    """The delimiter under which most rows are as wide as the header, then the one that makes it widest."""
    return max(DELIMITERS, key=lambda delimiter: _fitness(sample, delimiter))


def _fitness(sample: str, delimiter: str) -> tuple[float, int]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        widths = [len(cells) for cells in islice(reader, 100) if any(cells)]
    except csv.Error:
        return 0.0, 0
    if len(sample) >= _SAMPLE and 1 < len(widths) < 100:
        widths.pop()  # the sample ends in the middle of it
    if not widths or widths[0] < 2:
        return 0.0, 0
    return widths.count(widths[0]) / len(widths), widths[0]


def _csv_sentence(error: csv.Error) -> str:
    return next((ours for theirs, ours in _CSV_ERRORS.items() if theirs in str(error)), str(error))


def _undecodable(path: Path, label: str, encoding: str) -> Problem:
    """Say on which line the first wrong byte is, and propose an encoding for the whole file."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, offset = 1, 0
    with path.open("rb") as file:
        while True:
            block = file.read(_SAMPLE)
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
    what = f"byte 0x{byte} (at offset {offset})" if byte else "the end of the file"
    return Problem(f"{what} is not {encoding.upper()}", label, f"line {line}", _proposal(path))


def _proposal(path: Path) -> str:
    """Propose an encoding, no more: single-byte encodings cannot be told apart for certain."""
    from charset_normalizer import from_bytes

    with path.open("rb") as file:
        telling = b"".join(islice((line for line in file if not line.isascii()), 200))[:_SAMPLE]
    best = from_bytes(telling, cp_isolation=_PROPOSABLE).best()
    if best is None:
        return 'set encoding = "…" to the one it was saved in, or save it as UTF-8'
    names = [best.encoding]
    if best.encoding == "cp1250" and (western := _decoded(telling, "cp1252")):
        # Western text is often taken for Central European: they differ in few letters.
        names = ["cp1252"] if western == _decoded(telling, "cp1250") else ["cp1250", "cp1252"]
    readings = [f'encoding = "{name}" reads "{_first_word(telling.decode(name))}"' for name in names]
    return f"it looks like {names[0]}: {', '.join(readings)}; or save it as UTF-8"


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _first_word(text: str) -> str:
    words = text.translate(dict.fromkeys(map(ord, DELIMITERS + '"'), " ")).split()
    return next((word[:40] for word in words if not word.isascii()), "")
