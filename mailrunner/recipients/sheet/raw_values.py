"""The values of one sheet, read by calamine through pandas; no cell is guessed to be missing or a number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.other_formats import sheet_hint
from mailrunner.recipients.sheet.archive import require_whole
from mailrunner.recipients.sheet.compound import require_sound
from mailrunner.recipients.sheet.panics import panics_unseen

if TYPE_CHECKING:
    import pandas
    import python_calamine


@dataclass(frozen=True, slots=True)
class SheetValues:
    """The sheet `name` from its first row; `visible` are the names of all visible sheets of the file."""

    frame: pandas.DataFrame
    name: str
    visible: tuple[str, ...]


def read_values(path: Path, label: str, sheet: str | None) -> SheetValues:
    """Read the sheet with this name, by default the first visible one.

    Raise UserError where the file is none that calamine reads, or has no such sheet.
    """
    import pandas

    require_whole(path, label)
    require_sound(path, label)
    try:
        with panics_unseen(), pandas.ExcelFile(path, engine="calamine") as file:
            book = cast("python_calamine.CalamineWorkbook", file.book)
            visible = _visible(book)
            name = _chosen(book, sheet, visible, label)
            frame = pandas.read_excel(
                file, sheet_name=name, header=None, dtype=object, keep_default_na=False, na_filter=False
            )
    except (UserError, KeyboardInterrupt, SystemExit):
        raise
    except (
        BaseException
    ) as error:  # whatever a damaged file leads them to; a panic of calamine is no Exception
        message = f"it cannot be read as Excel: {str(error) or type(error).__name__}"
        raise UserError(Problem(message, label, hint=sheet_hint(path, label))) from None
    return SheetValues(frame, name, visible)


def _visible(book: python_calamine.CalamineWorkbook) -> tuple[str, ...]:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    return tuple(
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
    )


def _chosen(
    book: python_calamine.CalamineWorkbook, sheet: str | None, visible: tuple[str, ...], label: str
) -> str:
    names = book.sheet_names
    if not names:
        hint = "open it in a spreadsheet program and save it anew"
        raise UserError(Problem("it has no sheet", label, hint=hint))
    if sheet is None:
        return (visible or tuple(names))[0]
    if sheet not in names:
        hint = f"its sheets are {', '.join(names)}"
        raise UserError(Problem(f'there is no sheet "{sheet}"', label, hint=hint))
    return sheet
