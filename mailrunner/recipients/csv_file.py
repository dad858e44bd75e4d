"""Delimited text (CSV, TSV, …): its delimiter, and its records with the lines they begin on.

Read by the standard library's `csv`, in strict mode: pandas' fast parser fills a short row up with empty
cells, drops the surplus of a long one and knows no line numbers, and a silently shifted row would send one
recipient's name to another.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.csv_dialect import SEPARATOR_LINE, find_dialect
from mailrunner.recipients.csv_encoding import SAMPLE, encoding_of, undecodable
from mailrunner.recipients.other_formats import refuse_other_formats
from mailrunner.recipients.source import HeadedFile

_END_OF_FILE = ["\x1a"]  # of old programs: the character that ended a text file in DOS
_CSV_ERRORS = {
    "unexpected end of data": "a quotation mark is opened here and never closed",
    "expected after": "text follows a closing quotation mark; one inside a quoted cell is written twice",
    "field limit": "a cell is longer than 131,072 characters; probably a quotation mark is never closed",
}


class CsvFile(HeadedFile):
    """One file of delimited text; encoding and delimiter are found in the file where they are None.

    The constructor raises UserError where the file is missing, or its encoding or delimiter unusable.
    """

    def __init__(
        self,
        path: Path,
        label: str,
        encoding: str | None,
        delimiter: str | None,
        *,
        header_row: int | None = None,
        email: str = "",
    ) -> None:
        super().__init__(path, label, header_row=header_row, email=email)
        refuse_other_formats(path, label)
        self._encoding = encoding_of(path, label, encoding)
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise UserError(
                Problem(f'the delimiter "{delimiter}" is not one character', label, hint=r'e.g. ";" or "\t"')
            )
        sample = self._sample()
        self._stated = SEPARATOR_LINE.match(sample)
        rest = sample[self._stated.end() :] if self._stated else sample
        stated = delimiter or (self._stated[1] if self._stated else None)
        self._dialect = find_dialect(rest, stated, is_cut=len(sample) >= SAMPLE)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each record that is not blank, header included, with the line (from 1) on which it begins.

        Raise UserError where the bytes or the quoting are wrong, naming the line.
        """
        line = 1
        try:
            with self.path.open(encoding=self._encoding, newline="") as file:
                records = self._dialect.records(file)
                if self._stated:
                    next(records)
                    line = records.line_num + 1
                for cells in records:
                    if any(cells) and cells != _END_OF_FILE:
                        yield line, self._dialect.cells(cells)
                    line = records.line_num + 1
        except UnicodeError:
            raise UserError(undecodable(self.path, self.label, self._encoding)) from None
        except csv.Error as error:
            raise UserError(Problem(_csv_message(error), self.label, f"line {line}")) from None

    def _sample(self) -> str:
        try:
            with self.path.open(encoding=self._encoding, newline="") as file:
                return file.read(SAMPLE)
        except UnicodeError:
            raise UserError(undecodable(self.path, self.label, self._encoding)) from None


def _csv_message(error: csv.Error) -> str:
    return next((ours for theirs, ours in _CSV_ERRORS.items() if theirs in str(error)), str(error))
