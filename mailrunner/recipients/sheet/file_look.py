"""The look of a sheet, whatever kind of file it stands in."""

from __future__ import annotations

import zipfile
from pathlib import Path

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.formula_error import is_formula_error
from mailrunner.recipients.sheet.displayed_cells import SheetLook
from mailrunner.recipients.sheet.ods import ods_look
from mailrunner.recipients.sheet.xlsx import xlsx_look
from mailrunner.recipients.sheet.xml_parts import DamagedSheetError


def look_of(path: Path, label: str, sheet: str) -> SheetLook:
    """The look of the sheet with this name; the old binary formats (.xls, .xlsb) tell none.

    Raise UserError where the file is damaged.
    """
    try:
        look = _look(path, sheet)
    except zipfile.BadZipFile:
        return SheetLook()
    except (DamagedSheetError, KeyError, ValueError, NotImplementedError) as error:
        hint = "open it in a spreadsheet program and save it anew"
        raise UserError(Problem(f"its sheet cannot be read: {error}", label, hint=hint)) from None
    look.errors = {at: text if is_formula_error(text) else "#N/A" for at, text in look.errors.items()}
    return look


def _look(path: Path, sheet: str) -> SheetLook:
    with zipfile.ZipFile(path) as archive:
        parts = set(archive.namelist())
    if "content.xml" in parts:
        return ods_look(path, sheet)
    return xlsx_look(path, sheet) if "xl/workbook.xml" in parts else SheetLook()
