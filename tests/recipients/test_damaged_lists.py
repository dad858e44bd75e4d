"""Damaged lists: a sentence, or the very rows that were written; never others, and never a part of them."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
import python_calamine

from mailrunner.errors import UserError
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.sheet.panics import panics_unseen
from tests.support.odd_lists import open_document
from tests.support.recipient_tables import Spec, csv_source, error_of, rows_of

ROWS = [("email", "name"), *((f"person{number}@example.org", f"Ana {number}") for number in range(40))]
FLIPS = 400  # of each file
ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><sst><si><t>&c;</t></si></sst>'
)


def workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    for row in ROWS:
        book.worksheets[0].append(row)
    book.save(path)


def parquet(path: Path) -> None:
    columns = dict(zip(ROWS[0], zip(*ROWS[1:], strict=True), strict=True))
    table = pyarrow.table({name: list(cells) for name, cells in columns.items()})
    pyarrow.parquet.write_table(table, path, write_page_checksum=True, compression="none")


def document(path: Path) -> None:
    cells = (
        "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        for row in ROWS
    )
    open_document(path, "".join(f"<table:table-row>{row}</table:table-row>" for row in cells))


KINDS: dict[str, Callable[[Path], None]] = {"xlsx": workbook, "ods": document, "parquet": parquet}


def read(path: Path) -> list[tuple[str, ...]]:
    spec = Spec(parquet=path.name) if path.suffix == ".parquet" else Spec(xlsx=path.name)
    source = open_source(spec, path.parent)
    return [source.columns, *(cells for _, cells in rows_of(source))]


@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_bit_gives_a_sentence_or_changes_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"list.{kind}"
    KINDS[kind](path)
    whole, outcomes = path.read_bytes(), set()
    for bit in range(3, len(whole) * 8, len(whole) * 8 // FLIPS):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert read(path) == ROWS, bit
            outcomes.add("same")
        except UserError as error:
            assert f"list.{kind}" in str(error)
            outcomes.add("sentence")
    assert "sentence" in outcomes


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_ends_too_early_is_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"list.{kind}"
    KINDS[kind](path)
    whole = path.read_bytes()
    for end in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:end])
        with pytest.raises(UserError, match=f"list.{kind}"):
            read(path)


def rewritten(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """A workbook with one part changed, whole in itself."""
    workbook(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, change(content) if name.endswith(part) else content)
    return path


@pytest.mark.parametrize("place", ["XFD1048576", "AZ1048576", "XFD40000"])
def test_one_cell_far_from_the_others_is_a_sentence_and_ends_no_process(tmp_path: Path, place: str) -> None:
    row = f'<row r="{place[-7:].lstrip("XFDAZ")}"><c r="{place}"><v>1</v></c></row></sheetData>'.encode()
    path = rewritten(tmp_path / "list.xlsx", "sheet1.xml", lambda xml: xml.replace(b"</sheetData>", row))
    with pytest.raises(UserError, match="far from the others"):
        read(path)


def test_a_workbook_that_says_it_unpacks_to_gigabytes_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    workbook(path)
    octets = bytearray(path.read_bytes())
    entry = octets.index(b"PK\x01\x02")
    octets[entry + 24 : entry + 28] = struct.pack("<I", 3_000_000_000)
    path.write_bytes(octets)
    with pytest.raises(UserError, match="more than 1 GB"):
        read(path)


def test_entities_of_entities_are_not_written_out(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "list.xlsx", "sharedStrings.xml", lambda _: ENTITIES)
    try:
        assert max(len(cell) for row in read(path) for cell in row) < 100
    except UserError as error:
        assert "list.xlsx" in str(error)


def test_a_workbook_without_sheets_is_a_sentence(tmp_path: Path) -> None:
    path = rewritten(
        tmp_path / "list.xlsx", "xl/workbook.xml", lambda xml: xml.replace(b"<sheet ", b"<shoot ")
    )
    with pytest.raises(UserError, match=r"list\.xlsx"):
        read(path)


def test_parquet_that_lost_a_part_of_its_rows_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    parquet(path)
    octets = path.read_bytes()
    found = set()
    for place in range(len(octets) - 400, len(octets) - 8):  # the counts stand in the footer
        damaged = bytearray(octets)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        try:
            assert len(read(path)) == len(ROWS)
        except UserError as error:
            found.add("damaged" if "rows were read" in str(error) else "")
    assert "damaged" in found


@pytest.mark.parametrize("change", ["longer", "shorter", "gone"])
def test_a_list_that_is_changed_while_it_is_read_is_not_taken(tmp_path: Path, change: str) -> None:
    lines = "".join(f"person{number}@example.org\n" for number in range(200_000))
    source = csv_source(tmp_path, "email\n" + lines)
    chunks = source.chunks()
    next(chunks)
    path = tmp_path / "list.csv"
    if change == "gone":
        path.unlink()
    else:
        path.write_text("email\n" + (lines * 2 if change == "longer" else lines[:1000]))
    with pytest.raises(UserError, match=r"list\.csv"):
        for _ in chunks:
            pass


def test_a_list_that_is_read_again_after_a_change_is_taken(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "email\nana@example.org\n")
    assert len(rows_of(source)) == 1
    (tmp_path / "list.csv").write_text("email\nana@example.org\nbo@example.org\n")
    assert len(rows_of(source)) == 2
    assert "NUL" in error_of(csv_source(tmp_path, "email\nana\0@example.org\n"))


def old_excel(path: Path) -> bytes:
    """An .xls at this path, and its octets."""
    whole = (Path(__file__).parents[1] / "data/lists/people.xls").read_bytes()
    path.write_bytes(whole)
    return whole


def test_an_old_workbook_is_read(tmp_path: Path) -> None:
    old_excel(tmp_path / "list.xls")
    rows = read(tmp_path / "list.xls")
    assert rows[:2] == [("email", "name", "since"), ("person0@example.org", "Ana 0", "2000")]
    assert len(rows) == 9


@pytest.mark.parametrize("sector", [0, 1, 4, 9])
def test_an_old_workbook_that_leads_back_to_itself_ends_no_process(tmp_path: Path, sector: int) -> None:
    """calamine would follow them until memory is full."""
    path = tmp_path / "list.xls"
    whole = old_excel(path)
    (table,) = struct.unpack_from("<I", whole, 76)
    for chain in range(128):  # every chain goes on to the same sector
        place = (table + 1) * 512 + 4 * chain
        whole = whole[:place] + struct.pack("<I", sector) + whole[place + 4 :]
    path.write_bytes(whole)
    with pytest.raises(UserError, match=r"list\.xls: it is damaged: a chain of its parts does not end"):
        read(path)


def changed(whole: bytes, record: bytes, place: int, value: bytes) -> bytes:
    """An .xls with other octets at a place in the content of the first record with this head."""
    at = whole.index(record) + 4 + place
    return whole[:at] + value + whole[at + len(value) :]


SIZE, TEXT_CELL = struct.pack("<HH", 0x0200, 14), struct.pack("<HH", 0x00FD, 10)


@pytest.mark.parametrize(
    ("record", "place", "value", "sentence"),
    [
        (SIZE, 2, b"\x80", "an impossible size"),  # it begins at row 8,388,608, before which it ends
        (SIZE, 6, b"\x02", "an impossible size"),  # it has 131,081 rows
        (SIZE, 11, b"\x02", "an impossible size"),  # 515 columns
        (SIZE, 8, b"\x04", "an impossible size"),  # it begins at column 5, and has 3
        (TEXT_CELL, 3, b"\x01", "a cell in column 257"),
    ],
)
def test_an_old_workbook_whose_cells_cannot_be_ends_no_process(
    tmp_path: Path, record: bytes, place: int, value: bytes, sentence: str
) -> None:
    """calamine would make room for hundreds of gigabytes, and abort."""
    path = tmp_path / "list.xls"
    path.write_bytes(changed(old_excel(path), record, place, value))
    with pytest.raises(UserError, match=rf"it is damaged: one of its sheets has {sentence}"):
        read(path)


def test_what_calamine_prints_of_a_panic_is_not_seen_and_all_else_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.xls"
    whole = old_excel(path)
    extern_sheet = struct.pack("<HH", 0x0017, 0)  # of whose content nothing is there
    path.write_bytes(whole[:538] + extern_sheet + whole[542:])
    for traces in ("0", "1"):
        monkeypatch.setenv("RUST_BACKTRACE", traces)
        with panics_unseen():
            os.write(2, b"before\n")
            with pytest.raises(BaseException, match="out of range") as panic:
                python_calamine.CalamineWorkbook.from_path(str(path))
            assert not isinstance(panic.value, Exception)
            os.write(2, b"after\n")
        assert capfd.readouterr().err == "before\nafter\n"
    with pytest.raises(UserError, match=r"it cannot be read as Excel: .*out of range"):
        read(path)
    assert capfd.readouterr().err == ""


def test_an_old_workbook_with_any_damage_is_read_or_a_sentence(tmp_path: Path) -> None:
    """It has no checksums: a flipped bit may be another sign, but it is no end of the process."""
    path = tmp_path / "list.xls"
    whole, sentences = old_excel(path), 0
    for bit in range(3, len(whole) * 8, len(whole) * 8 // 70):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert all(isinstance(cell, str) for row in read(path) for cell in row)
        except UserError as error:
            assert "list.xls" in str(error)
            sentences += 1
    assert sentences


def test_a_word_of_a_megabyte_is_read_once(tmp_path: Path) -> None:
    """Looking for addresses from each of its signs on would take hours."""
    word = "e" * 1_000_000
    assert error_of(csv_source(tmp_path, f"{word}\n{word},{word}\n"))
