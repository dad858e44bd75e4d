"""SPF as receivers read it: look-ups and void look-ups counted, from a name server of our own."""

from __future__ import annotations

import pytest

from mailrunner.sending.doctor import dmarc, dns_lookup, spf
from tests.support.dns_server import DnsServer


def txt(text: str) -> list[str]:
    return [f'"{text}"']


def examined(monkeypatch: pytest.MonkeyPatch, zone: dict[tuple[str, str], list[str]]) -> spf.SpfFound:
    with DnsServer(zone) as server:
        server.use(monkeypatch)
        return spf.examine("club.org", dns_lookup.ask)


def test_a_sound_record_is_followed_into_its_includes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(
        monkeypatch,
        {
            ("club.org", "TXT"): ['"unrelated"', '"v=spf1 include:_spf.google.com " "mx ~all"'],
            ("club.org", "MX"): ["10 mx.club.org."],
            ("_spf.google.com", "TXT"): txt("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"),
        },
    )
    assert (found.records, found.lookups, found.void, found.problems) == (1, 2, [], [])
    assert (found.includes, found.ends_with) == ({"_spf.google.com"}, "~")


def test_eleven_lookups_are_too_many_and_a_loop_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(monkeypatch, {("club.org", "TXT"): txt("v=spf1 include:club.org -all")})
    assert found.lookups > spf.MOST_LOOKUPS
    zone = {(f"i{n}.org", "TXT"): txt("v=spf1 -all") for n in range(11)}
    every = " ".join(f"include:i{n}.org" for n in range(11))
    assert examined(monkeypatch, {**zone, ("club.org", "TXT"): txt(f"v=spf1 {every} -all")}).lookups == 11


def test_names_that_do_not_exist_are_void(monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(
        monkeypatch,
        {("club.org", "TXT"): txt("v=spf1 a:gone.org mx:gone.net include:gone.com exists:%{i}.x -all")},
    )
    assert found.void == ["gone.org", "gone.net", "gone.com"]
    assert found.lookups == 4


@pytest.mark.parametrize(
    ("records", "number"),
    [([], 0), (txt("v=spf10 -all"), 0), (txt("v=spf1 -all") + txt("v=spf1 ~all"), 2), (txt("V=SPF1"), 1)],
)
def test_only_records_of_spf_are_counted(
    records: list[str], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        examined(monkeypatch, {("club.org", "TXT"): records, ("x.club.org", "A"): ["192.0.2.1"]}).records
        == number
    )


def test_what_is_no_part_of_spf_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = examined(monkeypatch, {("club.org", "TXT"): txt("v=spf1 ip4 192.0.2.1 foo=bar +all")})
    assert (len(found.problems), found.ends_with) == (1, "+")


@pytest.mark.parametrize("fault", ["dead", "failing"])
def test_a_name_server_that_does_not_answer_makes_nothing_known(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns_lookup, "_PER_QUESTION", 0.2)
    with DnsServer(dead=fault == "dead", failing=fault == "failing") as server:
        server.use(monkeypatch)
        assert spf.examine("club.org", dns_lookup.ask).is_unanswered
        assert dmarc.examine("club.org", dns_lookup.ask).is_unanswered


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64 + ".org", "ä.example", "a b.org", "\x00.org"])
def test_what_is_no_name_is_no_exception(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with DnsServer() as server:
        server.use(monkeypatch)
        assert dns_lookup.ask(name, "TXT").values == ()


def test_dmarc_is_found_above_the_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    record = "v=DMARC1; p=reject; sp=quarantine; rua=mailto:a@club.org"
    with DnsServer({("_dmarc.club.org", "TXT"): txt(record.replace(";", "\\;"))}) as server:
        server.use(monkeypatch)
        below = dmarc.examine("news.mail.club.org", dns_lookup.ask)
        assert (below.at, below.policy("news.mail.club.org"), below.policy("club.org")) == (
            "club.org",
            "quarantine",
            "reject",
        )
        assert dmarc.examine("other.org", dns_lookup.ask).at == ""
        deep = ".".join("abcdefghijkl") + ".club.org"
        server.asked.clear()
        assert dmarc.examine(deep, dns_lookup.ask).at == "club.org"
        assert len(server.asked) <= 8
