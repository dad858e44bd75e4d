"""The look of a sheet in an Office Open XML workbook (.xlsx, .xlsm), read beside its values.

calamine gives values; number formats, hidden rows, merged cells and formula errors stand in the sheet's XML
(ECMA-376 Part 1 §18.3), which is read here once, as a stream.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mailrunner.recipients.cell import to_text
from mailrunner.recipients.sheet.date_format import short_date
from mailrunner.recipients.sheet.displayed_cells import CellRange, SheetLook, column_number, first_of
from mailrunner.recipients.sheet.number_format import shown_text
from mailrunner.recipients.sheet.xml_parts import attributes_of, parse

# Formats "mm-dd-yy" and "m/d/yy h:mm" by their numbers: on the screen in each reader's own order.
_SHORT_DATES = ("14", "22")
# The heading of the sheets' names in docProps/app.xml, which a program writes in its user's language.
_LANGUAGES = {
    "Arbeitsblätter": "de_DE",
    "Feuilles de calcul": "fr_FR",
    "Foi de lucru": "ro_RO",
    "Hojas de cálculo": "es_ES",
    "Fogli di lavoro": "it_IT",
    "Werkbladen": "nl_NL",
    "Planilhas": "pt_BR",
    "Folhas de cálculo": "pt_PT",
    "Arkusze": "pl_PL",
    "Listy": "cs_CZ",
    "Munkalapok": "hu_HU",
    "Листы": "ru_RU",
    "Kalkylblad": "sv_SE",
    "Regneark": "da_DK",
}


def xlsx_look(path: Path, sheet: str) -> SheetLook:
    """The look of the sheet with this name; one that says nothing where the file has no such part."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        part = _part_of(archive, sheet)
        if part not in names:
            return SheetLook()
        styles = archive.read("xl/styles.xml") if "xl/styles.xml" in names else b""
        formats = _formats(styles) if styles else []
        language = _language(archive.read("docProps/app.xml")) if "docProps/app.xml" in names else ""
        formatted = frozenset(i for i, code in enumerate(formats) if code)
        reader = _SheetReader(formatted, _struck(styles) if styles else frozenset())
        with archive.open(part) as stream:
            parse(stream, reader.start, reader.end, reader.text)
    look = reader.look
    if reader.styles:
        look.shown = _Formatted(reader.styles, formats, language)
    return look


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The name of the part with this sheet; "" where there is none."""
    identifier = next(
        (
            first_of(attributes, "id")
            for attributes in attributes_of(archive.read("xl/workbook.xml"), "sheet")
            if attributes.get("name") == sheet
        ),
        "",
    )
    for attributes in attributes_of(archive.read("xl/_rels/workbook.xml.rels"), "Relationship"):
        if identifier and attributes.get("Id") == identifier:
            return posixpath.normpath(posixpath.join("/xl", attributes.get("Target", ""))).lstrip("/")
    return ""


def _formats(styles: bytes) -> list[str]:
    """The code of each cell style, "" where it shows the value as it is; short dates are "14" and "22"."""
    from openpyxl.styles.numbers import BUILTIN_FORMATS

    codes = dict(BUILTIN_FORMATS)
    for attributes in attributes_of(styles, "numFmt"):
        codes[int(attributes.get("numFmtId", "0"))] = attributes.get("formatCode", "")
    found = []
    for attributes in attributes_of(styles, "xf", inside="cellXfs"):
        number = int(attributes.get("numFmtId", "0"))
        code = codes.get(number, "")
        found.append(str(number) if str(number) in _SHORT_DATES else "" if code in ("General", "@") else code)
    return found


def _struck(styles: bytes) -> frozenset[int]:
    """The cell styles whose font is struck through (ECMA-376 Part 1 §18.8.22, `strike`)."""
    if b"strike" not in styles:
        return frozenset()
    within: list[str] = []
    fonts: list[bool] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        within.append(name)
        if within[-2:] == ["fonts", "font"]:
            fonts.append(False)
        elif within[-3:] == ["fonts", "font", "strike"]:
            fonts[-1] = attributes.get("val", "1") in ("1", "true")

    def end(_name: str) -> None:
        within.pop()

    parse(io.BytesIO(styles), start, end, lambda _: None)
    found = enumerate(attributes_of(styles, "xf", inside="cellXfs"))
    chosen = {place: int(attributes.get("fontId", "0")) for place, attributes in found}
    return frozenset(place for place, font in chosen.items() if font < len(fonts) and fonts[font])


def _language(properties: bytes) -> str:
    text = properties.decode("utf-8", "replace")
    return next((code for name, code in _LANGUAGES.items() if f">{name}<" in text), "")


@dataclass(slots=True)
class _SheetReader:
    """Takes the elements of a sheet; `styles` are, by column, the numbers of its rows' styles plus one."""

    formatted: frozenset[int]
    struck: frozenset[int]
    look: SheetLook = field(default_factory=SheetLook)
    styles: dict[int, array[int]] = field(default_factory=dict)
    _row: int = 0
    _column: int = 0
    _type: str = ""
    _has_formula: bool = False
    _is_struck: bool = False
    _value: list[str] | None = None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            self._cell(attributes)
        elif name == "row":
            self._row = int(attributes.get("r") or self._row + 1)
            self._column = 0
            if attributes.get("hidden") in ("1", "true"):
                self.look.hidden_rows.add(self._row)
        elif name in ("v", "is"):
            if self._is_struck:
                self.look.struck.append((self._row, self._column))
        elif name == "f":
            self._has_formula, self._value = True, self._value if self._value is not None else []
        elif name == "col" and attributes.get("hidden") in ("1", "true"):
            last = min(int(attributes.get("max", "0")), 16_384)
            self.look.hidden_columns.update(range(int(attributes.get("min", "1")), last + 1))
        elif name == "mergeCell":
            self.look.merged += _ranges(attributes.get("ref", ""))

    def _cell(self, attributes: Mapping[str, str]) -> None:
        place = attributes.get("r")
        self._column = column_number(place) if place else self._column + 1
        self._type, self._has_formula = attributes.get("t", "n"), False
        self._value = [] if self._type == "e" else None
        style = attributes.get("s")
        self._is_struck = bool(self.struck and style and int(style) in self.struck)
        if style and self._type in ("n", "d") and int(style) in self.formatted:
            styles = self.styles.setdefault(self._column, array("H"))
            styles.extend([0] * (self._row - len(styles)))
            styles[self._row - 1] = int(style) + 1

    def end(self, name: str) -> None:
        if name == "f" and self._value is not None:
            self._value.clear()  # the formula's text; its result follows
        elif name == "c" and self._value is not None:
            at, value = (self._row, self._column), "".join(self._value).strip()
            if self._type == "e":
                self.look.errors[at] = value or "#N/A"
            elif self._has_formula and not value and self._type != "str":
                self.look.uncalculated.append(at)
            self._value = None

    def text(self, data: str) -> None:
        if self._value is not None:
            self._value.append(data)


def _ranges(reference: str) -> Iterator[CellRange]:
    if found := re.fullmatch(r"([A-Z]+)(\d+):([A-Z]+)(\d+)", reference):
        left, top, right, bottom = found.groups()
        yield CellRange(int(top), column_number(left), int(bottom), column_number(right))


class _Formatted:
    """Texts of numbers and dates by the formats of their cells."""

    def __init__(self, styles: Mapping[int, Sequence[int]], formats: Sequence[str], language: str) -> None:
        self._styles, self._formats, self._language = styles, formats, language
        self._known: dict[tuple[Any, int], str] = {}

    def replace(self, row: int, values: Sequence[Any], texts: list[str], raw: frozenset[int]) -> None:
        for column, styles in self._styles.items():
            style = styles[row - 1] if row <= len(styles) else 0
            if style and column <= len(texts) and column not in raw and texts[column - 1]:
                texts[column - 1] = self._text(values[column - 1], style - 1)

    def _text(self, value: Any, style: int) -> str:
        known = self._known.get((value, style))
        if known is None:
            if len(self._known) > 1 << 16:
                self._known.clear()
            known = self._known[value, style] = self._shown(value, self._formats[style])
        return known

    def _shown(self, value: Any, code: str) -> str:
        if code in _SHORT_DATES:
            if not isinstance(value, date):
                return to_text(value)
            day = short_date(value, self._language)
            return f"{day} {value:%H:%M}" if code == "22" and isinstance(value, datetime) else day
        shown = shown_text(value, code, self._language)
        return to_text(value) if shown is None else shown
