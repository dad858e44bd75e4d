"""`mailrunner inbox`: real campaigns, what came back of them in a real mailbox, and what is done with it."""

from __future__ import annotations

import imaplib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from mailrunner.cli import commands
from mailrunner.inbound.message import LONGEST
from mailrunner.model.delivery import Counts, State
from mailrunner.model.suppression import SuppressionReason
from tests.data.bounces import Tokens, letter, sample
from tests.support.campaigns import CampaignInProcess
from tests.support.club_inbox import PEOPLE, Club, lies
from tests.support.imap_script import ScriptedImap
from tests.support.imap_server import PASSWORD, ImapServer, LimitedImapServer, Mailbox
from tests.support.in_doubt import clear, implicit, scripted
from tests.support.projects import Answer, Project
from tests.support.smtp_server import SmtpServer


@pytest.fixture(scope="module")
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


@pytest.fixture
def box(imap_server: ImapServer) -> Mailbox:
    return imap_server.mailbox(uuid4().hex)


@pytest.fixture
def club(tmp_path: Path, smtp: SmtpServer, box: Mailbox) -> Club:
    return Club(tmp_path, smtp, clear(box))


def understood(answer: Answer) -> dict[str, int]:
    assert answer.code == 0, answer.stderr
    (mailbox,) = json.loads(answer.stdout)["mailboxes"]
    found: dict[str, int] = mailbox["understood"]
    return found


# -- What each kind does


def test_a_whole_mailbox_is_read_recorded_and_filed(club: Club, box: Mailbox) -> None:
    club.came_back(box, "gmail_no_such_user", 0)
    club.came_back(box, "arf_yahoo", 1)
    club.came_back(box, "gmail_full", 2)
    club.came_back(box, "absent_german", 3)
    leaves = letter(subject=f"unsubscribe {club.tokens(4).unsubscribe}", Message_ID="<leave@x.example>")
    private = letter("Dear Ana, shall we meet?", subject="Our holidays", Message_ID="<private@x.example>")
    box.append("INBOX", leaves, private)
    answer = club.inbox("--json")
    (mailbox,) = json.loads(answer.stdout)["mailboxes"]
    assert mailbox == {
        "account": "relay",
        "accounts": ["relay"],
        "looked_at": 6,
        "understood": {
            "auto_replied": 1,
            "bounced": 1,
            "complained": 1,
            "soft_bounced": 1,
            "unsubscribed": 1,
        },
        "repeated": 0,
        "tests": 0,
        "left": 1,
        "problems": [],
    }
    assert club.suppressed() == {
        "person0@example.org": {("", SuppressionReason.BOUNCE)},
        "person1@example.org": {("", SuppressionReason.COMPLAINT)},
        "person4@example.org": {("club news", SuppressionReason.UNSUBSCRIBE)},
    }
    assert club.states() == [State.FAILED, *[State.SENT] * 5]
    assert [raw for raw in lies(box, "INBOX") if b"Our holidays" not in raw] == []
    assert box.unseen("INBOX") == 1
    assert (len(lies(box, "Mailrunner")), box.unseen("Mailrunner")) == (5, 0)


def test_the_folder_is_subscribed_and_used_again(club: Club, box: Mailbox) -> None:
    for place in range(2):
        club.came_back(box, "gmail_no_such_user", place)
        assert club.inbox().code == 0
    with box._client() as client:
        assert any(b"Mailrunner" in (line or b"") for line in client.lsub()[1])
    assert len(lies(box, "Mailrunner")) == 2


def test_whoever_leaves_by_mail_gets_nothing_more_of_a_campaign_that_goes_on(
    tmp_path: Path, smtp: SmtpServer, box: Mailbox
) -> None:
    club = Club(tmp_path, smtp, clear(box), limit=2)
    box.append("INBOX", letter(subject=f"unsubscribe {club.tokens(4).unsubscribe}"))
    assert club.inbox().code == 0
    assert club.made.run().counts == Counts(sent=PEOPLE - 1, suppressed=1)


def test_a_notice_of_the_limit_that_nothing_proves_is_named_and_pauses_nothing(
    club: Club, box: Mailbox
) -> None:
    """Any recipient could have written it: their message has the token that it returns."""
    raw = sample("gmail_limit", club.tokens(0))
    stamp = f"{datetime.now().astimezone():%a, %d %b %Y %H:%M:%S %z}"
    box.append("INBOX", raw.replace(b"Fri, 20 Nov 2026 09:00:05 +0100", stamp.encode()))
    answer = club.inbox("--json")
    assert understood(answer) == {}
    assert "nothing proves that the provider wrote it" in answer.stdout
    with club.made.ledger() as ledger:
        account = ledger.accounts.find("127.0.0.1/ana@example.org")
        assert account is None or account.paused_until is None
    assert club.suppressed() == {}


def test_an_answer_to_a_test_message_changes_nothing_and_is_said(club: Club, box: Mailbox) -> None:
    test = Tokens(club.tokens(0).signer, 12345)  # a number of no campaign
    box.append("INBOX", letter(subject=f"unsubscribe {test.unsubscribe}"))
    answer = club.inbox()
    assert "1  tests          about test messages: nothing was changed" in answer.stdout
    assert club.suppressed() == {}


def test_an_account_that_cannot_be_used_keeps_no_other_from_being_read(club: Club, box: Mailbox) -> None:
    club.came_back(box, "gmail_no_such_user", 0)
    settings = club.made.folder / "mailrunner.toml"
    broken = settings.read_text().replace("[accounts.relay]", "[accounts.other]")
    settings.write_text(settings.read_text() + broken.replace(PASSWORD, "${NOT_SET_ANYWHERE}"))
    answer = club.inbox()
    assert (answer.code, "NOT_SET_ANYWHERE" in answer.stderr) == (78, True)
    assert club.suppressed().keys() == {"person0@example.org"}


def test_the_table_says_what_was_done(club: Club, box: Mailbox) -> None:
    club.came_back(box, "gmail_no_such_user", 0)
    box.append("INBOX", letter("Hello"))
    answer = club.inbox()
    assert answer.stdout.splitlines() == [
        f"{box.user} (relay): 2 messages looked at; done:",
        "        1  bounced        hard bounces: suppressed for all lists",
        "        1  left           not about our messages: left as they were",
    ]


def test_a_dry_run_says_the_same_and_changes_nothing(club: Club, box: Mailbox) -> None:
    club.came_back(box, "gmail_no_such_user", 0)
    assert understood(club.inbox("--dry-run", "--json")) == {"bounced": 1}
    assert club.suppressed() == {}
    assert box.unseen("INBOX") == len(lies(box, "INBOX")) == 1
    assert understood(club.inbox("--json")) == {"bounced": 1}


# -- Twice, and after a crash


def test_what_was_recorded_but_not_filed_is_filed_the_next_time(club: Club, box: Mailbox) -> None:
    """A crash between the two: the same mail is met again."""
    club.came_back(box, "gmail_no_such_user", 0)
    raw = lies(box, "INBOX")
    assert understood(club.inbox("--json")) == {"bounced": 1}
    box.append("INBOX", *raw)
    answer = json.loads(club.inbox("--json").stdout)["mailboxes"][0]
    assert (answer["understood"], answer["repeated"], answer["left"]) == ({}, 1, 0)
    assert lies(box, "INBOX") == []


def test_nothing_is_filed_that_could_not_be_recorded(club: Club, box: Mailbox) -> None:
    club.came_back(box, "gmail_no_such_user", 0)
    database = club.made.folder / "data" / "mailrunner.db"
    kept = database.read_bytes()
    database.write_bytes(b"no database at all" * 100)
    assert club.inbox().code == 74
    assert box.unseen("INBOX") == 1
    database.write_bytes(kept)
    assert understood(club.inbox("--json")) == {"bounced": 1}


def test_a_dry_run_before_the_first_campaign_finds_nothing_and_makes_nothing(
    tmp_path: Path, smtp: SmtpServer, box: Mailbox
) -> None:
    account = f'user = "ana@example.org"\nimap = {{ {clear(box)}, password = "{PASSWORD}" }}'
    CampaignInProcess(tmp_path, smtp).write(csv="email,name\n", account=account)
    box.append("INBOX", sample("gmail_no_such_user", None))
    result = CliRunner().invoke(
        commands(), ["inbox", "--dry-run", "--since", "1000000d", "--project", str(tmp_path)]
    )
    assert result.exit_code == 0, result.stderr
    assert "1 message looked at; would be done" in result.stdout
    assert not (tmp_path / "data" / "mailrunner.db").exists()


def test_old_mail_is_not_looked_at(club: Club, box: Mailbox) -> None:
    with box._client() as client:
        old = imaplib.Time2Internaldate(datetime.now().astimezone() - timedelta(days=40))
        assert client.append("INBOX", "", old, sample("gmail_no_such_user", club.tokens(0)))[0] == "OK"
    assert json.loads(club.inbox("--json").stdout)["mailboxes"][0]["looked_at"] == 0
    assert understood(club.inbox("--since", "60d", "--json")) == {"bounced": 1}


def test_many_mails_are_read_in_groups(club: Club, box: Mailbox) -> None:
    others = [letter("Hello", Message_ID=f"<{n}@x.example>") for n in range(230)]
    box.append("INBOX", *others)
    club.came_back(box, "gmail_no_such_user", 0)
    answer = json.loads(club.inbox("--json").stdout)["mailboxes"][0]
    assert (answer["looked_at"], answer["understood"], answer["left"]) == (231, {"bounced": 1}, 230)
    assert box.unseen("INBOX") == 230


# -- What is never done


def test_mail_marked_as_deleted_by_the_user_is_not_deleted(club: Club, box: Mailbox) -> None:
    box.append("INBOX", letter("precious", subject="Keep me"))
    with box._client() as client:
        client.select("INBOX")
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.unselect()
    club.came_back(box, "gmail_no_such_user", 0)
    assert club.inbox().code == 0
    assert [b"Keep me" in raw for raw in lies(box, "INBOX")] == [True]


def test_a_huge_mail_costs_only_its_beginning(club: Club, box: Mailbox) -> None:
    box.append("INBOX", sample("gmail_no_such_user", club.tokens(0)) + b"x" * 70 + b"\r\ny" * LONGEST)
    assert understood(club.inbox("--json")) == {"bounced": 1}


def test_a_mail_that_cannot_be_read_is_left_alone_and_told_of(club: Club, box: Mailbox) -> None:
    bomb = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(99))
    box.append("INBOX", f"From: mailer-daemon@x.example\r\nSubject: boo\r\n{bomb}".encode())
    club.came_back(box, "gmail_no_such_user", 0)
    answer = club.inbox()
    assert answer.code == 0
    assert (
        'the mail "boo" from mailer-daemon@x.example () was left alone: it has too many parts'
        in answer.stderr
    )
    assert box.unseen("INBOX") == 1
    assert "1  bounced" in answer.stdout


def test_a_forged_bounce_waits_for_a_decision_and_changes_nothing(club: Club, box: Mailbox) -> None:
    box.append("INBOX", sample("gmail_no_such_user", None, "person2@example.org"))
    box.append("INBOX", sample("postfix_no_such_user", None, "stranger@example.org"))
    assert understood(club.inbox("--json")) == {"asked": 1}
    assert club.suppressed() == {}
    assert box.unseen("INBOX") == 2
    assert "person2@example.org" in club.inbox("--review").stdout


# -- Requests in free words


def asks(club: Club, box: Mailbox, place: int, words: str) -> None:
    raw = letter(
        words,
        subject="Re: Name, spring is here",
        sender=f"person{place}@example.org",
        Message_ID=f"<{uuid4().hex}@x.example>",
        In_Reply_To=f"<{club.tokens(place).message}@example.org>",
    )
    box.append("INBOX", raw)


def test_free_requests_wait_for_a_decision(club: Club, box: Mailbox) -> None:
    asks(club, box, 0, "Please remove me")
    asks(club, box, 1, "Bitte abmelden\r\n\r\n> Hello")
    answer = club.inbox()
    assert "2  asked" in answer.stdout and "inbox --review" in answer.stderr
    assert (club.suppressed(), box.unseen("INBOX")) == ({}, 2)
    shown = club.inbox("--review")
    first, words, second, other = shown.stdout.splitlines()
    assert "person0@example.org" in first and 'the list "Club news"' in first
    assert (words.strip(), other.strip()) == ("Please remove me", "Bitte abmelden")
    one, two = first.split()[0], second.split()[0]
    decided = club.inbox("--review", "--unsubscribe", one, "--ignore", two)
    assert decided.stdout == (
        f'{one}\tperson0@example.org\tunsubscribed from the list "Club news"\n'
        f"{two}\tperson1@example.org\tignored\n"
    )
    assert club.suppressed() == {"person0@example.org": {("club news", SuppressionReason.UNSUBSCRIBE)}}
    assert club.inbox("--review").stdout == "No request waits for a decision.\n"


def test_a_request_that_waits_is_not_counted_again(club: Club, box: Mailbox) -> None:
    asks(club, box, 0, "unsubscribe")
    assert understood(club.inbox("--json")) == {"asked": 1}
    assert understood(club.inbox("--json")) == {}
    assert len(json.loads(club.inbox("--review", "--json").stdout)["requests"]) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--review", "--ignore", "999"], 78),
        (["--review", "--ignore", "one"], 2),
        (["--review", "--ignore", "1", "--unsubscribe", "1"], 2),
        (["--ignore", "1"], 2),
        (["--watch", "--json"], 2),
        (["--since", "soon"], 2),
        (["--account", "nobody"], 78),
    ],
)
def test_slips_of_the_keys_change_nothing(club: Club, words: list[str], code: int) -> None:
    answer = club.inbox(*words)
    assert (answer.code, club.suppressed()) == (code, {}), answer.stderr


# -- Servers of all kinds


@pytest.mark.parametrize(("capabilities", "filed"), [("UIDPLUS", True), ("", False)])
def test_a_server_that_cannot_move_loses_nothing(
    tmp_path: Path, smtp: SmtpServer, capabilities: str, filed: bool
) -> None:
    with LimitedImapServer(capabilities) as server:
        box = server.mailbox("ana")
        club = Club(tmp_path, smtp, clear(box))
        box.append("INBOX", letter("precious", subject="Keep me"))
        with box._client() as client:
            client.select("INBOX")
            client.store("1", "+FLAGS", r"(\Deleted)")
            client.logout()
        club.came_back(box, "gmail_no_such_user", 0)
        answer = club.inbox()
        assert answer.code == 0, answer.stderr
        assert len(lies(box, "INBOX")) == (1 if filed else 2)
        assert any(b"Keep me" in raw for raw in lies(box, "INBOX"))
        assert ("cannot move" in answer.stderr) is not filed
        assert ("repeated" in club.inbox("--json").stdout) and club.suppressed()
        if filed:
            assert len(lies(box, "Mailrunner")) == 1


def test_spam_folders_are_looked_into_where_wished(tmp_path: Path, smtp: SmtpServer) -> None:
    with LimitedImapServer("MOVE") as server:
        box = server.mailbox("ana")
        box.create("Spam")
        club = Club(tmp_path, smtp, clear(box))
        club.came_back(box, "gmail_no_such_user", 0, folder="Spam")
        assert understood(club.inbox("--json")) == {}
        assert understood(club.inbox("--junk", "--json")) == {"bounced": 1}
        assert lies(box, "Spam") == []


def test_tls_is_verified_by_the_accounts_authority(
    tmp_path: Path, smtp: SmtpServer, box: Mailbox, imap_server: ImapServer
) -> None:
    club = Club(tmp_path, smtp, implicit(box, imap_server))
    club.came_back(box, "gmail_no_such_user", 0)
    distrustful = club.inbox()
    assert distrustful.code == 78
    assert "the certificate of 127.0.0.1" in distrustful.stderr
    settings = tmp_path / "mailrunner.toml"
    settings.write_text(settings.read_text() + f'ca_file = "{imap_server.ca_file}"\n')
    assert understood(club.inbox("--json")) == {"bounced": 1}


def test_a_wrong_password_is_77_and_is_not_shown(tmp_path: Path, smtp: SmtpServer, box: Mailbox) -> None:
    answer = Club(tmp_path, smtp, clear(box), password="mistyped").inbox()
    assert answer.code == 77
    assert f"127.0.0.1 refused the login of {box.user}" in answer.stderr
    assert "mistyped" not in answer.stderr + answer.stdout


@pytest.mark.parametrize(
    "answers",
    [
        {"LOGIN": "NO [UNAVAILABLE] come back later"},
        {"SELECT": "NO not now"},
        {"SELECT": "* 3 EXISTS\nOK [READ-WRITE] done", "SEARCH": "BAD what"},
        {"SELECT": "OK done", "SEARCH": "* SEARCH 7\nOK done", "FETCH": "NO broken"},
        {"SELECT": "OK done", "SEARCH": "* BYE going down\nOK done"},
        {"SELECT": "OK done", "SEARCH": "* SEARCH seven\nOK done"},
    ],
)
def test_a_server_that_fails_is_75_and_nothing_is_lost(
    tmp_path: Path, smtp: SmtpServer, answers: dict[str, str]
) -> None:
    with ScriptedImap(answers=answers) as imap:
        club = Club(tmp_path, smtp, scripted(imap), password="simple")
        answer = club.inbox()
        assert (answer.code, club.suppressed()) == (75, {}), answer.stderr
        assert "cannot be read now" in answer.stderr


def test_a_server_that_is_away_keeps_no_other_mailbox_from_being_read(
    tmp_path: Path, smtp: SmtpServer, box: Mailbox
) -> None:
    club = Club(tmp_path, smtp, clear(box))
    club.came_back(box, "gmail_no_such_user", 0)
    settings = tmp_path / "mailrunner.toml"
    with ScriptedImap() as imap:
        away = scripted(imap)
    other = settings.read_text().replace("[accounts.relay]", "[accounts.other]").replace(clear(box), away)
    settings.write_text(other.replace("ana@example.org", "eva@example.org") + settings.read_text())
    answer = club.inbox("--json")
    assert answer.code == 75
    first, second = json.loads(answer.stdout)["mailboxes"]
    assert (first["account"], first["looked_at"], len(first["problems"])) == ("other", 0, 1)
    assert (second["account"], second["understood"]) == ("relay", {"bounced": 1})
    assert club.inbox("--account", "relay").code == 0


def test_a_mailbox_that_two_accounts_share_is_read_once(
    tmp_path: Path, smtp: SmtpServer, box: Mailbox
) -> None:
    club = Club(tmp_path, smtp, clear(box))
    settings = tmp_path / "mailrunner.toml"
    settings.write_text(
        settings.read_text() + settings.read_text().replace("[accounts.relay]", "[accounts.other]")
    )
    (mailbox,) = json.loads(club.inbox("--json").stdout)["mailboxes"]
    assert mailbox["accounts"] == ["relay", "other"]


@pytest.mark.parametrize(("provider", "words"), [("smtp", "write imap = {"), ("outlook", "OAuth only")])
def test_without_a_mailbox_it_is_78_and_says_what_to_write(
    tmp_path: Path, smtp: SmtpServer, provider: str, words: str
) -> None:
    made = Project(tmp_path)
    made.write_account(port=smtp.port, account='user = "ana@example.org"')
    if provider == "outlook":
        made.write_account(server='provider = "outlook"\nuser = "ana@outlook.com"\npassword = "x"')
    result = made.mailrunner("inbox")
    assert result.code == 78
    assert "accounts.relay.imap: this account has no IMAP mailbox" in result.stderr
    assert words in result.stderr
