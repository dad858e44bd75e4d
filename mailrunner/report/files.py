"""Reports for programs and spreadsheets: CSV, JSON, Excel, Parquet.  Each is written row by row.

In CSV a cell that a spreadsheet would run as a formula begins with an apostrophe: lists and servers hold
what strangers chose.  In Excel every cell is text, so nothing needs it there.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from operator import itemgetter
from typing import Any, BinaryIO, TextIO

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.csv_injection import defused
from mailrunner.report.columns import COLUMNS

Values = Mapping[str, Any]

_in_order = itemgetter(*COLUMNS)
_SHEET_ROWS = 1_048_576  # what one Excel sheet holds, the header among them
_AT_ONCE = 10_000  # rows of one group of a Parquet file
_NUMBERS = ("code", "attempts", "row")
_TIMES = ("last_attempt_at", "finished_at", "came_back_at")
_WIDTHS = {"state": 12, "code": 7, "enhanced_code": 14, "attempts": 9, "row": 8, "reason": 44, "reply": 60}


def write_csv(rows: Iterable[Values], out: TextIO) -> None:
    """Write a header and one line a row (RFC 4180, but with bare line feeds); `out` is UTF-8."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for values in rows:
        writer.writerow([defused(v) if isinstance(v, str) else v for v in _in_order(values)])


def write_json(rows: Iterable[Values], out: TextIO, *, head: Values) -> None:
    """Write one object with what `head` has and `deliveries`, a delivery a line."""
    out.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "deliveries": [')
    between = "\n"
    for values in rows:
        out.write(between + json.dumps(values, ensure_ascii=False))
        between = ",\n"
    out.write("\n]}\n")


def write_xlsx(rows: Iterable[Values], out: BinaryIO) -> None:
    """Write a workbook of text cells; more rows than a sheet holds go on in the next sheet.

    Raises OSError where it cannot be written.
    """
    # Not straight into `out`: a zip file that breaks off halfway complains again when it is collected.
    with tempfile.TemporaryFile() as whole:
        _write_book(rows, whole)
        whole.seek(0)
        shutil.copyfileobj(whole, out)


def write_parquet(rows: Iterable[Values], out: BinaryIO) -> None:
    """Write a Parquet file: numbers are int64, times timestamps in UTC, all else is text.

    Raises UserError where pyarrow (the extra `parquet`) is not installed, OSError where it cannot be written.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        hint = 'pip install "mailrunner[parquet]"'
        raise UserError(Problem("writing Parquet needs pyarrow", hint=hint)) from None
    types = {
        **dict.fromkeys(_NUMBERS, pyarrow.int64()),
        **dict.fromkeys(_TIMES, pyarrow.timestamp("us", "UTC")),
    }
    schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in COLUMNS])
    rest = iter(rows)
    with pyarrow.parquet.ParquetWriter(out, schema) as writer:
        while batch := [_typed(values) for values in islice(rest, _AT_ONCE)]:
            writer.write_table(pyarrow.Table.from_pylist(batch, schema))


def _typed(values: Values) -> dict[str, Any]:
    moments = {name: datetime.fromisoformat(values[name]) for name in _TIMES if values[name]}
    return {**values, **dict.fromkeys(_TIMES), **moments}


def _write_book(rows: Iterable[Values], out: BinaryIO) -> None:
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    book = xlsxwriter.Workbook(out, {"constant_memory": True})
    book.use_zip64()
    bold = book.add_format({"bold": True})
    for number, sheet_rows in enumerate(_sheets(iter(rows)), 1):
        sheet = book.add_worksheet("Report" if number == 1 else f"Report {number}")
        _fill(sheet, sheet_rows, bold)
    try:
        book.close()
    except FileCreateError as error:
        raise error.args[0] from None


def _sheets(rows: Iterator[Values]) -> Iterator[Iterator[Values]]:
    """Cut the rows into as many as fit on a sheet below its header; always one sheet at least."""
    yield islice(rows, _SHEET_ROWS - 1)
    for first in rows:
        yield chain([first], islice(rows, _SHEET_ROWS - 2))


def _fill(sheet: Any, rows: Iterator[Values], bold: Any) -> None:
    sheet.freeze_panes(1, 1)
    for place, name in enumerate(COLUMNS):
        sheet.set_column(place, place, _WIDTHS.get(name, 26))
        sheet.write_string(0, place, name, bold)
    last = 0
    for last, values in enumerate(rows, 1):
        for place, value in enumerate(_in_order(values)):
            sheet.write_string(last, place, "" if value is None else str(value))
    sheet.autofilter(0, 0, last, len(COLUMNS) - 1)
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{_SHEET_ROWS}"})
