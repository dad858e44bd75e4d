r"""An account's mailbox over IMAP (RFC 9051, and servers of RFC 3501): search, fetch, move, wait.

    with ImapMailbox.open(imap, ca_file=account.ca_file, timeout=60) as mailbox:
        mailbox.select(INBOX, readonly=False)
        for uid, header in mailbox.headers(mailbox.arrived_since(day)): …
        mailbox.move([uid])             # into the folder "Mailrunner", marked as seen

Reading marks nothing as seen (BODY.PEEK), and nothing is ever deleted: a message is moved (RFC 6851) or,
on servers without that, copied and then expunged by its own number alone (RFC 4315).  A server that
can do neither leaves it where it is.  EXPUNGE for the whole folder is never sent, as it would delete what
the user has only marked.
"""

from __future__ import annotations

import imaplib
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, Self

from mailrunner.config.account import Imap
from mailrunner.inbound.imap_client import BoundedImap4
from mailrunner.inbound.imap_connection import (
    ImapLoginRefusedError,
    ImapUnavailableError,
    logged_in,
    translated,
)
from mailrunner.inbound.imap_folder import INBOX, ImapFolder, listed_folder, quoted
from mailrunner.inbound.message import LONGEST

__all__ = ["INBOX", "ImapFolder", "ImapLoginRefusedError", "ImapMailbox", "ImapUnavailableError", "quoted"]

MOVED_TO = "Mailrunner"
_BATCH = 100  # headers in one answer
# Seconds; RFC 2177 wants less than 29 minutes, and many routers forget a silent connection earlier.
_IDLE = 9 * 60.0
_POLL = 60.0  # seconds between looks where the server has no IDLE
_UID = re.compile(rb"\bUID (\d+)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ImapMailbox:
    """A logged-in connection; one folder is selected at a time.  Messages are named by their UID.

    Every method raises ImapUnavailableError where the server fails or the connection is lost.
    """

    def __init__(self, client: BoundedImap4, imap: Imap) -> None:
        self._client, self._imap = client, imap
        self.capabilities = self._ask_capabilities()
        self._move_target = ""

    @classmethod
    @contextmanager
    def open(cls, imap: Imap, *, ca_file: Path | None, timeout: float) -> Iterator[Self]:
        """Connect and log in; `timeout` is the seconds for which the server may be silent.

        Raises ImapUnavailableError, ImapLoginRefusedError, and UserError where TLS does not verify.
        """
        with logged_in(imap, ca_file=ca_file, timeout=timeout) as (client, used):
            yield cls(client, used)

    def folders(self, use: str = "") -> list[ImapFolder]:
        r"""The folders that can be selected; with `use`, those of a special use (`\Junk`; RFC 6154)."""
        # Some servers name the special uses only when asked to (RFC 6154 §2).
        asked = {"SPECIAL-USE", "LIST-EXTENDED"} <= self.capabilities
        with translated(self._imap):
            answer = self._client.list('""', '"*" RETURN (SPECIAL-USE)' if asked else '"*"')
            listed = [folder for line in _data(answer) if line and (folder := listed_folder(line))]
        return [
            folder for folder in listed if folder.is_selectable and (not use or use.casefold() in folder.uses)
        ]

    def select(self, folder: ImapFolder, *, readonly: bool) -> str:
        """Select a folder.

        Returns a text that is the same for as long as the folder's UIDs name the same messages.
        """
        with translated(self._imap):
            _data(self._client.select(folder.wire_name, readonly))
            self._has_announced()
            return f"{folder.name} {self._client.response('UIDVALIDITY')[1]}"

    def search(self, criteria: str) -> list[int]:
        """The UIDs of the messages that fit (RFC 9051 §6.4.4), ascending."""
        with translated(self._imap):
            found = _lines(_data(self._client.uid("SEARCH", criteria)))
            return sorted(int(uid) for line in found for uid in line.split())

    def arrived_since(self, day: date, *, after: int = 0) -> list[int]:
        """The UIDs of what arrived on `day` or later, and is newer than UID `after`."""
        # The month's name is English whatever the locale (RFC 9051 §9).
        found = self.search(f"UID {after + 1}:* SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}")
        return [uid for uid in found if uid > after]  # "n:*" always names the last one

    def headers(self, uids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """The header of each message that is still there; nothing is marked as seen."""
        for start in range(0, len(uids), _BATCH):
            batch = uids[start : start + _BATCH]
            yield from self._fetch(batch, f"BODY.PEEK[HEADER]<0.{LONGEST}>").items()

    def message(self, uid: int) -> bytes:
        """The first `LONGEST` octets of a message, b"" if it was removed; it is not marked as seen."""
        return self._fetch([uid], f"BODY.PEEK[]<0.{LONGEST}>").get(uid, b"")

    def move(self, uids: Sequence[int]) -> bool:
        """Mark messages as seen, move them into the folder MOVED_TO; False where the server cannot move."""
        named = ",".join(map(str, uids))
        if not named:
            return True
        with translated(self._imap):
            self._uid("STORE", named, "+FLAGS.SILENT", r"(\Seen)")
            if not self.capabilities & {"MOVE", "UIDPLUS"}:
                return False
            target = self._target()
            if "MOVE" in self.capabilities:
                self._uid("MOVE", named, target)
            else:
                self._uid("COPY", named, target)
                self._uid("STORE", named, "+FLAGS.SILENT", r"(\Deleted)")
                self._uid("EXPUNGE", named)
        return True

    def wait(self, stop: threading.Event) -> None:
        """Return when something may have arrived, when `stop` is set, or after some minutes."""
        with translated(self._imap):
            if "IDLE" not in self.capabilities:
                stop.wait(_POLL)
                return
            self._client.noop()
            if not self._has_announced():  # it came while others were read
                self._client.idle(stop, _IDLE)

    def _has_announced(self) -> bool:
        """True where the server has said how many messages there are since this was asked last."""
        return self._client.response("EXISTS")[1] != [None]

    def _fetch(self, uids: Sequence[int], item: str) -> dict[int, bytes]:
        found, wanted = {}, frozenset(uids)
        with translated(self._imap):
            answer = self._uid("FETCH", ",".join(map(str, uids)), f"(UID {item})")
            # It may have lines of its own between, for flags that were changed meanwhile.
            for part, rest in zip(answer, [*answer[1:], b""], strict=False):
                if isinstance(part, tuple):
                    uid = _UID.search(part[0]) or _UID.search(rest if isinstance(rest, bytes) else b"")
                    if uid and int(uid[1]) in wanted:
                        found[int(uid[1])] = part[1]
        return found

    def _uid(self, *words: str) -> Sequence[Any]:
        return _data(self._client.uid(*words))

    def _target(self) -> str:
        """The folder to move into, as commands need it; made and subscribed if it is not there."""
        if not self._move_target:
            folders = self.folders()
            delimiter = next((folder.delimiter for folder in folders if folder.name.upper() == "INBOX"), "/")
            inside = f"INBOX{delimiter}{MOVED_TO}"
            known = {folder.name: folder.wire_name for folder in folders}
            self._move_target = known.get(MOVED_TO) or known.get(inside) or self._made(inside)
        return self._move_target

    def _made(self, inside: str) -> str:
        """Make the folder, below INBOX on servers that want all folders there."""
        name = quoted(MOVED_TO)
        if self._client.create(name)[0] != "OK":
            name = quoted(inside)
            _data(self._client.create(name))
        with suppress(imaplib.IMAP4.error):
            self._client.subscribe(name)
        return name

    def _ask_capabilities(self) -> frozenset[str]:
        """What the server can do after the login, which may be more than before."""
        with translated(self._imap):
            lines = _lines(_data(self._client.capability()))
        return frozenset(word.decode("latin-1").upper() for line in lines for word in line.split())


def _data(answer: tuple[str, Sequence[Any]]) -> Sequence[Any]:
    """The data of a command that succeeded; a refusal, which must not look like an empty answer, raises."""
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(" ".join(line.decode("utf-8", "replace") for line in _lines(data)))
    return [] if data == [None] else data


def _lines(data: Sequence[Any]) -> list[bytes]:
    """The lines that end in no literal."""
    return [line for line in data if isinstance(line, bytes)]
