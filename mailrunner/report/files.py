"""Reports for programs and spreadsheets: CSV, JSON, Excel.  Each is written row by row.

In CSV a cell that a spreadsheet would run as a formula begins with an apostrophe: lists and servers hold
what strangers chose.  In Excel every cell is text, so nothing needs it there.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from operator import itemgetter
from typing import Any, BinaryIO, TextIO

from mailrunner.model.delivery import Counts
from mailrunner.recipients.spreadsheet_cell import defused
from mailrunner.report.columns import COLUMNS

Values = Mapping[str, Any]

_in_order = itemgetter(*COLUMNS)
_SHEET_ROWS = 1_048_576  # what one Excel sheet holds, the header among them
_WIDTHS = {"state": 12, "code": 7, "enhanced_code": 14, "attempts": 9, "row": 8, "reason": 44, "reply": 60}


def write_csv(rows: Iterable[Values], out: TextIO) -> None:
    """Write a header and one line a row (RFC 4180, but with bare line feeds); `out` is UTF-8."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for values in rows:
        writer.writerow([defused(v) if isinstance(v, str) else v for v in _in_order(values)])


def write_json(rows: Iterable[Values], out: TextIO, *, campaign: str, counts: Counts) -> None:
    """Write one object with `campaign`, `counts`, `total` and `deliveries`, a delivery a line."""
    head = {"campaign": campaign, "counts": counts.as_dict(), "total": counts.total}
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
