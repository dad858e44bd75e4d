"""Sheets as people have them: titles, number formats, hidden and merged cells, formula errors."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from mailrunner.errors import UserError
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.reader import RecipientList
from mailrunner.recipients.source import Source
from tests.support.odd_lists import german_workbook, open_document, row, text_cell, value_cell, with_part
from tests.support.recipient_tables import Spec, error_of, rows_of


def sheet(tmp_path: Path, *change: Any, **keys: Any) -> Source:
    german_workbook(tmp_path / "list.xlsx", *change)
    return open_source(Spec(xlsx="list.xlsx", **keys), tmp_path)


def test_the_heading_is_found_below_a_title_and_cells_are_read_as_the_sheet_shows_them(
    tmp_path: Path,
) -> None:
    source = sheet(tmp_path)
    assert source.columns == ("Name", "email", "PLZ", "Eintritt", "Beitrag")
    assert rows_of(source) == [
        (4, ("Jörg", "joerg@example.org", "01067", "04.03.2019", "1.234,50 €")),
        (5, ("Änne", "a@example.org", "80331", "01.12.2020", "60,00 €")),
    ]
    (remark,) = source.remarks()
    assert 'named in row 3; above it stands "Mitgliederliste 2026", which is skipped' in remark


def test_typed_columns_are_read_by_value(tmp_path: Path) -> None:
    source = sheet(tmp_path, types={"Eintritt": "date", "Beitrag": "float"})
    assert rows_of(source)[0] == (4, ("Jörg", "joerg@example.org", "01067", "2019-03-04", "1234.5"))


def test_the_heading_row_may_be_named(tmp_path: Path) -> None:
    assert sheet(tmp_path, header_row=1).columns == ("Mitgliederliste 2026",)
    assert "there is no row 2 that could name the columns" in error_of(sheet(tmp_path, header_row=2))


def test_a_note_beside_the_table_is_not_read_and_said(tmp_path: Path) -> None:
    def note(target: Worksheet) -> None:
        target["H40"] = "to be asked"

    source = sheet(tmp_path, note)
    assert rows_of(source)[0][1][0] == "Jörg"
    assert len(source.columns) == 5
    assert "the column H has no name in the row of names (row 3): not read" in source.remarks()


def test_a_line_break_in_a_heading_is_a_blank(tmp_path: Path) -> None:
    def broken(target: Worksheet) -> None:
        target["B3"] = "E-Mail\nAdresse "

    source = sheet(tmp_path, broken, email="E-Mail Adresse")
    assert source.columns[1] == "E-Mail Adresse"
    assert source.cell(4, "E-Mail Adresse") == "B4"


def test_where_the_first_sheet_is_none_the_others_are_named(tmp_path: Path) -> None:
    def cover(target: Worksheet) -> None:
        assert target.parent is not None
        target.parent.create_sheet("Deckblatt", 0)

    assert 'for another set sheet in [recipients]: "Mitglieder"' in error_of(sheet(tmp_path, cover))


def hide(target: Worksheet) -> None:
    target.row_dimensions[5].hidden = True
    target.column_dimensions["C"].hidden = True


def test_hidden_rows_and_columns_are_left_to_the_user(tmp_path: Path) -> None:
    message = error_of(sheet(tmp_path, hide))
    assert "the sheet has 1 hidden row (5) and the hidden column C" in message
    assert 'hidden = "skip"' in message and 'hidden = "take"' in message


def test_hidden_rows_and_columns_are_skipped_or_taken(tmp_path: Path) -> None:
    skipped = sheet(tmp_path, hide, hidden="skip")
    assert skipped.columns == ("Name", "email", "Eintritt", "Beitrag")
    assert rows_of(skipped) == [(4, ("Jörg", "joerg@example.org", "04.03.2019", "1.234,50 €"))]
    assert skipped.cell(4, "Beitrag") == "E4"
    assert 'left out, as hidden = "skip" says' in skipped.remarks()[1]
    assert [number for number, _ in rows_of(sheet(tmp_path, hide, hidden="take"))] == [4, 5]


def test_hidden_rows_without_cells_are_no_question(tmp_path: Path) -> None:
    def hide_below(target: Worksheet) -> None:
        target.row_dimensions[40].hidden = True

    assert len(rows_of(sheet(tmp_path, hide_below))) == 2


def test_formula_errors_are_named_by_cell(tmp_path: Path) -> None:
    def add_error(target: Worksheet) -> None:
        target["A5"].value, target["A5"].data_type = "#REF!", "e"

    source = sheet(tmp_path, add_error)
    assert rows_of(source)[1][1][0] == "#REF!"
    assert any("formula errors: A5 (#REF!)" in remark for remark in source.remarks())


def test_formulas_that_were_never_calculated_are_named(tmp_path: Path) -> None:
    def add_formula(target: Worksheet) -> None:
        target["A5"] = '="a"&"b"'

    source = sheet(tmp_path, add_formula)
    assert any("formulas without a result: A5" in remark for remark in source.remarks())


def test_an_address_in_merged_cells_counts_once_and_the_other_row_says_why(tmp_path: Path) -> None:
    spec = Spec(xlsx="list.xlsx")
    source = sheet(tmp_path, lambda target: target.merge_cells("B4:B5"))
    (rows,) = RecipientList(source, spec).chunks()
    assert [row.key for row in rows] == ["joerg@example.org", None]
    assert rows[1].problem == "the cell B5 is merged with B4"
    assert any("merged cells: B4:B5" in remark for remark in source.remarks())


def test_a_list_that_begins_in_the_second_column_has_no_nameless_one(tmp_path: Path) -> None:
    source = sheet(tmp_path, lambda target: target.insert_cols(1, 2))
    assert source.columns[0] == "Name"
    assert rows_of(source)[0][1][:3] == ("Jörg", "joerg@example.org", "01067")
    assert source.cell(4, "email") == "D4"


def test_other_sheets_are_mentioned(tmp_path: Path) -> None:
    def add_sheet(target: Worksheet) -> None:
        assert target.parent
        target.parent.create_sheet("Alte")

    assert any(
        '"Mitglieder" is read, and not "Alte"' in remark for remark in sheet(tmp_path, add_sheet).remarks()
    )


def test_durations_are_shown_as_the_sheet_does(tmp_path: Path) -> None:
    def add_duration(target: Worksheet) -> None:
        target["E4"] = timedelta(hours=30, minutes=5)
        target["E4"].number_format = "[h]:mm"

    assert rows_of(sheet(tmp_path, add_duration))[0][1][4] == "30:05"


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("dd/mm/yyyy;@", "04.03.2019"),  # what a German Excel keeps for TT.MM.JJJJ
        ("[$-407]dd/mm/yyyy", "04.03.2019"),
        (r"dd\/mm\/yyyy", "04/03/2019"),
        ("[$-40C]dd/mm/yyyy", "04/03/2019"),
        (r"[$-F800]dddd\,\ mmmm\ dd\,\ yyyy", "Montag, 4. März 2019"),
        ("m/d/yy h:mm", "04.03.2019 18:05"),  # number 22
        ("[$-F400]h:mm:ss\\ AM/PM", "18:05:00"),
    ],
)
def test_what_a_format_leaves_to_the_reader_is_shown_in_the_files_language(
    tmp_path: Path, code: str, shown: str
) -> None:
    def stamp(target: Worksheet) -> None:
        target["D4"] = datetime(2019, 3, 4, 18, 5)  # noqa: DTZ001 - a sheet has no time zones
        target["D4"].number_format = code

    assert rows_of(sheet(tmp_path, stamp))[0][1][3] == shown


def test_cells_that_are_struck_through_are_said_by_their_rows(tmp_path: Path) -> None:
    def strike(target: Worksheet) -> None:
        target["A5"].font = target["B5"].font = Font(strike=True)
        target["A4"].font, target["F4"].font = Font(strike=False), Font(strike=True)

    (remark,) = [one for one in sheet(tmp_path, strike).remarks() if "struck" in one]
    assert "cells struck through in row 5: they are read like any other" in remark


def test_a_struck_cell_of_an_open_document_is_said(tmp_path: Path) -> None:
    line = '<style:text-properties style:text-line-through-style="solid"/>'
    style = f'<style:style style:name="ce1">{line}</style:style>'
    struck = text_cell("a@example.org").replace(" ", ' table:style-name="ce1" ', 1)
    styles = f'xmlns:style="s"><office:automatic-styles>{style}</office:automatic-styles><office:body>'
    open_document(
        tmp_path / "list.ods", row(text_cell("email")) + row(text_cell("b@example.org")) + row(struck)
    )
    with_part(
        tmp_path / "list.ods", "content.xml", lambda xml: xml.replace("><office:body>", f" {styles}", 1)
    )
    assert any(
        "struck through in row 3:" in one for one in open_source(Spec(xlsx="list.ods"), tmp_path).remarks()
    )


ODS = (
    '<table:table-column/><table:table-column table:visibility="collapse"/><table:table-column/>'
    + row(text_cell("email"), text_cell("intern"), text_cell("PLZ"), text_cell("Betrag"))
    + row(
        text_cell("joerg@example.org"),
        text_cell("x"),
        value_cell("float", "1067", "01067"),
        value_cell("currency", "1234.5", "1.234,50 €"),
    )
    + row(
        text_cell("anne@example.org"),
        text_cell("y"),
        value_cell("float", "80331", "80331"),
        value_cell("currency", "60", "60,00 €"),
        attributes='table:visibility="filter"',
    )
)


def test_an_open_document_sheet_is_read_as_it_shows(tmp_path: Path) -> None:
    open_document(tmp_path / "list.ods", ODS)
    taken = open_source(Spec(xlsx="list.ods", hidden="take"), tmp_path)
    assert rows_of(taken)[0] == (2, ("joerg@example.org", "x", "01067", "1.234,50 €"))
    skipped = open_source(Spec(xlsx="list.ods", hidden="skip", types={"Betrag": "float"}), tmp_path)
    assert rows_of(skipped) == [(2, ("joerg@example.org", "01067", "1234.5"))]
    with pytest.raises(UserError, match=r"1 hidden row \(3\) and the hidden column B"):
        assert open_source(Spec(xlsx="list.ods"), tmp_path).columns
