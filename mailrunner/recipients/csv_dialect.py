"""The dialect of delimited text, found in its first lines: delimiter, quoting, and habits of programs.

RFC 4180 is what is meant; this is what programs write.  A spreadsheet that opened a CSV file as one column
saves each line as one quoted cell; exports write `="01067"` so that Excel keeps the zero, or a blank behind
each comma; a mail program's list of addresses has names in quotation marks and no delimiter at all.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = ",;\t|"
# How Excel is told the delimiter: a first line that it does not show.
SEPARATOR_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?\r?\n', re.IGNORECASE)

_QUOTED_LINE = re.compile(r'"((?:[^"]|"")*)"[ \t]*(\r?\n|\r|)')
_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_NO_DELIMITER = "\x1f"  # the unit separator of ASCII, which no list has
_LOOKED_AT = 100  # records of the sample


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """The delimiter and quoting of one file.

    `blanks`: those behind a delimiter do not count.  `quoted_lines`: every line is one quoted cell that holds
    the record.  `plain_lines`: a line is a cell, quotation marks in it are its own.  `formulas`: `="x"` is x.
    """

    delimiter: str
    blanks: bool = False
    quoted_lines: bool = False
    plain_lines: bool = False
    formulas: bool = False

    def records(self, lines: Iterable[str]) -> Reader:
        """The records of these lines, with the count of lines read so far; raises csv.Error as `csv` does."""
        if self.quoted_lines or self.plain_lines:
            lines = map(_unquoted, lines)
        if self.plain_lines:
            return csv.reader(lines, delimiter=_NO_DELIMITER, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=self.blanks)

    def cells(self, cells: list[str]) -> list[str]:
        """The cells of a record as the program that wrote them shows them."""
        return [_FORMULA.sub(_text_of, cell) for cell in cells] if self.formulas else cells


def find_dialect(sample: str, delimiter: str | None, *, is_cut: bool) -> CsvDialect:
    """The dialect of the text that begins with `sample`, of which the rest is missing where `is_cut`.

    `delimiter` is the user's or the file's own; None where it is to be found.
    """
    if is_cut:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    inner = "".join(map(_unquoted, sample.splitlines(keepends=True)))
    candidates = [CsvDialect(one, blanks=_has_blanks(sample, one)) for one in delimiter or DELIMITERS]
    best = max(candidates, key=lambda one: _fitness(sample, one))
    if _fitness(sample, best)[0] == 0:  # one column
        wrapped = [CsvDialect(one.delimiter, quoted_lines=True) for one in candidates]
        likely = max(wrapped, key=lambda one: _fitness(inner, one))
        if _is_quoted_throughout(sample) and _fitness(inner, likely)[0] == 1:
            return likely
        if _has_text_behind_quotes(sample):
            return CsvDialect(best.delimiter, plain_lines=True)
    has_formulas = any(_FORMULA.fullmatch(cell) for cells in _read(sample, best) for cell in cells)
    return CsvDialect(best.delimiter, blanks=best.blanks, formulas=has_formulas)


def _fitness(sample: str, dialect: CsvDialect) -> tuple[float, int]:
    """The share of rows as wide as the header, and the header's width; (0, 0) if it is one column.

    Where the first row is a title, the width that most rows have.
    """
    widths = [len(cells) for cells in _read(sample, dialect) if any(cells)]
    if not widths:
        return 0.0, 0
    usual = widths[0] if widths[0] > 1 else Counter(widths).most_common(1)[0][0]  # a title above the header
    return (widths.count(usual) / len(widths), usual) if usual > 1 else (0.0, 0)


def _read(sample: str, dialect: CsvDialect) -> list[list[str]]:
    """The first records of the sample, up to what cannot be read."""
    found: list[list[str]] = []
    reader = csv.reader(
        io.StringIO(sample, newline=""), delimiter=dialect.delimiter, skipinitialspace=dialect.blanks
    )
    try:
        found.extend(islice(reader, _LOOKED_AT))
    except csv.Error:
        return []
    return found


def _has_blanks(sample: str, delimiter: str) -> bool:
    """True where quoted cells stand a blank behind the delimiter."""
    sign = re.escape(delimiter)
    return re.search(rf'{sign} +"[^"\n]*"[ \t]*(?:{sign}|\r|\n|\Z)', sample) is not None


def _is_quoted_throughout(sample: str) -> bool:
    lines = [line for line in sample.splitlines() if line.strip()]
    return len(lines) > 1 and all(map(_QUOTED_LINE.fullmatch, lines))


def _has_text_behind_quotes(sample: str) -> bool:
    """True for `"Pop, Ana" <ana@example.org>` and its like, which strict reading refuses."""
    try:
        for _ in islice(csv.reader(io.StringIO(sample, newline=""), strict=True), _LOOKED_AT):
            pass
    except csv.Error as error:
        return "expected after" in str(error)
    return False


def _unquoted(line: str) -> str:
    found = _QUOTED_LINE.fullmatch(line)
    return found[1].replace('""', '"') + found[2] if found else line


def _text_of(formula: re.Match[str]) -> str:
    whole = formula[0] == formula.string
    return formula[1].replace('""', '"') if whole else formula[0]
