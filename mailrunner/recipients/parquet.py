"""Parquet files, read in batches by pyarrow (the extra `parquet`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.cell import to_text
from mailrunner.recipients.source import CHUNK, FileSource, Row


class ParquetFile(FileSource):
    """A Parquet file; reading it raises UserError where pyarrow is not installed."""

    first_row = 1

    @cached_property
    def columns(self) -> tuple[str, ...]:
        with self._open() as file:
            return self._checked_header(file.schema_arrow.names)

    def _rows(self) -> Iterator[Row]:
        number, width = 1, len(self.columns)
        with self._open() as file:
            for batch in file.iter_batches(batch_size=CHUNK):
                texts = [[to_text(cell) for cell in column.to_pylist()] for column in batch.columns[:width]]
                yield from enumerate(zip(*texts, strict=True), number)
                number += batch.num_rows

    @contextmanager
    def _open(self) -> Iterator[Any]:  # pyarrow has no types
        """The file; damage is a UserError wherever it shows, in the first bytes or in the last batch."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError:
            hint = 'pip install "mailrunner[parquet]"'
            raise UserError(Problem("reading Parquet needs pyarrow", self.label, hint=hint)) from None
        try:
            with pyarrow.parquet.ParquetFile(self.path) as file:
                yield file
        except (pyarrow.ArrowException, OSError) as error:
            raise UserError(Problem(f"it cannot be read as Parquet: {error}", self.label)) from None
