"""`demo`: the example goes out over a real connection, waits at its cap, and no recipient gets it twice."""

from __future__ import annotations

import email
import email.policy
import smtplib
import time
from collections import Counter
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailrunner.cli.demo_project import UNSUBSCRIBED, clear, mistakes
from mailrunner.cli.demo_server import CapturingServer
from mailrunner.errors import UserError
from tests.support.projects import process


def messages(mailbox: Path) -> list[EmailMessage]:
    found = [email.message_from_bytes(f.read_bytes(), policy=email.policy.default) for f in mailbox.iterdir()]
    assert all(isinstance(message, EmailMessage) for message in found)
    return found


def test_the_demonstration_ends_well_and_can_be_given_again(tmp_path: Path) -> None:
    started = time.monotonic()
    first = process("demo", folder=tmp_path)
    lasted = time.monotonic() - started
    second = process("demo", folder=tmp_path)

    for answer in (first, second):
        assert answer.code == 0, answer.stderr
        assert "22  sent" in answer.stdout
        assert "none twice, none lost" in answer.stdout
        assert answer.stderr.count("limit is reached") >= 2, "it did not wait at its cap"
        assert "duplicate of row 2" in answer.stdout
    assert lasted > 8  # two waits of four seconds each
    for name in ("report.csv", "report.html", "preview/index.html"):
        assert (tmp_path / "demo" / name).is_file()

    got = messages(tmp_path / "demo/mailbox")
    assert len(got) == 22
    addresses = Counter(str(message["To"].addresses[0].addr_spec) for message in got)
    assert set(addresses.values()) == {1}
    assert UNSUBSCRIBED not in addresses
    for message in got:
        kinds = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
        assert kinds == ["text/plain", "text/html", "image/png", "application/pdf"]
    japanese = next(message for message in got if "hanako" in str(message["To"]))
    assert japanese["Subject"] == "Spring is here, 花子: the first seeds are in"
    assert "こんにちは" in japanese.get_body(("html",)).get_content()  # type: ignore[union-attr]


def test_a_folder_that_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.txt").write_text("years of work", encoding="utf-8")

    answer = process("demo", folder=tmp_path)

    assert answer.code == 78
    assert "was not made by mailrunner demo" in answer.stderr
    assert [file.name for file in (tmp_path / "demo").iterdir()] == ["thesis.txt"]


def test_an_empty_folder_is_taken_and_a_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("", encoding="utf-8")

    clear(tmp_path / "empty")
    with pytest.raises(UserError):
        clear(tmp_path / "file")

    assert (tmp_path / "file").is_file()


def test_the_server_keeps_what_it_gets_and_counts_it(tmp_path: Path) -> None:
    with (
        CapturingServer(tmp_path / "mailbox") as server,
        smtplib.SMTP(server.host, server.port, local_hostname="localhost") as client,
    ):
        client.sendmail("a@example.org", ["b@example.org"], b"Subject: one\r\n\r\n.\r\nend\r\n")
        client.sendmail("a@example.org", ["../c@example.org"], b"Subject: two\r\n\r\n")

    assert server.addresses == {"b@example.org": 1, "../c@example.org": 1}
    kept = sorted((tmp_path / "mailbox").iterdir())
    assert [file.name for file in kept] == ["01-b@example.org.eml", "02-.._c@example.org.eml"]
    assert kept[0].read_bytes() == b"Subject: one\r\n\r\n.\r\nend\r\n"


def test_the_server_ends_while_a_client_is_connected(tmp_path: Path) -> None:
    with CapturingServer(tmp_path / "mailbox") as server:
        client = smtplib.SMTP(server.host, server.port, local_hostname="localhost")

    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        client.noop()
    client.close()


@pytest.mark.parametrize(
    ("sent", "got", "sentence"),
    [
        (["a@example.org"], {"a@example.org": 2}, "got 2 messages"),
        (["a@example.org"], {"A@example.org": 1, "a@example.org": 1}, "got 2 messages"),
        (["a@example.org"], {}, "got nothing"),
        ([], {"a@example.org": 1}, "is not reported as sent"),
    ],
)
def test_every_broken_promise_is_found(sent: list[str], got: dict[str, int], sentence: str) -> None:
    found = mistakes(sent, Counter(got))

    assert len(found) == 1
    assert sentence in found[0]


def test_a_promise_that_was_kept_is_no_mistake() -> None:
    assert mistakes(["a@example.org"], Counter({"A@example.org": 1})) == []
