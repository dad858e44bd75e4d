"""DKIM signatures, judged by dkimpy: RSA and Ed25519, and what no forger can add to a message."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dkim
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.errors import UserError
from mailrunner.rendering.dkim import DkimKey, DkimSigner, dns_strings, load_key, make_key, relaxed_body
from mailrunner.rendering.mime import Message
from mailrunner.rendering.segments import SegmentedText
from tests.support.clocks import START

HEAD = (
    b"Date: Fri, 20 Nov 2026 08:00:00 +0000\r\nFrom: Ana <ana@club.org>\r\nTo: bob@example.org\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n from  the\tclub \r\nMessage-ID: <1@club.org>\r\n"
    b"List-Unsubscribe: <https://club.org/u/1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nX-Other: x"
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[DkimKey, DkimKey]:
    """One of each kind."""
    folder = tmp_path_factory.mktemp("keys")
    made = []
    for name, ed25519 in (("rsa", False), ("ed", True)):
        (folder / name).write_bytes(make_key(ed25519=ed25519))
        made.append(load_key("club.org", name, folder / name))
    return made[0], made[1]


def message(body: bytes, head: bytes = HEAD) -> Message:
    return Message(
        sender="a@club.org",
        recipient="bob@example.org",
        data=head + b"\r\n\r\n" + body,
        smtputf8=False,
        has_leading_dots=False,
        subject="",
        html_segments=None,
        text_segments=SegmentedText(("",), ()),
    )


def is_verified(octets: bytes, keys: tuple[DkimKey, ...]) -> bool:
    """Say whether every signature holds, by records as they would stand in DNS."""
    zone = {f"{key.selector}._domainkey.{key.domain}.".encode(): key.record().encode() for key in keys}
    judge = dkim.DKIM(octets)
    try:
        return all(judge.verify(n, dnsfunc=lambda name, timeout=5: zone[name]) for n in range(len(keys)))
    except dkim.DKIMException:
        return False


BODIES = [
    *(b"", b"\r\n", b"Hello\r\n", b"Hello", b" \t\r\n", b"a  b \t\r\n\r\n\r\n"),
    *(b"\r\n\r\nx\r\n \r\n\r\n", b"x\r\n.\r\n"),
]


@pytest.mark.parametrize("body", BODIES)
def test_both_signatures_hold_for_any_body(body: bytes, keys: tuple[DkimKey, DkimKey]) -> None:
    signed = DkimSigner(keys).sign(message(body), START)
    assert signed.data.count(b"DKIM-Signature:") == 2
    assert signed.data.endswith(message(body).data)
    assert is_verified(signed.data, keys)
    assert max(map(len, signed.data.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 80


@given(
    st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b"a", b".", b"=C3"]), max_size=30).map(
        lambda parts: b"".join([*parts, b"\r\n"])
    )
)
def test_a_body_in_relaxed_form_is_dkimpys(body: bytes) -> None:
    assert relaxed_body(body) == dkim.canonicalization.Relaxed.canonicalize_body(body)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello", b"Hallo"),
        (b"Subject:", b"subject: another\r\nSubject:"),
        (b"From: Ana", b"From: Eve"),
        (b"https://club.org/u/1", b"https://eve.org/u/1"),
        (b"MIME-Version", b"Reply-To: eve@example.org\r\nMIME-Version"),
        (b"MIME-Version", b"Cc: eve@example.org\r\nMIME-Version"),
        (b"MIME-Version", b"List-Unsubscribe: <https://eve.org>\r\nMIME-Version"),
    ],
)
def test_a_change_or_an_addition_breaks_them(old: bytes, new: bytes, keys: tuple[DkimKey, DkimKey]) -> None:
    signed = DkimSigner(keys[:1]).sign(message(b"Hello\r\n"), START).data
    assert is_verified(signed, keys[:1])
    start = signed.index(b"Date: ")
    changed = signed[:start] + signed[start:].replace(old, new, 1)
    assert changed != signed
    assert not is_verified(changed, keys[:1])


def test_what_relays_change_breaks_nothing(keys: tuple[DkimKey, DkimKey]) -> None:
    signed = DkimSigner(keys).sign(message(b"Hello  you\r\n"), START + timedelta(days=1)).data
    relayed = b"Received: by mx\r\n" + signed.replace(b"X-Other: x", b"X-Other: y").replace(
        b"Hello  you", b"Hello you "
    )
    assert is_verified(relayed, keys)


def test_a_field_that_stands_twice_is_signed_twice(keys: tuple[DkimKey, DkimKey]) -> None:
    head = HEAD + b"\r\nList-Id: <a.club.org>\r\nList-Id: <b.club.org>"
    assert is_verified(DkimSigner(keys).sign(message(b"x", head), START).data, keys)


def test_a_record_fits_into_the_strings_of_dns(keys: tuple[DkimKey, DkimKey]) -> None:
    strings = dns_strings(keys[0].record())
    assert (len(strings), "".join(strings)) == (2, keys[0].record())
    assert all(len(string) <= 255 for string in strings)


@pytest.mark.parametrize(
    "content", [b"", b"canary", b"-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_holds_no_key_is_named_and_not_shown(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"key\.pem is of no use") as caught:
        load_key("club.org", "s", file)
    assert "canary" not in str(caught.value)
