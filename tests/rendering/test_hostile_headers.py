"""Cells and server answers that mean harm: no header, no command and no doubt of their own making."""

from __future__ import annotations

import email
import email.policy
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailrunner.errors import RowError
from mailrunner.model.delivery import Counts
from mailrunner.model.outcome import OutcomeKind
from mailrunner.model.wait_reason import WaitReason
from tests.recipients.test_hostile_lists import as_csv
from tests.support import rendering
from tests.support.campaigns import CampaignInProcess
from tests.support.rendering import Spec, fields_for, project_in, renderer
from tests.support.smtp_client import Clients
from tests.support.smtp_client import Letter as Envelope
from tests.support.smtp_script import Answer, Do
from tests.support.smtp_server import Rule, SmtpServer


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one example of a property."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


NASTY = st.text(
    st.sampled_from('\r\n\0\t \x0b\x0c\x1c\x85\u2028:;,<>"\\=?@aB1é漢\u202e\ud800'), min_size=0, max_size=40
)
OWN_FIELDS = {
    *("Date", "From", "List-Id", "Precedence", "To", "Subject", "Message-ID", "X-Mailrunner-Delivery"),
    *("List-Unsubscribe", "List-Unsubscribe-Post", "X-Note", "MIME-Version", "Content-Type"),
    "Content-Transfer-Encoding",
}


def read_by_hand(data: bytes) -> list[str]:
    """The names of the header fields, by a parser of a few lines (RFC 5322 §2.2)."""
    head = data.partition(b"\r\n\r\n")[0]
    assert b"\n" not in head.replace(b"\r\n", b"") and b"\r" not in head.replace(b"\r\n", b"")
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    return [line.partition(b":")[0].decode("ascii") for line in lines]


@given(NASTY, NASTY, NASTY)
@settings(max_examples=150, deadline=None)
def test_no_cell_makes_a_header_for_either_of_two_parsers(subject: str, note: str, name: str) -> None:
    with scratch() as folder:
        spec = Spec(subject="a {{ s }}", headers={"X-Note": "b {{ n }}"})
        plain = renderer(project_in(folder / "p"), spec)
        hostile = replace(fields_for(s=subject, n=f"{note}\r\nBcc: c@example.org", first_name="x"), name=name)
        with pytest.raises(RowError):
            plain.render(hostile, rendering.NOW)
        try:
            message = plain.render(
                replace(fields_for(s=subject, n=note, first_name="x"), name=name), rendering.NOW
            )
        except RowError:
            return
    names = read_by_hand(message.data)
    assert set(names) <= OWN_FIELDS and len(names) == len(set(names))
    for policy in (email.policy.default, email.policy.compat32):
        assert email.message_from_bytes(message.data, policy=policy).keys() == names


def test_hostile_rows_on_the_wire_are_one_message_each_or_fail_alone(tmp_path: Path) -> None:
    rows = [
        ("person0@example.org", "Plain"),
        ("person1@example.org", "Eve\r\nBcc: eve@example.net"),
        ("person2@example.org", "Eve\nSubject: other"),
        ("person3@example.org>\r\nRCPT TO:<eve@example.net", "Smuggler"),
        ("person4@example.org", ".\n.\r\n"),
        ("person5@example.org", "=?utf-8?q?=0D=0ABcc:_eve@example.net?="),
        ("eve@example.net, person6@example.org", "Two"),
        ("person7@example.org", '"><script>alert(1)</script>'),
        ("person8@example.org", "\u2028Bcc: eve@example.net\u0085Bcc: eve@example.net"),
        ("person9@example.org", "{{ ''.__class__ }}{% include '/etc/passwd' %}"),
        ("<person10@example.org>", "Angle"),
    ]
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(
            csv=as_csv([["email", "name"], *map(list, rows)]).decode(),
            recipients='name = "name"',
            message='headers = { "X-Name" = "{{ name }}" }',
        )
        result = mailing.run()
        assert result.wait.reason is WaitReason.DONE
        assert {m.recipients for m in server.accepted} == {
            (f"person{n}@example.org",) for n in (0, 5, 7, 8, 9, 10)
        }
        assert result.counts == Counts(sent=6, failed=3, skipped=2)
        for message in server.accepted:
            parsed = email.message_from_bytes(message.data, policy=email.policy.default)
            assert read_by_hand(message.data) == parsed.keys()
            assert not {"Bcc", "Cc"} & set(parsed.keys()) and parsed.keys().count("Subject") == 1
            html = parsed.get_body(("html",))
            assert html is not None and "<script>" not in html.get_content()
        assert not any("eve" in command for command in server.commands)


def octets_then_end(octets: bytes, *, takes: bool) -> Do:
    """Answer with these bytes and hang up; before, take the message or not."""

    def do(dialogue: object) -> Answer:
        return Answer(octets, effective=takes, closes=True)

    return do


OCTETS = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from(
            [b"250", b"354", b"550", b"421", b"235", b"-", b" ", b"\r\n", b"\n", b"\0", b"\xff", b"5.1.1"]
        ),
        max_size=12,
    ).map(b"".join),
)


@given(st.sampled_from(["connect", "ehlo", "auth", "mail", "rcpt", "data", "eod"]), OCTETS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_answer_is_an_outcome_and_sent_only_ever_means_taken(
    stage: str, octets: bytes, takes: bool
) -> None:
    rules = [Rule(stage, octets_then_end(octets, takes=takes))]
    with SmtpServer(rules=rules, auth=("ana", "canary-password")) as server, Clients() as client:
        outcome = client(server).send(Envelope())
        assert outcome.reason and "canary" not in outcome.reason
        if outcome.kind is OutcomeKind.SENT:
            assert stage == "eod" and octets[:1] == b"2"
        elif outcome.kind is not OutcomeKind.IN_DOUBT and stage == "eod" and server.accepted:
            assert octets[:1] in (b"4", b"5")  # it took the message and says that it did not
        if stage != "eod":
            assert not server.accepted and outcome.kind is not OutcomeKind.IN_DOUBT
