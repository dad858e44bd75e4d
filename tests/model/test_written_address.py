"""Addresses as people write them: read where they can mean one thing, refused with a reason elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.address import normalise
from mailrunner.model.written_address import SeveralAddressesError, read_address, read_addresses

ANA = "ana@example.org"


@pytest.mark.parametrize(
    ("cell", "written", "name"),
    [
        ("ana@example.org", "ana@example.org", ""),
        ("Ana Pop <Ana@example.org>", "Ana@example.org", "Ana Pop"),
        ('"Pop, Ana" <ana@example.org>', "ana@example.org", "Pop, Ana"),
        ("Pop, Ana <ana@example.org>;", "ana@example.org", "Pop, Ana"),
        (r'"Ana \"Bo\" Pop" <ana@example.org>', "ana@example.org", 'Ana "Bo" Pop'),
        ("ana@example.org <ana@example.org>", "ana@example.org", ""),
        ("Ana Pop [mailto:ana@example.org]", "ana@example.org", "Ana Pop"),
        ("<ana@example.org>", "ana@example.org", ""),
        ("mailto:ana@example.org", "ana@example.org", ""),
        ("mailto:<ana@example.org>", "ana@example.org", ""),
        ("MAILTO:ana%40example.org?subject=Hello", "ana@example.org", ""),
        ("smtp:ana@example.org", "ana@example.org", ""),
        ("E-Mail: ana@example.org", "ana@example.org", ""),
        ("ana@example.org.", "ana@example.org", ""),
        (" ana@example.org , ", "ana@example.org", ""),
        ("'ana@example.org'", "ana@example.org", ""),
        ("„ana@example.org“", "ana@example.org", ""),
        ("ana@example.org\n", "ana@example.org", ""),
        ("\u202aana@exa\u00admple.org\u202c\u200b", "ana@example.org", ""),
        ("ana＠example．org", "ana@example.org", ""),
        ("ana@example.org; ana@EXAMPLE.org", "ana@example.org", ""),
        ('"a..b"@docomo.ne.jp', '"a..b"@docomo.ne.jp', ""),
    ],
)
def test_what_can_only_mean_one_address_is_read(cell: str, written: str, name: str) -> None:
    found = read_address(cell)
    assert (found.written, found.name) == (written, name)
    assert found.address == normalise(written)


UNSEEN = {
    *(0xAD, 0x34F, *range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x202A, 0x202F)),
    *(*range(0x2060, 0x206A), *range(0xFE00, 0xFE10), 0xFEFF),
}


@pytest.mark.parametrize("cell", ["an{}a@example.org", "ana@exa{}mple.org", "{}ana@example.org{}"])
def test_what_cannot_be_seen_is_left_out_of_an_address(cell: str) -> None:
    kept = {number for number in UNSEEN if read_address(cell.replace("{}", chr(number))).written != ANA}
    assert not kept


def test_the_characters_beside_those_stay() -> None:
    beside = {near for number in UNSEEN for near in (number - 1, number + 1)} - UNSEEN
    for number in beside:
        try:
            assert read_address(f"an{chr(number)}a@example.org").written != ANA, hex(number)
        except ValueError as error:
            assert str(error)


@pytest.mark.parametrize(
    "cell",
    [
        *("ana@x.org; bo@y.org", "ana@x.org, bo@y.org", "ana@x.org ::: bo@y.org", "ana@x.org bo@y.org"),
        *("ana@x.org / bo@y.org", "ana@x.org/bo@y.org", "ana@x.org | bo@y.org", "ana@x.org\nbo@y.org"),
        *(
            "ana@x.org und bo@y.org",
            "A <ana@x.org>, B <bo@y.org>",
            "ana@x.org <bo@y.org>",
            "ana@x.org (bo@y.org)",
        ),
        "mailto:ana@x.org,bo@y.org",
    ],
)
def test_a_cell_with_two_addresses_is_never_guessed_at(cell: str) -> None:
    with pytest.raises(SeveralAddressesError, match=r"2 addresses, ana@x\.org and bo@y\.org"):
        read_address(cell)
    assert [one.written for one in read_addresses(cell)] == ["ana@x.org", "bo@y.org"]


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("", "the address is empty"),
        ("ana", "must have an @-sign"),
        ("ana pop@example.org", 'beside pop@example.org the cell has more, "ana …"'),
        ("ana@example.org (left in May)", "keep the address alone"),
        ("ana@example.org\r\nBcc: x", "keep the address alone"),
        ("ana\r\n@example.org", "character"),
        ("ana\0@example.org", "character"),
        ("a..b@docomo.ne.jp", r'write "a\.\.b"@docomo\.ne\.jp'),
        ("/o=ExchangeLabs/ou=Group/cn=Recipients/cn=ana", "name of a mailbox inside Exchange"),
        ("Ana <>", "must have an @-sign"),
    ],
)
def test_what_is_no_address_gets_a_sentence(cell: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_address(cell)


PIECES = st.sampled_from(
    [
        *'<>[]()",;:|/ \n\t\0',
        "::: ",
        "ana@example.org",
        "bo@x.org",
        "Ana",
        "mailto:",
        "\u200b",
        "＠",
        "@",
        "'",
    ]
)


@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=8).map("".join)))
def test_any_cell_is_read_or_gets_one_line(cell: str) -> None:
    try:
        found = read_address(cell)
    except ValueError as error:
        assert str(error)
        return
    assert found.address == normalise(found.written)
    assert found.address.wire.isprintable()
    assert not set(found.name) & set("\r\n\0")
