"""The formats of a recipient list, and the class that reads each."""

from __future__ import annotations

from pathlib import Path

from mailrunner.recipients.csv_file import CsvFile
from mailrunner.recipients.excel import Worksheet
from mailrunner.recipients.parquet import ParquetFile
from mailrunner.recipients.source import Source
from mailrunner.recipients.spec import SourceSpec
from mailrunner.recipients.sql import SqlQuery


def open_source(spec: SourceSpec, folder: Path, *, campaign: str = "", fresh: bool = True) -> Source:
    """Open the source that `spec` names; paths are relative to `folder`.

    A list at an https address is fetched, but without `fresh` not again for a campaign that has its snapshot.
    Raise UserError where the file is missing or cannot be read as the format named.
    """
    if spec.csv is not None and _is_address(spec.csv):
        return _published(spec, spec.csv, folder, campaign, fresh=fresh)
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


def _is_address(text: str) -> bool:
    """True for a list that lies on a server."""
    return text.strip().lower().startswith(("https://", "http://"))


def _published(spec: SourceSpec, url: str, folder: Path, campaign: str, *, fresh: bool) -> Source:
    from mailrunner.recipients.published.source import note_of, open_published  # TLS takes its time

    return open_published(
        url,
        note_of(folder, campaign, url),
        fresh=fresh,
        encoding=spec.encoding,
        delimiter=spec.delimiter,
        header_row=spec.header_row,
        email=spec.email,
    )
