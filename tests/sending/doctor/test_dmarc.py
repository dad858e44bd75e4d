"""DMARC by RFC 9989: the tree walk, the organizational domain, alignment."""

from __future__ import annotations

import pytest

from mailrunner.sending.doctor import dmarc, dns_lookup
from mailrunner.sending.doctor.dmarc import DmarcFound
from mailrunner.sending.doctor.dmarc_policy import policy_findings
from mailrunner.sending.doctor.finding import Level
from tests.support.dns_server import DnsServer


def zone(**records: str) -> dict[tuple[str, str], list[str]]:
    """Records by domain, "__" for a dot; several of one name are parted by "|"."""
    return {
        (f"_dmarc.{name.replace('__', '.')}", "TXT"): [f'"{each}"' for each in text.split("|")]
        for name, text in records.items()
    }


def examined(
    monkeypatch: pytest.MonkeyPatch, domain: str, records: dict[tuple[str, str], list[str]]
) -> DmarcFound:
    with DnsServer(records) as server:
        server.use(monkeypatch)
        return dmarc.examine(domain, dns_lookup.ask)


@pytest.mark.parametrize(
    ("domain", "records", "at", "organization", "policy"),
    [
        ("club.org", {"club__org": "v=DMARC1; p=reject"}, "club.org", "club.org", "reject"),
        ("a.club.org", {"club__org": "v=DMARC1; p=reject; sp=none"}, "club.org", "club.org", "none"),
        # The record at the domain itself counts, the shortest one tells the organization.
        (
            "a.club.org",
            {"a__club__org": "v=DMARC1; p=none", "club__org": "v=DMARC1; p=reject"},
            "a.club.org",
            "club.org",
            "none",
        ),
        (
            "a.b.club.org",
            {"b__club__org": "v=DMARC1; p=none", "club__org": "v=DMARC1; p=reject"},
            "club.org",
            "club.org",
            "reject",
        ),
        # psd=n ends the walk: that domain is the organization, whoever is above.
        (
            "a.b.club.org",
            {"b__club__org": "v=DMARC1; p=quarantine; psd=n", "club__org": "v=DMARC1; p=reject"},
            "b.club.org",
            "b.club.org",
            "quarantine",
        ),
        # A public suffix (psd=y) is above the organization, and its record counts where there is no other.
        (
            "a.club.gov.uk",
            {"gov__uk": "v=DMARC1; p=reject; psd=y"},
            "gov.uk",
            "club.gov.uk",
            "reject",
        ),
        ("club.bank", {"bank": "v=DMARC1; p=quarantine; psd=y"}, "bank", "club.bank", "quarantine"),
        ("club.org", {"club__org": "v=DMARC1; p=reject; t=y"}, "club.org", "club.org", "quarantine"),
        # Several records at one place count as none there, and the walk goes on.
        (
            "a.club.org",
            {"a__club__org": "v=DMARC1; p=none|v=DMARC1; p=reject", "club__org": "v=DMARC1; p=none"},
            "club.org",
            "club.org",
            "none",
        ),
        ("a.club.org", {}, "", "a.club.org", "none"),
    ],
)
def test_the_walk_finds_record_organization_and_policy(
    domain: str,
    records: dict[str, str],
    at: str,
    organization: str,
    policy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = examined(monkeypatch, domain, zone(**records))
    assert (found.at, found.organization, found.policy(domain)) == (at, organization, policy)


def test_eight_questions_lead_from_a_deep_name_to_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of RFC 9989: after the domain itself, from seven labels down to one."""
    with DnsServer() as server:
        server.use(monkeypatch)
        dmarc.examine("a.b.c.d.e.f.g.h.i.j.mail.example.com", dns_lookup.ask)
    asked = [name.removeprefix("_dmarc.") for name, _ in server.asked]
    assert asked == [
        "a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com", "h.i.j.mail.example.com",
        "i.j.mail.example.com", "j.mail.example.com", "mail.example.com", "example.com", "com",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("signer", "domain", "strict", "agrees"),
    [
        ("club.org", "club.org", True, True),
        ("mail.club.org", "club.org", False, True),
        ("mail.club.org", "news.club.org", False, True),
        ("mail.club.org", "club.org", True, False),
        ("other.org", "club.org", False, False),
        ("one.org", "two.org", False, False),
        ("a.shop.example", "b.shop.example", False, False),
    ],
)
def test_alignment_is_by_organization_unless_it_is_strict(
    signer: str, domain: str, strict: bool, agrees: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = zone(club__org="v=DMARC1; p=none", shop__example="v=DMARC1; p=none; psd=y")
    with DnsServer(records) as server:
        server.use(monkeypatch)
        assert dmarc.is_aligned(signer, domain, dns_lookup.ask, strict=strict) is agrees


def test_tags_that_are_gone_and_a_policy_in_test_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    record = "v=DMARC1; p=reject; t=y; pct=20; rua=mailto:a@club.org"
    found = list(policy_findings("club.org", examined(monkeypatch, "club.org", zone(club__org=record))))
    assert [finding.level for finding in found] == [Level.OK, Level.INFO]
    assert "quarantine, one step weaker" in found[0].what
    assert "pct" in found[1].what
