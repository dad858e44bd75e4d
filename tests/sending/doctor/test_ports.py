"""Blocked here, or refused there: what the states of ports, the proxy and another server tell together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mailrunner.sending.doctor.facts import Facts, Unanswered
from mailrunner.sending.doctor.finding import Finding
from mailrunner.sending.doctor.ports import name_check, port_check
from tests.support.clocks import START
from tests.support.project_toml import account_of

ALL_SILENT = {25: "silent", 465: "silent", 587: "silent", 2525: "unreachable", 443: "open"}


def facts(folder: Path, ports: dict[int, str], *, provider: str = "sendgrid", **more: object) -> Facts:
    lines = [f'provider = "{provider}"', 'user = "ana@yahoo.com"' if provider == "yahoo" else ""]
    account = account_of(folder, *lines, 'password = "x"')
    return Facts(
        account=account,
        now=START,
        addresses=("192.0.2.1",),
        ports=ports,
        server=Unanswered(),
        quota=None,
        login=None,
        domains={},
        reverse={},
        click=None,
        ahead={},
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("ports", "proxied", "elsewhere", "words", "remedy"),
    [
        ({587: "refused"}, {}, "open", "does not listen there", "ask the provider"),
        ({587: "refused"}, {}, "refused", "this network lets it not out", 'via = "api"'),
        ({587: "refused"}, {587: "open"}, "", "is blocked here", 'via = "api"'),
        ({587: "refused"}, {587: "failed"}, "", "does not listen there", "ask the provider"),
        ({587: "silent", 443: "open"}, {}, "open", "the server drops it", 'via = "api"'),
        ({587: "silent", 465: "open"}, {}, "silent", "is blocked here", "port = 465"),
        ({587: "silent", 2525: "open"}, {}, "", "or the server drops it", "port = 2525"),
        (ALL_SILENT, {}, "", "is blocked here", 'via = "api"'),
        (ALL_SILENT, {587: "forbidden", 443: "open"}, "unreachable", "is blocked here", 'via = "api"'),
        (ALL_SILENT, {587: "open"}, "open", "it is reached by the proxy", 'via = "api"'),
    ],
)
def test_which_side_keeps_a_port_closed(
    ports: dict[int, str], proxied: dict[int, str], elsewhere: str, words: str, remedy: str, tmp_path: Path
) -> None:
    [found] = port_check(facts(tmp_path, ports, proxied=proxied, elsewhere=elsewhere))
    assert words in found.what
    assert remedy in found.remedy
    assert ("by the proxy" in found.evidence) is bool(proxied)


def test_a_provider_without_an_api_gets_no_advice_to_use_it(tmp_path: Path) -> None:
    [found] = port_check(facts(tmp_path, ALL_SILENT, provider="yahoo"))
    assert "api" not in found.remedy


def test_an_open_port_is_all_right_whatever_the_proxy_says(tmp_path: Path) -> None:
    [found] = port_check(facts(tmp_path, {587: "open"}, proxied={587: "forbidden"}, elsewhere="silent"))
    assert found.what == "port 587 is open"


def test_a_name_that_the_proxy_alone_knows_is_told_apart(tmp_path: Path) -> None:
    def named(proxied: dict[int, str]) -> Finding:
        known = facts(tmp_path, ALL_SILENT, proxied=proxied)
        [found] = name_check(replace(known, addresses=Unanswered("no name server")))
        return found

    assert "known to the proxy alone" in named({443: "open"}).what
    assert "could not be looked up" in named({443: "failed"}).what
