"""The look of a sheet in an OpenDocument file (.ods), which holds the text of each cell beside its value.

Elements and attributes are those of OpenDocument 1.3 Part 3 §9 and §19.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailrunner.recipients.sheet.displayed_cells import CellRange, SheetLook, first_of
from mailrunner.recipients.sheet.xml_parts import parse

_BY_VALUE = frozenset({"float", "currency", "percentage", "date", "time"})
_MOST = 1 << 20  # rows; a sheet ends with one that is repeated to its last possible row


def ods_look(path: Path, sheet: str) -> SheetLook:
    """The look of the sheet with this name; one that says nothing where the file has no such sheet."""
    reader = _TableReader(sheet)
    with zipfile.ZipFile(path) as archive, archive.open("content.xml") as stream:
        parse(stream, reader.start, reader.end, reader.text)
    if reader.texts:
        reader.look.shown = _CellTexts(reader.texts)
    return reader.look


class _CellTexts:
    """Texts of cells by row and column, as the file has them."""

    def __init__(self, texts: Mapping[int, Mapping[int, str]]) -> None:
        self._texts = texts

    def replace(self, row: int, values: Sequence[Any], texts: list[str], raw: frozenset[int]) -> None:
        for column, text in self._texts.get(row, {}).items():
            if column <= len(texts) and column not in raw and values[column - 1] not in ("", None):
                texts[column - 1] = text


@dataclass(slots=True)
class _TableReader:
    """Takes the elements of a document; `texts` has the shown text of cells that are not text themselves."""

    sheet: str
    look: SheetLook = field(default_factory=SheetLook)
    texts: dict[int, dict[int, str]] = field(default_factory=dict)
    _is_inside: bool = False
    _row: int = 0
    _rows: int = 0  # how often the row is repeated
    _column: int = 0
    _columns: int = 0  # how often the cell is repeated
    _kind: str = ""
    _paragraphs: list[str] | None = None
    _definitions: int = 0
    _style: str = ""
    _struck: set[str] = field(default_factory=set)  # the names of cell styles

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "table":
            self._is_inside = first_of(attributes, "name") == self.sheet
        elif name in ("style", "text-properties"):
            self._style_part(name, attributes)
        elif not self._is_inside:
            return
        elif name == "table-row":
            self._row += self._rows
            self._rows = int(first_of(attributes, "number-rows-repeated") or 1)
            self._column = self._columns = 0
            if _is_hidden(attributes):
                self.look.hidden_rows.update(range(self._row + 1, min(self._row + self._rows, _MOST) + 1))
        elif name == "table-column":
            number = int(first_of(attributes, "number-columns-repeated") or 1)
            if _is_hidden(attributes):
                self.look.hidden_columns.update(range(self._definitions + 1, self._definitions + number + 1))
            self._definitions += number
        elif name in ("table-cell", "covered-table-cell"):
            self._cell(attributes)
        elif name == "p" and self._paragraphs is not None:
            self._paragraphs.append("")

    def _style_part(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "style":
            self._style = first_of(attributes, "name")
        elif first_of(attributes, "text-line-through-style") not in ("", "none"):
            self._struck.add(self._style)

    def _cell(self, attributes: Mapping[str, str]) -> None:
        self._column += self._columns
        self._columns = int(first_of(attributes, "number-columns-repeated") or 1)
        is_error = attributes.get("calcext:value-type") == "error"
        self._kind = "error" if is_error else first_of(attributes, "value-type")
        if self._kind and first_of(attributes, "style-name") in self._struck:
            self.look.struck.append((self._row + 1, self._column + 1))
        self._paragraphs = [] if is_error or self._kind in _BY_VALUE else None
        wide = int(first_of(attributes, "number-columns-spanned") or 1)
        high = int(first_of(attributes, "number-rows-spanned") or 1)
        if wide > 1 or high > 1:
            top, left = self._row + 1, self._column + 1
            self.look.merged.append(CellRange(top, left, top + high - 1, left + wide - 1))

    def end(self, name: str) -> None:
        if name == "table":
            self._is_inside = False
        elif name == "table-cell" and self._is_inside and self._paragraphs is not None:
            self._write("\n".join(self._paragraphs))
            self._paragraphs = None

    def _write(self, text: str) -> None:
        for row in range(self._row + 1, min(self._row + self._rows, _MOST) + 1):
            for column in range(self._column + 1, self._column + self._columns + 1):
                if self._kind == "error":
                    self.look.errors[row, column] = text
                else:
                    self.texts.setdefault(row, {})[column] = text

    def text(self, data: str) -> None:
        if self._paragraphs:
            self._paragraphs[-1] += data


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    return first_of(attributes, "visibility") in ("collapse", "filter")
