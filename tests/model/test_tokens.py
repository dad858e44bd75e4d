"""Tokens are opaque, signed and survive what mail systems do to addresses."""

from __future__ import annotations

import base64
import hmac
import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.tokens import (
    TokenSigner,
    a_label,
    list_id,
    message_id,
    unsubscribe_mailto,
    unsubscribe_url,
)

SIGNER = TokenSigner((b"first secret", b"older secret"))
numbers = st.integers(min_value=0, max_value=2**63 - 1)


@given(number=numbers, purpose=st.text(max_size=20))
def test_a_token_gives_its_number_back(number: int, purpose: str) -> None:
    assert SIGNER.number(purpose, SIGNER.token(purpose, number)) == number


@given(number=numbers)
def test_a_token_is_short_and_fits_into_a_url_an_address_and_a_message_id(number: int) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{1,40}", SIGNER.token("unsubscribe", number))


@given(number=numbers)
def test_a_token_in_upper_case_still_reads(number: int) -> None:
    assert SIGNER.number("u", SIGNER.token("u", number).upper()) == number


@given(number=numbers, where=st.integers(0, 31), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_token_with_one_letter_changed_is_refused(number: int, where: int, letter: str) -> None:
    token = SIGNER.token("u", number)
    forged = token[:where] + letter + token[where + 1 :]
    assert SIGNER.number("u", forged) == (number if forged == token else None)


@given(token=st.text(max_size=50))
def test_any_other_text_is_no_token(token: str) -> None:
    assert SIGNER.number("u", token) is None


def test_letters_that_only_fold_to_ascii_are_no_token() -> None:
    # "ı".upper() is "I": a reader that folded first would take a second spelling for the same token.
    token = next(t for n in range(100) if "i" in (t := SIGNER.token("u", n)))
    assert SIGNER.number("u", token.replace("i", "ı")) is None


def test_a_token_for_one_purpose_is_refused_for_another() -> None:
    assert SIGNER.number("bounce", SIGNER.token("unsubscribe", 7)) is None


def test_a_token_of_another_secret_is_refused() -> None:
    assert TokenSigner((b"someone else",)).number("u", SIGNER.token("u", 7)) is None


def test_every_secret_ever_used_still_verifies_and_the_first_signs() -> None:
    old = TokenSigner((b"older secret",)).token("u", 7)
    assert SIGNER.number("u", old) == 7
    assert SIGNER.token("u", 7) == TokenSigner((b"first secret",)).token("u", 7) != old


def test_tokens_are_deterministic_and_do_not_show_their_order() -> None:
    tokens = [SIGNER.token("u", n) for n in range(200)]
    assert tokens == [SIGNER.token("u", n) for n in range(200)]
    assert len(set(tokens)) == 200
    # Neighbours share neither beginning nor end, and sorting by token says nothing about the number.
    assert len({t[:4] for t in tokens}) > 190
    assert len({t[-4:] for t in tokens}) > 190
    assert sorted(tokens) != tokens


@pytest.mark.parametrize("number", [-1, 2**63])
def test_a_number_that_is_no_delivery_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        SIGNER.token("u", number)


@pytest.mark.parametrize("secrets", [(), (b"",), (b"x", b"")])
def test_a_signer_without_a_secret_is_refused(secrets: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="at least one secret"):
        TokenSigner(secrets)


def test_a_signer_does_not_show_its_secrets() -> None:
    assert "secret" not in repr(SIGNER)


def test_a_message_id_is_fixed_by_its_number_and_stands_in_an_ascii_domain() -> None:
    identifier = message_id(SIGNER, 7, "exämple.org")
    assert identifier == message_id(SIGNER, 7, "exämple.org") != message_id(SIGNER, 8, "exämple.org")
    assert re.fullmatch(r"<[a-z0-9]+@xn--exmple-cua\.org>", identifier)
    assert SIGNER.number("message", identifier[1:].partition("@")[0]) == 7


@pytest.mark.parametrize("base", ["https://news.example.org", "https://news.example.org/"])
def test_the_unsubscribe_page_is_under_the_base_url(base: str) -> None:
    assert unsubscribe_url(base, "abc") == "https://news.example.org/u/abc"


@pytest.mark.parametrize(
    "address", ["u@example.org", "a+b@example.org", "a&b?c#d%e@example.org", "ünsub@example.org"]
)
def test_the_unsubscribe_mailto_means_the_address_and_the_token(address: str) -> None:
    uri = unsubscribe_mailto(address, "abc")
    parts = urlsplit(uri)
    assert uri.isascii()
    assert (parts.scheme, unquote(parts.path), parts.fragment) == ("mailto", address, "")
    assert parse_qs(parts.query) == {"subject": ["unsubscribe abc"]}


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("Club news", None, "Club news <club-news.example.org>"),
        ("Club -- News!", None, "Club -- News! <club-news.example.org>"),
        ("Club news", "news.example.net", "Club news <news.example.net>"),
        ("Club news", "News <news.example.net>", "News <news.example.net>"),
    ],
)
def test_a_list_id_names_the_list_in_the_senders_domain(
    name: str, settings: str | None, expected: str
) -> None:
    assert list_id(name, settings, "example.org") == expected


@given(name=st.text(min_size=1))
def test_every_list_name_gives_a_valid_and_stable_label(name: str) -> None:
    identifier = list_id(name, None, "example.org")[len(name) :]
    assert re.fullmatch(r" <[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.example\.org>", identifier)
    assert list_id(name, None, "example.org")[len(name) :] == identifier


def test_names_that_look_alike_in_ascii_have_different_list_ids() -> None:
    identifiers = {
        list_id(name, None, "example.org").partition("<")[2] for name in ("Stiri", "Știri", "新聞")
    }
    assert len(identifiers) == 3


def test_a_domain_that_cannot_be_spelled_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        a_label("exa mple\u2028ä.org")


def test_a_new_secret_changes_no_message_id() -> None:
    before = message_id(TokenSigner((b"first",)), 7, "example.org")
    assert message_id(TokenSigner((b"second", b"first")), 7, "example.org") == before


def plainly(secret: bytes, purpose: str, number: int) -> str:
    """A token as the module's docstring defines it, with the standard library alone."""

    def keyed(use: bytes, data: bytes) -> bytes:
        named = purpose.encode()
        return hmac.digest(secret, b"%b %d %b %b" % (use, len(named), named, data), "sha256")

    plain = number.to_bytes(8, "big")
    tag = keyed(b"tag", plain)[:12]
    masked = bytes(a ^ b for a, b in zip(plain, keyed(b"mask", tag)[:8], strict=True))
    return base64.b32encode(tag + masked).decode().lower()


@given(secret=st.binary(min_size=1, max_size=150), purpose=st.text(max_size=20), number=numbers)
def test_a_token_is_the_hmac_of_the_standard_library(secret: bytes, purpose: str, number: int) -> None:
    signer = TokenSigner((b"new", secret))
    assert TokenSigner((secret,)).token(purpose, number) == plainly(secret, purpose, number)
    assert signer.first_token(purpose, number) == plainly(secret, purpose, number)
    assert signer.token(purpose, number) == plainly(b"new", purpose, number)


def test_tokens_that_went_out_years_ago_still_hold() -> None:
    signer = TokenSigner((b"first secret", b"older secret"))
    assert signer.token("unsubscribe", 7) == "rlfr6swkfv73tgmvihdqqt5fviuaj3mm"
    assert message_id(signer, 7, "example.org") == "<zuyl3ijc7f4bhnyjo6vhvwkzczxbllck@example.org>"


# Mail programs and filters know a list by this: another value would be another list to them.
@pytest.mark.parametrize(
    ("name", "settings", "domain", "expected"),
    [
        ("Club news", None, "example.org", "Club news <club-news.example.org>"),
        (
            *("Klub: Öffentliches — März", None, "müller.example"),
            "Klub: Öffentliches — März <klub-offentliches-marz-949150cc.xn--mller-kva.example>",
        ),
        ("新聞", None, "example.org", "新聞 <list-9c200fe1.example.org>"),
        ("Club news", "news.example.org", "example.org", "Club news <news.example.org>"),
        ("x" * 80, None, "example.org", f"{'x' * 80} <{'x' * 54}.example.org>"),
    ],
)
def test_the_list_id_of_a_list_is_always_this(
    name: str, settings: str | None, domain: str, expected: str
) -> None:
    assert list_id(name, settings, domain) == expected


@pytest.mark.parametrize("length", [1, 32, 63, 64, 65, 200])
@given(number=numbers, purpose=st.text(max_size=9))
def test_a_token_is_an_hmac_by_the_book_however_long_the_secret(
    length: int, number: int, purpose: str
) -> None:
    """RFC 2104: a secret longer than a block is hashed first, one of a block is not."""
    secret, named = b"s" * length, purpose.encode()

    def digest(use: bytes, data: bytes) -> bytes:
        return hmac.digest(secret, b"%b %d %b " % (use, len(named), named) + data, "sha256")

    plain = number.to_bytes(8, "big")
    tag = digest(b"tag", plain)[:12]
    masked = bytes(one ^ other for one, other in zip(plain, digest(b"mask", tag), strict=False))
    assert TokenSigner((secret,)).token(purpose, number) == base64.b32encode(tag + masked).decode().lower()


@pytest.mark.parametrize(
    ("domain", "wire"),
    [
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("A.Example",) * 2,
    ],
)
def test_a_domain_in_capitals_is_mapped_before_it_goes_over_the_wire(domain: str, wire: str) -> None:
    assert a_label(domain) == wire
