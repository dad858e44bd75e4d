"""The IMAP mailbox: what it asks a server for, and answers that hold more or less than that."""

from __future__ import annotations

from datetime import date

import pytest

from mailrunner.inbound.imap import INBOX, ImapFolder, ImapMailbox, ImapUnavailableError
from tests.support.imap_script import ScriptedImap
from tests.support.imap_server import ImapServer, LimitedImapServer

TIMEOUT = 60.0  # seconds; no test waits for them


def header(uid: int, text: str) -> str:
    return f"* {uid} FETCH (UID {uid} BODY[HEADER]<0> {{{len(text)}}}\n{text})"


@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        pytest.param(f"{header(7, 'abc')}\nOK done", {7: b"abc"}, id="as asked for"),
        pytest.param("OK done", {}, id="removed meanwhile"),
        pytest.param(
            f"* 3 FETCH (FLAGS (\\Seen))\n{header(7, 'abc')}\nOK done", {7: b"abc"}, id="flags changed"
        ),
        pytest.param(f"{header(7, 'abc')}\n{header(9, 'xyz')}\nOK done", {7: b"abc"}, id="not asked for"),
        pytest.param("* 7 FETCH (BODY[HEADER]<0> {3}\nabc UID 7)\nOK done", {7: b"abc"}, id="number last"),
    ],
)
def test_only_what_was_asked_for_is_fetched(answer: str, headers: dict[int, bytes]) -> None:
    with (
        ScriptedImap(answers={"FETCH": answer}) as server,
        ImapMailbox.open(server.settings(), ca_file=None, timeout=TIMEOUT) as mailbox,
    ):
        mailbox.select(INBOX, readonly=True)
        assert dict(mailbox.headers([7])) == headers


@pytest.mark.parametrize(
    ("answer", "uids"),
    [
        ("* SEARCH 9 7 8\nOK done", [7, 8, 9]),
        ("* SEARCH 7\n* SEARCH 8\nOK done", [7, 8]),
        ("* SEARCH\nOK done", []),
        ("OK done", []),
    ],
)
def test_a_search_gives_ascending_numbers(answer: str, uids: list[int]) -> None:
    with (
        ScriptedImap(answers={"SEARCH": answer}) as server,
        ImapMailbox.open(server.settings(), ca_file=None, timeout=TIMEOUT) as mailbox,
    ):
        mailbox.select(INBOX, readonly=True)
        assert mailbox.search("ALL") == uids


def test_what_is_newer_is_asked_for_in_english_months() -> None:
    with (
        ScriptedImap(answers={"SEARCH": "* SEARCH 41\nOK done"}) as server,
        ImapMailbox.open(server.settings(), ca_file=None, timeout=TIMEOUT) as mailbox,
    ):
        mailbox.select(INBOX, readonly=True)
        assert mailbox.arrived_since(date(2026, 3, 1), after=41) == []
        assert "SEARCH UID 42:* SINCE 1-Mar-2026" in server.commands


def test_folders_are_found_by_use_and_without_those_that_hold_no_messages() -> None:
    listed = '* LIST (\\Noselect \\Junk) "/" Parent\n* LIST (\\Junk) "/" Spam\n* LIST () "/" Other\nOK done'
    with (
        ScriptedImap(answers={"LIST": listed}) as server,
        ImapMailbox.open(server.settings(), ca_file=None, timeout=TIMEOUT) as mailbox,
    ):
        assert [folder.name for folder in mailbox.folders("\\Junk")] == ["Spam"]
        assert [folder.name for folder in mailbox.folders()] == ["Spam", "Other"]


@pytest.mark.parametrize("capabilities", ["MOVE", "UIDPLUS"])
def test_messages_are_moved_into_a_folder_that_is_made_once(capabilities: str) -> None:
    with LimitedImapServer(capabilities) as server:
        box = server.mailbox("ana")
        box.append("INBOX", b"Subject: one\r\n\r\n", b"Subject: two\r\n\r\n")
        with ImapMailbox.open(server.settings("ana"), ca_file=None, timeout=TIMEOUT) as mailbox:
            mailbox.select(INBOX, readonly=False)
            for uid in mailbox.search("ALL"):
                assert mailbox.move([uid])
            assert mailbox.search("ALL") == []
            mailbox.select(ImapFolder("Mailrunner"), readonly=True)
            assert len(mailbox.search("SEEN")) == 2


@pytest.mark.parametrize("refused", ["CREATE", "MOVE", "STORE"])
def test_a_refused_move_is_an_error(refused: str) -> None:
    with (
        ScriptedImap(capabilities="MOVE", answers={refused: "NO over quota"}) as server,
        ImapMailbox.open(server.settings(), ca_file=None, timeout=TIMEOUT) as mailbox,
    ):
        mailbox.select(INBOX, readonly=False)
        with pytest.raises(ImapUnavailableError, match="over quota"):
            mailbox.move([7])


def test_a_folder_with_a_name_outside_ascii_is_selected_as_it_was_listed(imap_server: ImapServer) -> None:
    box = imap_server.mailbox("folders")
    box.create("Gel&APY-scht & mehr".replace("& ", "&- "))
    with ImapMailbox.open(imap_server.settings("folders"), ca_file=None, timeout=TIMEOUT) as mailbox:
        (folder,) = [folder for folder in mailbox.folders() if folder.name == "Gelöscht & mehr"]
        assert mailbox.select(folder, readonly=True)
