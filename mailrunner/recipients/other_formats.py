"""Files that are named as CSV, or as a sheet, and are something else: told by their first bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

from mailrunner.errors import Problem, UserError

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB] §2.2: .xls, and Excel files with a password
_PARQUET = b"PAR1"
_HEAD = 512
_WEB_PAGE = ("it is a web page or XML, not CSV", "open it in a spreadsheet program and save it as CSV")
_BY_OCTETS = {  # in lower case
    b"%pdf-": ("it is a PDF, not a list", "take the file that the PDF was made from"),
    **dict.fromkeys((b"<!doctype html", b"<html", b"<table", b"<?xml"), _WEB_PAGE),
    b"begin:vcard": ("it is a file of vCards, not CSV", "export the contacts as CSV"),
    b"dn:": ("it is an LDIF file, not CSV", "export the address book as CSV"),
}


def refuse_other_formats(path: Path, label: str) -> None:
    """Raise UserError for a file that is no delimited text, with the key to write for it."""
    if found := _not_text(path, label):
        message, hint = found
        raise UserError(Problem(message, label, hint=hint))


def _not_text(path: Path, label: str) -> tuple[str, str] | None:
    head = _head(path)
    instead = f'write xlsx = "{label}" instead of csv'
    if head.startswith(_ZIP):
        return _in_archive(path, instead)
    if head.startswith(_OLE):
        return "it is an Excel file, not CSV", instead
    if head.startswith(_PARQUET):
        return "it is a Parquet file, not CSV", f'write parquet = "{label}" instead of csv'
    return _known_start(head)


def _known_start(head: bytes) -> tuple[str, str] | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((found for octets, found in _BY_OCTETS.items() if start.startswith(octets)), None)


def _in_archive(path: Path, instead: str) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        names = []
    if any(name.startswith("xl/") for name in names):
        return "it is an Excel file, not CSV", instead
    if "content.xml" in names:
        return "it is an OpenDocument file, not CSV", instead
    if any(name.startswith("Index/") for name in names):
        return "it is a Numbers file, not CSV", "in Numbers: File, Export To, CSV"
    return "it is an archive, not CSV", "unpack it and name the file in it"


def sheet_hint(path: Path, label: str) -> str:
    """What to write for a file that cannot be read as a sheet."""
    head = _head(path)
    if head.startswith(_OLE):
        return "if it has a password, save it without one"
    # Programs of shops and banks name web pages .xls; Excel opens them.
    if head.startswith(_ZIP) or b"\0" in head or _known_start(head) is _WEB_PAGE:
        return "open it in a spreadsheet program and save it as .xlsx"
    return f'if it is CSV, write csv = "{label}" instead of xlsx'


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
