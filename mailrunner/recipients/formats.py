"""The formats of a recipient list, and the class that reads each."""

from __future__ import annotations

from pathlib import Path

from mailrunner.recipients.csv_file import CsvFile
from mailrunner.recipients.excel import Worksheet
from mailrunner.recipients.parquet import ParquetFile
from mailrunner.recipients.source import Source
from mailrunner.recipients.spec import SourceSpec
from mailrunner.recipients.sql import SqlQuery


def open_source(spec: SourceSpec, folder: Path) -> Source:
    """Open the source that `spec` names; paths are relative to `folder`.

    Raise UserError where the file is missing or cannot be read as the format named.
    """
    if spec.csv is not None:
        return CsvFile(
            folder / spec.csv,
            spec.csv,
            spec.encoding,
            spec.delimiter,
            header_row=spec.header_row,
            email=spec.email,
        )
    if spec.xlsx is not None:
        return Worksheet(
            folder / spec.xlsx,
            spec.xlsx,
            spec.sheet,
            hidden=spec.hidden,
            typed=spec.types,
            header_row=spec.header_row,
            email=spec.email,
        )
    if spec.parquet is not None:
        return ParquetFile(folder / spec.parquet, spec.parquet)
    return SqlQuery(spec.sql or "", spec.database or "", folder, "sql")
