"""Lists as programs and people write them: spreadsheets with titles, filters, formats.

Made when a test asks for them, so that it can be read what is odd about each.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

EURO = '#,##0.00\\ "€"'
APP = "docProps/app.xml"


def german_workbook(path: Path, *change: Callable[[Worksheet], None]) -> Path:
    """A club's list out of a German Excel: title, empty line, heading in row 3, post codes, dates, money."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Mitglieder"
    sheet["A1"] = "Mitgliederliste 2026"
    for place, name in enumerate(("Name", "email", "PLZ", "Eintritt", "Beitrag"), 1):
        sheet.cell(3, place, name)
    rows: list[tuple[str | int | float | date, ...]] = [
        ("Jörg", "joerg@example.org", 1067, date(2019, 3, 4), 1234.5),
        ("Änne", "a@example.org", 80331, date(2020, 12, 1), 60),
    ]
    for number, cells in enumerate(rows, 4):
        for place, value in enumerate(cells, 1):
            sheet.cell(number, place, value)
        sheet.cell(number, 3).number_format = "00000"
        sheet.cell(number, 4).number_format = "mm-dd-yy"  # the short date, number 14
        sheet.cell(number, 5).number_format = EURO
    for one in change:
        one(sheet)
    book.save(path)
    return in_german(path)


def in_german(path: Path) -> Path:
    """The workbook as a German Excel writes it: with its word for worksheets in the properties."""
    pairs = (
        "<HeadingPairs><vt:vector><vt:lpstr>Arbeitsblätter</vt:lpstr></vt:vector></HeadingPairs></Properties>"
    )
    return with_part(path, APP, lambda xml: xml.replace("</Properties>", pairs))


def with_part(path: Path, part: str, change: Callable[[str], str]) -> Path:
    """The same file with one part of its archive changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part].decode()).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in parts.items():
            archive.writestr(name, octets)
    return path


def open_document(path: Path, table: str) -> Path:
    """An OpenDocument file whose one sheet, "Liste", has these rows and cells."""
    content = (
        '<?xml version="1.0"?><office:document-content '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" '
        'office:version="1.3"><office:body><office:spreadsheet>'
        f'<table:table table:name="Liste">{table}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        '<?xml version="1.0"?><manifest:manifest '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="/" '
        'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)
    return path


def text_cell(text: str) -> str:
    """A cell of text in an OpenDocument sheet."""
    return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'


def value_cell(kind: str, value: str, shown: str) -> str:
    """A cell with a value, and the text that the sheet shows for it."""
    name = {"date": "date-value"}.get(kind, "value")
    return (
        f'<table:table-cell office:value-type="{kind}" office:{name}="{value}">'
        f"<text:p>{shown}</text:p></table:table-cell>"
    )


def row(*cells: str, attributes: str = "") -> str:
    """A row of such cells."""
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"
