"""The suppression list of an SES account in JSON: the output of the command line, or one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.source import FileSource, Row

_HINT = "use the output of `aws sesv2 list-suppressed-destinations`"


class SesSuppressionTable(FileSource):
    """The entries as rows of address and reason, numbered as they stand."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ("EmailAddress", "Reason")

    @property
    def first_row(self) -> int:
        return 1

    def _rows(self) -> Iterator[Row]:
        for number, entry in enumerate(self._entries, self.first_row):
            yield number, (self._cell(entry, "emailaddress", number), self._cell(entry, "reason", number))

    @cached_property
    def _entries(self) -> list[Any]:
        try:
            text = self.path.read_text("utf-8-sig")
        except UnicodeDecodeError:
            raise UserError(Problem("is not UTF-8 text", self.label, hint=_HINT)) from None
        found = self._parsed(text)
        entries = found.get("SuppressedDestinationSummaries") if isinstance(found, dict) else found
        if not isinstance(entries, list):
            raise UserError(Problem("is not a suppression list of SES", self.label, hint=_HINT))
        if isinstance(found, dict) and found.get("NextToken"):
            hint = "ask SES without --max-items and --no-paginate"
            raise UserError(Problem("is only the first part of a longer list", self.label, hint=hint))
        return entries

    def _parsed(self, text: str) -> Any:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return self._lines(text)
        # A single line is an object too.
        is_line = isinstance(found, dict) and "SuppressedDestinationSummaries" not in found
        return self._lines(text) if is_line else found

    def _lines(self, text: str) -> list[Any]:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise UserError(Problem("is not JSON", self.label, hint=_HINT)) from None

    def _cell(self, entry: Any, name: str, number: int) -> str:
        cells = {key.casefold(): cell for key, cell in entry.items()} if isinstance(entry, dict) else {}
        if not isinstance(cells.get(name), str):
            raise UserError(Problem(f"entry {number} has no {name}", self.label, hint=_HINT))
        return str(cells[name])
