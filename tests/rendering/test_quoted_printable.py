"""Quoted-printable from pieces, read back by decoders that are not ours."""

from __future__ import annotations

import email
import email.policy
import quopri
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.rendering.quoted_printable import Composition, encoded, is_foreign, lines, octets_of, whole

HEAD = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"

difficult = st.sampled_from(
    [
        *("", " ", "\t", "\n", "\r", "\r\n", ".", "..", "=", "F", "From ", "From me", "é", "山", "😀"),
        *(".From here", "." * 80, "." * 75 + "From ", "x" * 75, "x" * 76, "x" * 77, "=" * 30, "a=20"),
        *("https://example.org/?a=1&b=" + "k" * 90, "Ana ", " Pop", "\u2028", "\x85", "\x0b", "\x1f"),
    ]
)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=90)
ascii_text = st.text(st.characters(max_codepoint=127), max_size=160)
pieces = st.lists(difficult | text | ascii_text, max_size=6).map("".join)


def decoded(body: bytes) -> bytes:
    """What two decoders of Python's say, which must agree."""
    payload = email.message_from_bytes(HEAD + body, policy=email.policy.default).get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload == quopri.decodestring(body)
    return payload


def assert_fit_for_the_wire(body: bytes) -> None:
    assert re.fullmatch(rb"(?:[\t -~]*\r\n)*", body)
    for line in body.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
        assert not line.endswith((b" ", b"\t"))


def composed(statics: list[str], values: list[str]) -> bytes | None:
    chunks = Composition(statics).body(encoded(values))
    return None if chunks is None else b"".join(chunks)


@given(text=pieces)
def test_a_whole_text_is_decoded_to_itself(text: str) -> None:
    body = whole(octets_of(text))
    assert_fit_for_the_wire(body)
    assert decoded(body).decode() == re.sub(r"\r\n?|\n", "\r\n", text.rstrip("\r\n") + "\n")


@given(start=pieces, filled=st.lists(st.tuples(pieces, pieces), max_size=5))
def test_a_text_from_pieces_is_decoded_to_the_same_as_the_whole_text(
    start: str, filled: list[tuple[str, str]]
) -> None:
    statics, values = [start, *(piece for _, piece in filled)], [value for value, _ in filled]
    body = composed(statics, values)
    if body is None:
        return
    assert_fit_for_the_wire(body)
    interleaved = start + "".join(value + piece for value, piece in filled)
    assert decoded(body) == octets_of(interleaved)


@given(
    values=st.lists(text.filter(lambda value: "\r" not in value), min_size=1, max_size=5),
    statics=st.lists(ascii_text.filter(lambda piece: "\r" not in piece), min_size=6, max_size=6),
)
def test_a_document_of_ascii_with_some_values_in_it_is_always_composed(
    values: list[str], statics: list[str]
) -> None:
    statics = [*statics[: len(values)], statics[-1] + "</html>" * 300]
    body = composed(statics, values)
    assert body is not None
    interleaved = statics[0] + "".join(v + s for v, s in zip(values, statics[1:], strict=True))
    assert decoded(body) == octets_of(interleaved)


@given(text=pieces)
def test_one_piece_makes_whole_lines(text: str) -> None:
    made = lines(text)
    assert_fit_for_the_wire(made)
    assert decoded(made + b"x\r\n").decode() == re.sub(r"\r\n?|\n", "\r\n", text) + "x\r\n"


@pytest.mark.parametrize(
    ("statics", "values"),
    [
        (["a", "b"], ["1\r2"]),  # a CR in a value could meet a LF behind it
        (["a\r", "\nb"], [""]),
        (["a\n", ""], [""]),  # the last line break is the template's, after all
        (["a", "\n"], ["1\n"]),
        (["Hello " * 3, ""], ["\n\n"]),
        (["新聞" * 9, "。"], ["x"]),
        (["", ""], [""]),
    ],
)
def test_what_reaches_over_a_border_is_left_to_the_whole_text(statics: list[str], values: list[str]) -> None:
    assert composed(statics, values) is None


def test_a_fixed_text_needs_no_values() -> None:
    assert composed(["Hello\n.\n"], []) == b"Hello\r\n=2E\r\n"


def test_plain_values_stand_on_lines_of_their_own() -> None:
    assert composed(["Hi ", ", you have ", " points."], ["Ana", "7"]) == (
        b"Hi=20=\r\nAna=\r\n, you have=20=\r\n7=\r\n points.\r\n"
    )


def test_a_line_without_room_for_its_soft_break_is_broken_before_its_last_letter() -> None:
    assert lines("x" * 75 + ".") == b"x" * 75 + b"=\r\n=2E=\r\n"
    assert lines("x" * 73 + "=") == b"x" * 73 + b"=\r\n=3D=\r\n"


@pytest.mark.parametrize("blank", [" ", "\t", "é "])
def test_a_blank_before_a_line_break_makes_no_line_too_long(blank: str) -> None:
    for columns in range(60, 90):
        body = whole(octets_of(f"{'x' * columns}{blank}\ny"))
        assert_fit_for_the_wire(body)
        assert decoded(body).decode() == f"{'x' * columns}{blank}\r\ny\r\n"


@given(values=st.lists(pieces, max_size=8))
def test_values_encoded_at_once_are_what_each_is_alone(values: list[str]) -> None:
    if "\r" in "".join(values):
        assert encoded(values) is None
    else:
        assert encoded(values) == [lines(value) for value in values]


@pytest.mark.parametrize("values", [["\ud800"], ["plain", "a\udfffb"]])
def test_half_a_character_has_no_encoding(values: list[str]) -> None:
    with pytest.raises(UnicodeEncodeError):
        encoded(values)


def test_a_sixth_of_other_letters_makes_a_text_foreign() -> None:
    assert [is_foreign(text.encode()) for text in ("新聞", "Привет, как дела", "șapte țări", "")] == [
        True,
        True,
        True,
        False,
    ]
