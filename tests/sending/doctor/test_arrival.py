"""A message as it arrived: what survived, whose DKIM aligns, what was changed on the way."""

from __future__ import annotations

import pytest

from mailrunner.sending.doctor.arrival import arrival_findings
from mailrunner.sending.doctor.finding import Level
from mailrunner.sending.doctor.learned import facts_of
from tests.support.clocks import START

LINK = "https://club.org/u/abc"
ARRIVED = f"""\
Authentication-Results: mx.example.org; dkim=pass header.d=club.org; spf=pass smtp.mailfrom=x;\r
 dmarc=pass (p=NONE) header.from=club.org\r
DKIM-Signature: v=1; a=rsa-sha256; d=club.org; s=x; h=From:To:List-Unsubscribe:\r
 List-Unsubscribe-Post; bh=x; b=y\r
From: Ana <ana@club.org>\r
Message-ID: <tok3n@club.org>\r
X-Mailrunner-Delivery: tok3n\r
List-Unsubscribe: <{LINK}>, <mailto:a@club.org>\r
List-Unsubscribe-Post: List-Unsubscribe=One-Click\r
Content-Type: text/html\r
\r
<a href="{LINK}">leave</a>\r
""".encode()


def graves(octets: bytes, folder: str = "") -> str:
    found = arrival_findings(octets, folder=folder)
    return " ".join(f.what for f in found if f.level not in (Level.OK, Level.INFO))


def test_nothing_is_found_where_all_arrived() -> None:
    assert graves(ARRIVED) == ""
    assert {f.level for f in arrival_findings(ARRIVED)} == {Level.OK}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"X-Mailrunner-Delivery: tok3n\r\n", b"", "removed X-Mailrunner-Delivery"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b"", "without one-click"),
        (b'<a href="https://club.org', b'<a href="https://track.example', "rewrites links"),
        (b"dmarc=pass", b"dmarc=fail", "DMARC fail"),
        (b"spf=pass", b"spf=softfail", "SPF softfail"),
        (b"Authentication-Results", b"X-Old", "nothing of DMARC"),
        (b" d=club.org; s=x", b" d=sender.example; s=x", "no DKIM signature is of club.org"),
        (b" d=club.org; s=x", b" d=org; s=x", "no DKIM signature is of club.org"),
        (b"List-Unsubscribe:\r\n List-Unsubscribe-Post;", b"Subject;", "does not cover list-unsubscribe"),
    ],
)
def test_each_change_on_the_way_is_found(old: bytes, new: bytes, words: str) -> None:
    assert old in ARRIVED
    assert words in graves(ARRIVED.replace(old, new, 1))


def test_what_is_to_be_kept_of_an_arrival_is_told_apart() -> None:
    kept = {fact.name: fact.holds for fact in facts_of(arrival_findings(ARRIVED, folder=""), START)}
    assert kept == {
        "folder": True, "delivery-field": True, "message-id": True, "one-click": True, "links": True,
        "spf-result": True, "dkim-result": True, "dmarc-result": True, "dkim-signature": True,
    }  # fmt: skip
    spoilt = ARRIVED.replace(b"https://club.org", b"https://track.example", 1).replace(b"<tok3n@", b"<x@")
    worse = {fact.name: fact.holds for fact in facts_of(arrival_findings(spoilt, folder="\\Junk"), START)}
    assert not worse["links"] and not worse["folder"]
    assert worse["message-id"]  # that is so at many providers, and no fault
    assert "folder" not in {fact.name for fact in facts_of(arrival_findings(ARRIVED), START)}  # a file


def test_a_replaced_message_id_and_the_spam_folder_are_told() -> None:
    replaced = arrival_findings(ARRIVED.replace(b"<tok3n@", b"<other@"))
    assert any("replaced our Message-ID" in f.what for f in replaced)
    assert "spam folder" in graves(ARRIVED, folder="\\Junk")


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x00\xff" * 100, b"Hello", b"Message-ID: <\r\n",
     b"From: =?x?q?\r\nMessage-ID: x\r\nDKIM-Signature: ;;=\r\n\r\n",
     b"Message-ID: x\r\nContent-Type: text/html; charset=\xff\r\nFrom: a@b@c\r\n\r\n\xff"],
)  # fmt: skip
def test_what_is_no_message_of_ours_is_no_exception(octets: bytes) -> None:
    assert arrival_findings(octets)
