"""The encoding of CSV files: what is recognised, what is refused, what is proposed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.errors import UserError
from tests.support.recipient_tables import csv_source, error_of, rows_of


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_recognised(tmp_path: Path, encoding: str) -> None:
    source = csv_source(tmp_path, "email,name\na@example.org,Zoë 日本\n".encode(encoding))
    assert source.columns == ("email", "name")
    assert rows_of(source) == [(2, ("a@example.org", "Zoë 日本"))]


def test_a_mark_is_no_part_of_the_first_column_even_if_utf_8_is_named(tmp_path: Path) -> None:
    assert csv_source(tmp_path, "email,n\n".encode("utf-8-sig"), encoding="UTF8").columns == ("email", "n")


def test_another_encoding_is_read_when_it_is_named(tmp_path: Path) -> None:
    source = csv_source(tmp_path, "email,name\na@example.org,José\n".encode("cp1252"), encoding="cp1252")
    assert rows_of(source) == [(2, ("a@example.org", "José"))]


@pytest.mark.parametrize("encoding", ["klingon", "base64"])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UserError, match=f'encoding "{encoding}" is not known'):
        csv_source(tmp_path, "email\n", encoding=encoding)


def test_bytes_that_are_not_utf_8_are_named_with_their_line_and_a_proposal(tmp_path: Path) -> None:
    lines = [f"a{i}@example.org,Ana" for i in range(6000)] + [
        "j@example.org,José García",
        "f@example.org,François",
    ]
    source = csv_source(tmp_path, ("email,name\n" + "\n".join(lines)).encode("cp1252"))
    message = error_of(source)
    assert message.startswith("list.csv: line 6002: byte 0xE9 (at offset ")
    assert 'it looks like cp1252: encoding = "cp1252" reads "José"' in message


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (
            "email,name\na@example.org,Иван Петров\nb@example.org,Мария Иванова\n".encode("cp1251"),
            'encoding = "cp1251" reads "Иван"',
        ),
        ("email,name\na@example.org,x".encode("utf-16") + b"y", "is not UTF-16"),
    ],
    ids=["cyrillic", "UTF-16 that ends in half a character"],
)
def test_a_wrong_byte_is_named_with_its_line(tmp_path: Path, octets: bytes, message: str) -> None:
    with pytest.raises(UserError, match=rf"line 2: .*{message}"):
        csv_source(tmp_path, octets)


def test_one_line_of_another_encoding_is_no_reason_to_read_all_of_them_so(tmp_path: Path) -> None:
    octets = "email,n\na@example.org,Jörg\n".encode() + "b@example.org,Jörg\n".encode("cp1252")
    with pytest.raises(UserError, match=r"line 3.*the other lines are UTF-8: correct this one"):
        csv_source(tmp_path, octets)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_recognised(tmp_path: Path, encoding: str) -> None:
    octets = "email,n\na@example.org,Ștefan Țîrlea\n".encode(encoding)
    with pytest.raises(UserError, match=f'encoding = "{encoding}"'):
        csv_source(tmp_path, octets)
