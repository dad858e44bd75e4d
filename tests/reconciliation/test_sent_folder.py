"""Asking for the Sent folder by IMAP: how it is said to each server, and servers that cannot be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from mailrunner.model.delivery import Counts
from tests.support.imap_script import ScriptedImap
from tests.support.imap_server import ImapServer, Mailbox
from tests.support.in_doubt import DOUBTFUL, ask, bytes_of, clear, counts, mailing, resolve, scripted
from tests.support.smtp_server import Rule, SmtpServer, accept_then_cut


@pytest.fixture
def lossy() -> Iterator[SmtpServer]:
    """Takes the third message, and cuts the line before it says so."""
    with SmtpServer(rules=[Rule("eod", accept_then_cut(), nth=3)]) as running:
        yield running


# -- Ways of asking


def implicit(box: Mailbox, server: ImapServer) -> str:
    return f'host = "127.0.0.1", port = {server.tls_port}, tls = "implicit", user = "{box.user}"'


def starttls(box: Mailbox, server: ImapServer) -> str:
    return f'host = "127.0.0.1", port = {server.port}, tls = "starttls", user = "{box.user}"'


@pytest.mark.parametrize("imap", [implicit, starttls])
def test_tls_is_verified_by_the_accounts_authority(
    tmp_path: Path,
    lossy: SmtpServer,
    box: Mailbox,
    imap_server: ImapServer,
    imap: Callable[[Mailbox, ImapServer], str],
) -> None:
    made = mailing(tmp_path, lossy, imap(box, imap_server))
    made.run()
    box.append("Gesendet", *bytes_of(lossy.accepted))
    distrustful = ask(made)
    assert distrustful.code == 78
    assert "the certificate of 127.0.0.1" in distrustful.stderr
    settings = tmp_path / "mailrunner.toml"
    settings.write_text(settings.read_text() + f'ca_file = "{imap_server.ca_file}"\n')
    assert (ask(made).code, counts(made)) == (0, Counts(sent=5))


def test_a_password_is_not_sent_in_the_clear_where_starttls_is_missing(
    tmp_path: Path, lossy: SmtpServer
) -> None:
    with ScriptedImap(capabilities="AUTH=PLAIN") as imap:
        made = mailing(tmp_path, lossy, scripted(imap).replace('"none"', '"starttls"'))
        made.run()
        answer = ask(made)
        assert (answer.code, set(imap.commands) - {"CAPABILITY", "LOGOUT"}) == (78, set())
        assert "offers no STARTTLS" in answer.stderr


def test_gmail_is_asked_in_its_own_words_and_found_under_any_name(tmp_path: Path, lossy: SmtpServer) -> None:
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
        assert [said for said in imap.commands if said.startswith("EXAMINE")] == [
            'EXAMINE "Gesendete \\"Post\\""'
        ]


# -- Servers that cannot be asked


def test_a_wrong_password_is_77_and_is_not_shown(tmp_path: Path, lossy: SmtpServer, box: Mailbox) -> None:
    made = mailing(tmp_path, lossy, clear(box), password="mistyped")
    made.run()
    answer = ask(made)
    assert (answer.code, counts(made).in_doubt) == (77, 1)
    assert f"127.0.0.1 refused the login of {box.user}" in answer.stderr
    assert "mistyped" not in answer.stderr + answer.stdout


def test_a_server_that_repeats_the_password_does_not_make_us_show_it(
    tmp_path: Path, lossy: SmtpServer
) -> None:
    with ScriptedImap(answers={"LOGIN": "NO I do not like hunter2"}) as imap:
        made = mailing(tmp_path, lossy, scripted(imap), password="hunter2")
        made.run()
        answer = ask(made)
        assert (answer.code, "hunter2" in answer.stderr) == (77, False)
        assert "I do not like …" in answer.stderr


def test_a_password_that_a_server_cannot_take_is_77(tmp_path: Path, lossy: SmtpServer) -> None:
    with ScriptedImap() as imap:
        made = mailing(tmp_path, lossy, scripted(imap))
        made.run()
        answer = ask(made)
        assert (answer.code, "only plain ASCII" in answer.stderr) == (77, True)


def test_a_server_that_is_away_is_75_and_changes_nothing(tmp_path: Path, lossy: SmtpServer) -> None:
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
        {"LOGIN": ""},
        {"LIST": "NO not now"},
        {"LIST": SENT_ONLY, "EXAMINE": "NO locked"},
        {"LIST": SENT_ONLY, "SEARCH": "NO overloaded"},
        {"LIST": SENT_ONLY, "SEARCH": "BAD what"},
        {"LIST": SENT_ONLY, "SEARCH": "* BYE going down\nOK done"},
        {"LIST": SENT_ONLY, "SEARCH": ""},
    ],
)
def test_no_refusal_and_no_silence_is_taken_for_an_empty_folder(
    tmp_path: Path, lossy: SmtpServer, answers: dict[str, str]
) -> None:
    with ScriptedImap(answers=answers) as imap:
        made = mailing(tmp_path, lossy, scripted(imap), password="simple")
        made.run()
        settings = tmp_path / "mailrunner.toml"
        settings.write_text(settings.read_text().replace("timeout = 5", "timeout = 1"))
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
