"""Encodings that are proposed: by what makes words, in the languages that the list is likely to have."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.errors import UserError
from mailrunner.recipients.encoding_guess import likely_encodings
from tests.support.recipient_tables import csv_source


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("j@example.org,Jörg\n", "cp1252"),
        ("j@example.de,Jörg\n", "cp1252"),
        ("a@example.com,José García\nf@example.com,François\n", "cp1252"),
        ("o@example.com,O’Brien\n", "cp1252"),
        ("o@example.com,60 €\n", "cp1252"),
        ("g@example.de,Groß & Söhne – Köln\n", "cp1252"),
        ("a@example.ro,Ştefan Brăila\n", "cp1250"),
        ("a@example.pl,Łukasz Żak\n", "cp1250"),
        ("a@example.hu,Őze\n", "cp1250"),
        ("i@example.ru,Иван Петров\n", "cp1251"),
        ("i@example.ru,Иван Петров\n", "koi8-r"),
        ("g@example.gr,Γιώργος\n", "cp1253"),
        ("a@example.tr,Ayşe Yılmaz\n", "cp1254"),
        ("a@example.jp,山田太郎\nb@example.jp,すずき\n", "cp932"),
        ("a@example.cn,王小明\nb@example.cn,李雷\n", "gb18030"),
        ("a@example.tw,王小明\nb@example.tw,陳大文\n", "big5"),
        ("a@example.kr,김철수\n", "cp949"),
    ],
)
def test_the_first_proposal_reads_the_words_as_they_were(text: str, encoding: str) -> None:
    octets = text.encode(encoding)
    first, *others = likely_encodings(octets, octets)
    assert octets.decode(first.encoding) == text
    assert len(others) < 3


@pytest.mark.parametrize("encoding", ["cp850", "mac-roman"])
def test_an_old_encoding_is_among_the_proposals(encoding: str) -> None:
    octets = "j@example.de,Jörg\nm@example.de,Müller\n".encode(encoding)
    assert "Jörg" in {found.words[0] for found in likely_encodings(octets, octets)}


@pytest.mark.parametrize(
    ("word", "encoding"),
    [
        ("Łukasz", "iso8859-2"),
        ("Ștefan", "iso8859-16"),
        ("Łukasz", "mac-latin2"),
        ("İbrahim", "cp1254"),
        ("Їжакевич", "koi8-u"),
        ("Иван", "iso8859-5"),
        ("Иван", "mac-cyrillic"),
        ("משה", "cp1255"),
        ("محمد", "cp1256"),
        ("田中", "euc-jp"),
        ("山田", "cp932"),
        ("김철수", "cp949"),
        ("สมชาย", "cp874"),
    ],
)
def test_one_word_is_among_the_proposals_though_no_domain_tells_a_language(word: str, encoding: str) -> None:
    octets = f"email,name\nx@example.com,{word}\n".encode(encoding)
    found = likely_encodings(octets.splitlines(keepends=True)[1], octets)
    assert word in {one.words[0] for one in found}, found


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_without_a_mark_are_named(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(Exception, match=f'encoding = "{encoding}"'):
        csv_source(tmp_path, "email,name\nj@example.org,Jörg\n".encode(encoding))


def test_one_odd_word_is_never_proposed_as_east_asian() -> None:
    octets = "email,name\nj@example.org,Jörg\n".encode("cp1252")
    assert [found.encoding for found in likely_encodings(octets, octets)] == ["cp1252"]


@pytest.mark.parametrize(
    "octets",
    [
        bytes(range(128, 256)) + b"\n",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"a@example.org,\x00\xd8\n",
    ],
    ids=["all octets", "picture", "control character"],
)
def test_octets_that_make_no_words_get_no_proposal(tmp_path: Path, octets: bytes) -> None:
    assert likely_encodings(octets, octets) == []
    with pytest.raises(UserError, match="to the one it was saved in, or save it as UTF-8"):
        csv_source(tmp_path, b"email,name\n" + octets)


def test_a_word_of_two_scripts_is_no_word() -> None:
    octets = b"a@example.org,\xa4\xa5\xa6\xa7\n"  # a kana and a Greek capital in EUC-JP
    assert "euc-jp" not in {found.encoding for found in likely_encodings(octets, octets)}


def test_the_reading_stands_beside_each_proposal(tmp_path: Path) -> None:
    octets = "email,name\nz@example.com,Zöe\nj@example.com,Žiga\n".encode("cp1250")
    with pytest.raises(Exception, match=r'encoding = "[\w-]+" reads "[^"]+"'):
        csv_source(tmp_path, octets)
