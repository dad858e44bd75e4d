"""Parquet files, read in batches by pyarrow (the extra `parquet`).

The checksums of pages are verified where the writer wrote any, which few do by default; without them a
flipped bit in a text that is not compressed is just another text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.cell import to_text
from mailrunner.recipients.source import CHUNK, FileSource, Row

_ANEW = "write or copy the file anew"


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
                batch.validate(full=True)  # texts that are no UTF-8
                texts = [[to_text(cell) for cell in column.to_pylist()] for column in batch.columns[:width]]
                yield from enumerate(zip(*texts, strict=True), number)
                number += batch.num_rows
            self._require_all(number - 1, file.metadata)

    def _require_all(self, read: int, metadata: Any) -> None:
        """Raise UserError where the file contradicts itself: its footer says twice what it holds."""
        groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
        named = [metadata.schema.column(place).path for place in range(metadata.num_columns)]
        again = [[group.column(place).path_in_schema for place in range(len(named))] for group in groups]
        counts = {read, metadata.num_rows, sum(group.num_rows for group in groups)}
        if counts != {read} or any(names != named for names in again):
            problem = f"it is damaged: {read:,} rows were read where it names {metadata.num_rows:,}"
            if counts == {read}:
                problem = "it is damaged: its columns have two names each"
            raise UserError(Problem(problem, self.label, hint=_ANEW))

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
            with pyarrow.parquet.ParquetFile(self.path, page_checksum_verification=True) as file:
                yield file
        except (pyarrow.ArrowException, OSError, ValueError, ArithmeticError, MemoryError) as error:
            problem = f"it cannot be read as Parquet: {error}"
            raise UserError(Problem(problem, self.label, hint=_ANEW)) from None
