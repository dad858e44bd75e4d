"""Whose word about the client's address is believed."""

from __future__ import annotations

import pytest

from mailrunner.store import Ledger
from mailrunner.web.forwarded import TrustedProxies
from tests.support.web_clicks import Served

PROXY, CDN, CLIENT, LIE = "10.0.0.1", "198.51.100.7", "192.0.2.1", "203.0.113.66"


@pytest.mark.parametrize(
    ("trusted", "peer", "hops", "client"),
    [
        ("", PROXY, [LIE], PROXY),
        (PROXY, PROXY, [CLIENT], CLIENT),
        (PROXY, PROXY, [f"{LIE}, {CLIENT}"], CLIENT),
        (PROXY, PROXY, [LIE, CLIENT], CLIENT),
        ("*", PROXY, [f"{LIE}, {CLIENT}"], CLIENT),
        ("*", "", [f"{LIE},{CLIENT}"], CLIENT),
        (f"{PROXY}, 198.51.100.0/24", PROXY, [f"{LIE}, {CLIENT}, {CDN}"], CLIENT),
        ("10.0.0.0/8", "10.9.9.9", [f"{LIE}, 10.1.1.1"], LIE),
        (PROXY, "192.0.2.99", [LIE], "192.0.2.99"),
        (PROXY, PROXY, [], PROXY),
        (PROXY, PROXY, [f"{LIE}, unknown"], PROXY),
        (PROXY, PROXY, [f"{LIE}, {'9' * 5000}"], PROXY),
        (PROXY, PROXY, [PROXY], PROXY),
        (PROXY, PROXY, [f"{CLIENT}:4711"], CLIENT),
        (PROXY, PROXY, ["[2001:db8::1]:4711"], "2001:db8::1"),
        (PROXY, "::ffff:10.0.0.1", [CLIENT], CLIENT),
    ],
)
def test_the_client_is_the_last_hop_that_is_no_proxy_of_ours(
    trusted: str, peer: str, hops: list[str], client: str
) -> None:
    assert TrustedProxies(trusted).client(peer, hops) == client


@pytest.mark.parametrize("trusted", ["127.0.0.1", "*"])
def test_a_name_made_up_by_the_client_does_not_give_it_a_new_allowance(ledger: Ledger, trusted: str) -> None:
    with Served(ledger, trusted=trusted) as site:
        answers = [
            site.get("/x", X_Forwarded_For=f"203.0.113.{number}, {CLIENT}").status for number in range(40)
        ]
        assert answers[-1] == 429
        assert site.get("/x", X_Forwarded_For=f"{LIE}, 192.0.2.2").status == 404
