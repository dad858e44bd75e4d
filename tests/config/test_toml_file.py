"""TOML files: reading one, and the error of one that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.config.toml_file import dotted, read
from mailrunner.errors import UserError


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b'database = "x"\n[accounts.gmail\n', "line 2, column"),
        (b'# ok\nx = "\xe9"\n', "line 2 is not UTF-8 text"),
        (b"\xff\xfe", "line 1 is not UTF-8 text"),
        (b"a=" + b"[" * 5000, "nests too deeply"),
        (b"a=" + b"{a=" * 3000, "nests too deeply"),
        (b"a=" + b"1" * 5000, "holds a number that is too long"),
    ],
    ids=["syntax", "UTF-8", "UTF-16", "brackets", "braces", "digits"],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, octets: bytes, message: str
) -> None:
    (tmp_path / "x.toml").write_bytes(octets)
    with pytest.raises(UserError, match=rf"^campaigns/x\.toml: {message}"):
        read(tmp_path / "x.toml", "campaigns/x.toml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.toml: cannot be read: No such file"):
        read(tmp_path / "x.toml", "x.toml")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("\ufeffa = 1\n", encoding="utf-8")
    assert read(tmp_path / "x.toml", "x.toml") == {"a": 1}


def test_keys_are_written_as_in_toml() -> None:
    assert dotted(("accounts", "my relay", "limits", 0)) == 'accounts."my relay".limits[1]'
