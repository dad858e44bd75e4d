"""Senders as they are written in a campaign file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.model.mailbox_address import MailboxAddress


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("ana@example.org", "", "ana@example.org"),
        (" <ana@example.org> ", "", "ana@example.org"),
        ("Ștefan Ionuț <s@example.org>", "Ștefan Ionuț", "s@example.org"),
        ('"Pop, Ana" <a@example.org>', "Pop, Ana", "a@example.org"),
        ("Club Inc. <a@example.org>", "Club Inc.", "a@example.org"),
        (r'"The \"Club\"" <a@example.org>', 'The "Club"', "a@example.org"),
        ("a@bücher.example", "", "a@bücher.example"),
        ("a@example.test", "", "a@example.test"),
    ],
)
def test_a_mailbox_is_an_address_perhaps_with_a_name(text: str, name: str, address: str) -> None:
    assert MailboxAddress.parse(text) == MailboxAddress(name, address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "Group: a@example.org;",
        "a@example.org b@example.org",
        "a\n@example.org",
        "<",
        "0@",
        "Ana (x) <a@example.org>",
        '"Ana <a@example.org>',
        "ana@example.org\0",
    ],
)
def test_anything_else_is_no_mailbox(text: str) -> None:
    with pytest.raises(ValueError, match="; "):
        MailboxAddress.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_a_mailbox_or_a_sentence(text: str) -> None:
    try:
        found = MailboxAddress.parse(text)
    except ValueError:
        return
    assert "@" in found.address
