"""Slips of the keys in providers' domains: what is proposed, and what is a real domain."""

from __future__ import annotations

import pytest

from mailrunner.model.mistyped_domain import suggestion


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("Hotmial.com", "hotmail.com"),
        ("hotmial.de", "hotmail.de"),
        ("yaho.com", "yahoo.com"),
        ("yaho.ro", "yahoo.ro"),
        ("outlok.com", "outlook.com"),
        ("t-onlin.de", "t-online.de"),
        ("googelmail.com", "googlemail.com"),
    ],
)
def test_a_slip_of_the_keys_gets_a_suggestion(typed: str, meant: str) -> None:
    assert suggestion(typed) == meant


@pytest.mark.parametrize(
    "domain",
    [
        *("gmail.com", "mail.com", "ymail.com", "hotmail.de", "example.org", "club-cluj.ro"),
        *("orange.ro", "hotmail.ro", "live.ro", "gmx.fr", "mail.ro", "web.de", "freenet.de"),
    ],
)
def test_real_domains_get_no_suggestion(domain: str) -> None:
    assert suggestion(domain) is None
