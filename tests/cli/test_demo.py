"""`demo`: the example goes out over a real connection, waits at its cap, and no recipient gets it twice."""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from mailrunner.cli.demo_project import UNSUBSCRIBED, clear, mistakes
from mailrunner.errors import UserError
from tests.support.projects import at_a_terminal, on_unix, process


def messages(mailbox: Path) -> list[EmailMessage]:
    found = [email.message_from_bytes(f.read_bytes(), policy=email.policy.default) for f in mailbox.iterdir()]
    assert all(isinstance(message, EmailMessage) for message in found)
    return found


@on_unix
def test_the_demonstration_shows_every_outcome_ends_in_the_catcher_and_can_be_given_again(
    tmp_path: Path,
) -> None:
    """The catcher serves the very messages that were sent, the refused ones too, until Ctrl-C."""
    (tmp_path / "demo" / ".mailrunner").mkdir(parents=True)
    (tmp_path / "demo" / ".mailrunner" / "demo").touch()
    (tmp_path / "demo" / "report.csv").write_text("of an earlier one", encoding="utf-8")

    with at_a_terminal("demo", folder=tmp_path) as terminal:
        url = terminal.wait_for(r"Look at (http://127\.0\.0\.1:\d+)/ \(Ctrl-C ends it\)")
        listed = httpx.get(f"{url}/messages.json").json()["messages"]
        assert terminal.interrupt() == 0
    assert sum(one["answer"] == "" for one in listed) == 23
    assert {one["recipient"] for one in listed if one["answer"]} == {
        "gone@garden.example",
        "full@garden.example",
        "quota@garden.example",
    }

    said = " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.shown.decode()).split())
    for outcome in (
        "limit is reached",  # it waited
        "22 sent",
        "1 failed the server says this address does not exist: 550 5.1.1",
        "1 in doubt 127.0.0.1 did not say whether it took the message",
        "1 queued the recipient's mailbox is full: 452 4.2.2",
        "1 queued the daily sending limit is reached",
        "1 suppressed",
        "duplicate of row 2",
        "mailrunner resolve newsletter --project demo",
        "none twice, none lost",
    ):
        assert outcome in said, said
    for name in ("report.csv", "report.html", "preview/index.html"):
        assert (tmp_path / "demo" / name).is_file()

    got = messages(tmp_path / "demo/mailbox")
    assert len(got) == 23  # the one in doubt has arrived
    addresses = Counter(str(message["To"].addresses[0].addr_spec) for message in got)
    assert set(addresses.values()) == {1}
    assert {"slow@linden.example", "cut@garden.example"} < set(addresses)
    assert not {UNSUBSCRIBED, "gone@garden.example", "full@garden.example"} & set(addresses)
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


@pytest.mark.parametrize(
    ("sent", "in_doubt", "got", "sentence"),
    [
        (["a@example.org"], [], {"a@example.org": 2}, "got 2 messages"),
        (["a@example.org"], [], {"A@example.org": 1, "a@example.org": 1}, "got 2 messages"),
        (["a@example.org"], [], {}, "got nothing"),
        ([], [], {"a@example.org": 1}, "is not reported as sent"),
        ([], ["a@example.org"], {"a@example.org": 2}, "got 2 messages"),
    ],
)
def test_every_broken_promise_is_found(
    sent: list[str], in_doubt: list[str], got: dict[str, int], sentence: str
) -> None:
    found = mistakes(sent, in_doubt, Counter(got))

    assert len(found) == 1
    assert sentence in found[0]


def test_a_promise_that_was_kept_is_no_mistake() -> None:
    assert mistakes(["a@example.org"], ["b@example.org"], Counter({"A@example.org": 1})) == []
    assert mistakes([], ["b@example.org"], Counter({"b@example.org": 1})) == []
