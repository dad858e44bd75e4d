"""Searching the Sent folder by IMAP: what each server is sent, and servers that cannot be searched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from mailrunner.model.delivery import Counts
from tests.support.imap_script import ScriptedImap
from tests.support.imap_server import ImapServer, Mailbox
from tests.support.in_doubt import (
    DOUBTFUL,
    ask,
    bytes_of,
    clear,
    counts,
    implicit,
    mailing,
    resolve,
    scripted,
)
from tests.support.smtp_server import Rule, SmtpServer, accept_then_cut


@pytest.fixture
def lossy() -> Iterator[SmtpServer]:
    """Accepts the third message, and cuts the connection before it says so."""
    with SmtpServer(rules=[Rule("eod", accept_then_cut(), nth=3)]) as running:
        yield running


# -- Searches


def test_tls_is_verified_by_the_accounts_authority(
    tmp_path: Path, lossy: SmtpServer, box: Mailbox, imap_server: ImapServer
) -> None:
    made = mailing(tmp_path, lossy, implicit(box, imap_server))
    made.run()
    box.append("Gesendet", *bytes_of(lossy.accepted))
    distrustful = ask(made)
    assert distrustful.code == 78
    assert "the certificate of 127.0.0.1" in distrustful.stderr
    settings = tmp_path / "mailrunner.toml"
    settings.write_text(settings.read_text() + f'ca_file = "{imap_server.ca_file}"\n')
    assert (ask(made).code, counts(made)) == (0, Counts(sent=5))


def test_gmail_is_asked_by_its_own_search_and_found_under_any_name(tmp_path: Path, lossy: SmtpServer) -> None:
    sent = '* LIST (\\HasNoChildren \\Sent) "/" "[Gmail]/Trimise &- p&AOM-strate"\nOK done'
    with ScriptedImap(
        capabilities="X-GM-EXT-1 SPECIAL-USE LIST-EXTENDED",
        answers={"LIST": sent, "SEARCH": "* SEARCH 7\nOK done"},
    ) as imap:
        made = mailing(tmp_path, lossy, scripted(imap), password="simple")
        made.run()
        identity = resolve(made).stdout.split("\t")[2].strip("<>")
        assert ask(made).stdout == f'{DOUBTFUL}\tsent\tfound in "[Gmail]/Trimise & pãstrate"\n'
        assert imap.commands[-3:-1] == [
            'EXAMINE "[Gmail]/Trimise &- p&AOM-strate"',
            f'SEARCH X-GM-RAW "rfc822msgid:{identity}"',
        ]
        assert 'LIST "" "*" RETURN (SPECIAL-USE)' in imap.commands
        assert 'LOGIN "ana" "simple"' in imap.commands


@pytest.mark.parametrize(
    "name",
    ['"Gesendete \\"Post\\""', '{16}\nGesendete "Post"'],
    ids=["quoted", "literal"],
)
def test_a_folder_with_an_odd_name_is_opened(tmp_path: Path, lossy: SmtpServer, name: str) -> None:
    sent = f"* LIST (\\Noselect \\Sent) NIL Parent\n* LIST (\\Sent) NIL {name}\nOK done"
    with ScriptedImap(answers={"LIST": sent, "SEARCH": "* SEARCH 1 2\nOK done"}) as imap:
        made = mailing(tmp_path, lossy, scripted(imap), password="simple")
        made.run()
        assert ask(made).stdout == f'{DOUBTFUL}\tsent\tfound in "Gesendete "Post""\n'
        assert [command for command in imap.commands if command.startswith("EXAMINE")] == [
            'EXAMINE "Gesendete \\"Post\\""'
        ]


# -- Servers that cannot be searched


def test_a_wrong_password_is_77_and_is_not_shown(tmp_path: Path, lossy: SmtpServer, box: Mailbox) -> None:
    made = mailing(tmp_path, lossy, clear(box), password="mistyped")
    made.run()
    answer = ask(made)
    assert (answer.code, counts(made).in_doubt) == (77, 1)
    assert f"127.0.0.1 refused the login of {box.user}" in answer.stderr
    assert "mistyped" not in answer.stderr + answer.stdout


def test_an_unreachable_server_is_75_and_changes_nothing(tmp_path: Path, lossy: SmtpServer) -> None:
    with ScriptedImap() as imap:
        closed = scripted(imap)
    made = mailing(tmp_path, lossy, closed)
    made.run()
    answer = ask(made)
    assert (answer.code, counts(made).in_doubt) == (75, 1)
    assert "refused the connection" in answer.stderr


SENT_ONLY = '* LIST (\\Sent) "/" Sent\nOK done'


@pytest.mark.parametrize(
    "answers",
    [
        {"LOGIN": "NO [UNAVAILABLE] come back later"},
        {"LOGIN": "NO [ALERT] Too many simultaneous connections. (Failure)"},
        {"LIST": "NO not now"},
        {"LIST": SENT_ONLY, "EXAMINE": "NO locked"},
        {"LIST": SENT_ONLY, "SEARCH": "NO overloaded"},
        {"LIST": SENT_ONLY, "SEARCH": "BAD what"},
        {"LIST": SENT_ONLY, "SEARCH": "* BYE going down\nOK done"},
    ],
)
def test_no_refusal_is_taken_for_an_empty_folder(
    tmp_path: Path, lossy: SmtpServer, answers: dict[str, str]
) -> None:
    with ScriptedImap(answers=answers) as imap:
        made = mailing(tmp_path, lossy, scripted(imap), password="simple")
        made.run()
        answer = ask(made)
        assert (answer.code, answer.stdout, counts(made).in_doubt) == (75, "", 1), answer.stderr
        assert "the Sent folder cannot be asked now" in answer.stderr


def test_a_mailbox_without_a_sent_folder_is_78(
    tmp_path: Path, lossy: SmtpServer, imap_server: ImapServer
) -> None:
    box = imap_server.mailbox(uuid4().hex)
    box.create("Sent", "Papierkorb")
    made = mailing(tmp_path, lossy, clear(box))
    made.run()
    answer = ask(made)
    assert answer.code == 78
    assert "no folder that is marked as \\Sent" in answer.stderr


def test_an_account_without_imap_is_78_and_says_what_to_write(tmp_path: Path, lossy: SmtpServer) -> None:
    made = mailing(tmp_path, lossy, "")
    made.run()
    answer = ask(made)
    assert answer.code == 78
    assert "mailrunner.toml: accounts.relay.imap" in answer.stderr
    assert "write imap = {" in answer.stderr
