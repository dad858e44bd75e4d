"""Which entry governs, and the pseudonyms of erased recipients, which never change in a ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations, permutations

import pytest

from mailrunner.model.suppression import (
    ALL_LISTS,
    Pseudonyms,
    SuppressionEntry,
    SuppressionReason,
    governing,
    is_domain,
    is_pseudonym,
    list_key,
)

NEWS = "club news"
STRONGEST_FIRST = ("complaint", "unsubscribe", "bounce", "manual", "import")


def entry(reason: str, of: str = ALL_LISTS) -> SuppressionEntry:
    created = datetime(2026, 11, 20, tzinfo=UTC)
    return SuppressionEntry("ana@example.org", of, SuppressionReason(reason), "test", created)


def reason_for(*entries: SuppressionEntry, transactional: bool = False) -> tuple[str, str] | None:
    found = governing(entries, lists={NEWS}, transactional=transactional)
    return (found.reason.value, found.list_key) if found else None


def test_the_reasons_stand_in_their_order() -> None:
    assert tuple(SuppressionReason) == STRONGEST_FIRST
    assert [reason.rank for reason in SuppressionReason] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("stronger", "weaker"), list(combinations(STRONGEST_FIRST, 2)))
@pytest.mark.parametrize("of", [ALL_LISTS, NEWS])
def test_of_two_reasons_the_stronger_is_named(stronger: str, weaker: str, of: str) -> None:
    for pair in permutations([entry(stronger, of), entry(weaker, of)]):
        assert reason_for(*pair) == (stronger, of)


@pytest.mark.parametrize("strong", STRONGEST_FIRST)
@pytest.mark.parametrize("weak", STRONGEST_FIRST)
def test_an_entry_for_all_lists_is_named_before_any_for_one(strong: str, weak: str) -> None:
    for pair in permutations([entry(strong, NEWS), entry(weak)]):
        assert reason_for(*pair) == (weak, ALL_LISTS)


@pytest.mark.parametrize(
    ("reason", "for_all", "for_the_list"),
    [
        ("complaint", True, True),
        ("unsubscribe", False, False),
        ("bounce", True, True),
        ("manual", True, False),
        ("import", False, False),
    ],
)
def test_a_transactional_message_obeys_these(reason: str, for_all: bool, for_the_list: bool) -> None:
    holds = [reason_for(one, transactional=True) is not None for one in (entry(reason), entry(reason, NEWS))]
    assert holds == [for_all, for_the_list]


@pytest.mark.parametrize("reason", STRONGEST_FIRST)
def test_a_bulk_message_obeys_every_reason_for_its_list_and_none_for_another(reason: str) -> None:
    assert reason_for(entry(reason, NEWS)) == (reason, NEWS)
    assert reason_for(entry(reason, "other list")) is None


# An existing ledger holds these: another value would mail people who were erased.
def test_the_pseudonym_of_an_address_in_a_ledger_is_always_this() -> None:
    pseudonyms = Pseudonyms.of_ledger("0123456789abcdef0123456789abcdef")
    assert pseudonyms.mark == "#c8f8f1bc"
    assert pseudonyms.of("ana@example.org") == "#c8f8f1bc7a0621ae5bf004b9bc2aa0d218a401df"
    assert pseudonyms.all("ana@example.org") == (
        "ana@example.org",
        "#c8f8f1bc7a0621ae5bf004b9bc2aa0d218a401df",
        "@example.org",
    )
    assert (
        Pseudonyms.of_ledger("another").of("ana@example.org") != "#c8f8f1bc7a0621ae5bf004b9bc2aa0d218a401df"
    )


@pytest.mark.parametrize(
    ("name", "domain", "pseudonym"),
    [
        ("ana@example.org", False, False),
        ("@example.org", True, False),
        ("#" + "0a" * 20, False, True),
        ("#" + "0a" * 19, False, False),
        ("#" + "0A" * 20, False, False),
        ("0a" * 20, False, False),
    ],
)
def test_a_name_tells_what_it_stands_for(name: str, domain: bool, pseudonym: bool) -> None:
    assert (is_domain(name), is_pseudonym(name)) == (domain, pseudonym)


def test_the_names_of_a_recipient_of_a_domain_and_of_an_erased_one() -> None:
    own, former = Pseudonyms.of_ledger("new", "old"), Pseudonyms.of_ledger("old")
    of_ana = (own.of("a@example.org"), former.of("a@example.org"))
    assert own.marks == (own.mark, former.mark)
    assert own.every("a@example.org") == of_ana
    assert own.own("a@example.org") == ("a@example.org", *of_ana)
    assert own.all("a@example.org") == ("a@example.org", *of_ana, "@example.org")
    for name in ("@example.org", of_ana[0]):
        assert own.own(name) == own.all(name) == (name,)


@pytest.mark.parametrize(
    ("key", "of", "said"),
    [
        ("ana@example.org", ALL_LISTS, "suppressed for all lists: manual"),
        ("ana@example.org", NEWS, 'suppressed for list "club news": manual'),
        ("@example.org", ALL_LISTS, "suppressed for all lists: manual (everyone @example.org)"),
    ],
)
def test_an_entry_is_said_in_words(key: str, of: str, said: str) -> None:
    assert str(replace(entry("manual", of), key=key)) == said


@pytest.mark.parametrize(
    ("name", "key"),
    [("Club news", "club news"), ("  CLUB--news_! ", "club news"), ("Straße", "strasse"), ("Café", "café")],
)
def test_the_key_of_a_list_forgets_case_and_punctuation(name: str, key: str) -> None:
    assert list_key(name) == key
