"""Excel (and OpenDocument) files, read by calamine through pandas; `cell.to_text` makes text of each cell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mailrunner.errors import Problem, UserError
from mailrunner.recipients.cell import to_text
from mailrunner.recipients.source import HeadedFile
from mailrunner.recipients.workbook_archive import require_whole

if TYPE_CHECKING:
    import pandas
    import python_calamine


class Worksheet(HeadedFile):
    """One sheet of a file: the one named `sheet`, else the first visible one."""

    def __init__(self, path: Path, label: str, sheet: str | None) -> None:
        super().__init__(path, label)
        self._sheet = sheet

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        for number, cells in enumerate(self._frame.itertuples(index=False, name=None), 1):
            texts = [to_text(_without_midnight(cell)) for cell in cells]
            if any(texts):
                yield number, texts

    @cached_property
    def _frame(self) -> pandas.DataFrame:
        """The sheet as it stands, from its first row; no cell is guessed to be missing or a number."""
        import pandas

        require_whole(self.path, self.label)
        try:
            with pandas.ExcelFile(self.path, engine="calamine") as file:
                return pandas.read_excel(
                    file,
                    sheet_name=self._sheet_name(cast("python_calamine.CalamineWorkbook", file.book)),
                    header=None,
                    dtype=object,
                    keep_default_na=False,
                    na_filter=False,
                )
        except UserError:
            raise
        except Exception as error:  # calamine and pandas raise whatever a damaged file leads them to
            problem = f"it cannot be read as Excel: {str(error) or type(error).__name__}"
            raise UserError(Problem(problem, self.label, hint="save it anew, or as CSV")) from None

    def _sheet_name(self, book: python_calamine.CalamineWorkbook) -> str:
        from python_calamine import SheetVisibleEnum

        names = book.sheet_names
        if self._sheet is None:
            visible = [s.name for s in book.sheets_metadata if s.visible == SheetVisibleEnum.Visible]
            if not names:
                raise UserError(Problem("it has no sheet", self.label, hint="save it anew, or as CSV"))
            return (visible or names)[0]
        if self._sheet not in names:
            hint = f"its sheets are {', '.join(names)}"
            raise UserError(Problem(f'there is no sheet "{self._sheet}"', self.label, hint=hint))
        return self._sheet


def _without_midnight(cell: object) -> object:
    """A date as a date: the data frame gives it a time 00:00, which the sheet does not hold."""
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date()
    return cell
