r"""An account's mailbox over IMAP (RFC 9051, and servers of RFC 3501): look, file away, wait for more.

    with Mailbox.open(imap, ca_file=account.ca_file, timeout=60) as box:
        box.enter("INBOX", looking=False)
        for uid, header in box.headers(box.numbers(since)): …
        box.file([uid])                 # into the folder "Mailrunner", marked as seen

Looking marks nothing as seen (BODY.PEEK), and nothing is ever deleted: a message is moved (RFC 6851) or,
on servers without that, copied and then expunged by its own number alone (RFC 4315).  A server that
can do neither leaves it where it is.  EXPUNGE for the whole folder is never said, as it would delete what
the person has only marked.
"""

from __future__ import annotations

import imaplib
import re
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, Self

from imap_tools import BaseMailBox, ImapToolsError, MailBox, MailBoxStartTls, MailBoxUnencrypted

from mailrunner.config.account import Imap
from mailrunner.errors import Problem, UserError
from mailrunner.inbound.message import LONGEST
from mailrunner.reconciliation.sent_folder import LoginRefusedError, ServerAwayError
from mailrunner.transports import network

FOLDER = "Mailrunner"
_AT_ONCE = 100  # headers in one answer
_IDLE = (
    9 * 60.0
)  # seconds; RFC 2177 wants less than 29 minutes, and many routers forget a silent line earlier
_POLL = 60.0  # seconds between looks where the server has no IDLE
_SLICE = 1.0  # seconds after which a wish to stop is noticed
_FAREWELL_TIMEOUT = 2.0
_UID = re.compile(rb"\bUID (\d+)")
# Response codes of RFC 5530 and what Gmail says of too many connections: the password may be right.
_PASSING = re.compile(r"\[(UNAVAILABLE|LIMIT|INUSE|SERVERBUG|OVERQUOTA)\b|too many", re.IGNORECASE)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ImapMailbox:
    """A logged-in connection; one folder is entered at a time.

    Every method raises ServerAwayError where the server fails or the line is cut.
    """

    def __init__(self, client: BaseMailBox, imap: Imap) -> None:
        self._box, self._imap = client, imap
        self._capabilities = self._ask_capabilities()
        self._filed = ""

    @classmethod
    @contextmanager
    def open(cls, imap: Imap, *, ca_file: Path | None, timeout: float) -> Iterator[Self]:
        """Connect and log in; `timeout` is the seconds for each answer.

        Raises ServerAwayError, LoginRefusedError, and UserError where TLS does not verify.
        """
        with _translated(imap):
            client = _connect(imap, ca_file, timeout)
        try:
            _log_in(client, imap)
            with _translated(imap):
                mailbox = cls(client, imap)
            yield mailbox
        finally:
            _leave(client)

    def folders(self, *, junk: bool) -> list[str]:
        r"""The folders to look into: if wished those marked as \Junk (RFC 6154), and INBOX as the last."""
        with _translated(self._imap):
            listed = self._box.folder.list() if junk else []
        return [*(one.name for one in listed if "\\junk" in map(str.casefold, one.flags)), "INBOX"]

    def enter(self, folder: str, *, looking: bool) -> str:
        """Go into a folder; `looking` says that nothing will be changed.

        What is returned is the same for as long as the folder's numbers name the same messages.
        """
        with _translated(self._imap):
            self._box.folder.set(folder, readonly=looking)
            self._has_news()
            return f"{folder} {self._box.client.response('UIDVALIDITY')[1]}"

    def numbers(self, since: date, *, after: int = 0) -> list[int]:
        """The numbers (UIDs) of what arrived on `since` or later, and is newer than number `after`."""
        # The month's name is English whatever the locale (RFC 9051 §9).
        criteria = f"UID {after + 1}:* SINCE {since.day}-{_MONTHS[since.month - 1]}-{since.year}"
        with _translated(self._imap):
            found = sorted(map(int, self._box.uids(criteria, charset=None)))
        return [number for number in found if number > after]  # "n:*" always names the last one

    def headers(self, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """The header of each message that is still there; nothing is marked as seen."""
        for start in range(0, len(numbers), _AT_ONCE):
            wanted = numbers[start : start + _AT_ONCE]
            yield from self._fetch(wanted, f"BODY.PEEK[HEADER]<0.{LONGEST}>").items()

    def message(self, number: int) -> bytes:
        """The first `LONGEST` octets of a message, b"" if it has gone; it is not marked as seen."""
        return self._fetch([number], f"BODY.PEEK[]<0.{LONGEST}>").get(number, b"")

    def file(self, numbers: Sequence[int]) -> bool:
        """Mark messages as seen and move them into the folder FOLDER; False where the server cannot move."""
        named = ",".join(map(str, numbers))
        if not named:
            return True
        with _translated(self._imap):
            self._do("STORE", named, "+FLAGS.SILENT", r"(\Seen)")
            if not self._capabilities & {"MOVE", "UIDPLUS"}:
                return False
            target = self._target()
            if "MOVE" in self._capabilities:
                self._do("MOVE", named, target)
            else:
                self._do("COPY", named, target)
                self._do("STORE", named, "+FLAGS.SILENT", r"(\Deleted)")
                self._do("EXPUNGE", named)
        return True

    def wait(self, stop: threading.Event) -> None:
        """Return when something may have arrived, when `stop` is set, or after some minutes."""
        with _translated(self._imap):
            if "IDLE" not in self._capabilities:
                stop.wait(_POLL)
                return
            self._box.client.noop()
            if self._has_news():  # it came while others were read
                return
            self._box.idle.start()  # type: ignore[no-untyped-call]
            until = time.monotonic() + _IDLE
            while not stop.is_set() and (began := time.monotonic()) < until:
                heard = self._box.idle.poll(timeout=_SLICE)
                # A line that was cut is always ready to be read and says nothing.
                if any(b"EXISTS" in line for line in heard) or time.monotonic() - began < _SLICE / 2:
                    break
            self._box.idle.stop()  # type: ignore[no-untyped-call]

    def _has_news(self) -> bool:
        """Whether the server has said how many messages there are since this was asked last."""
        return self._box.client.response("EXISTS")[1] != [None]

    def _fetch(self, numbers: Sequence[int], what: str) -> dict[int, bytes]:
        # By hand: the answer may have lines of its own between, for flags that somebody changed.
        with _translated(self._imap):
            answer = self._do("FETCH", ",".join(map(str, numbers)), f"(UID {what})")
        found = {}
        for item, rest in zip(answer, [*answer[1:], b""], strict=True):
            if isinstance(item, tuple):
                uid = _UID.search(item[0]) or _UID.search(rest if isinstance(rest, bytes) else b"")
                if uid:
                    found[int(uid[1])] = item[1]
        return found

    def _do(self, *words: str) -> Sequence[Any]:
        kind, data = self._box.client.uid(*words)
        if kind != "OK":
            raise imaplib.IMAP4.error(" ".join(_text(line) for line in data if line))
        return [] if data == [None] else data

    def _target(self) -> str:
        """The folder to file into, as the wire wants it; made and subscribed if it is not there."""
        if not self._filed:
            listed = self._box.folder.list()
            between = next((one.delim for one in listed if one.name.upper() == "INBOX"), "/")
            inside = f"INBOX{between}{FOLDER}"
            known = {one.name for one in listed}
            self._filed = next((name for name in (FOLDER, inside) if name in known), "") or self._made(inside)
        return f'"{self._filed}"'

    def _made(self, inside: str) -> str:
        """Make the folder, below INBOX on servers that want all folders there."""
        try:
            self._box.folder.create(FOLDER)
            name = FOLDER
        except ImapToolsError:
            self._box.folder.create(inside)
            name = inside
        with suppress(ImapToolsError):
            self._box.folder.subscribe(name, True)
        return name

    def _ask_capabilities(self) -> frozenset[str]:
        """What the server can do after the login, which may be more than before."""
        lines = self._box.client.capability()[1]
        return frozenset(word.upper() for line in lines if line for word in _text(line).split())


@contextmanager
def _translated(imap: Imap) -> Iterator[None]:
    """Turn what a network and a server can do into ServerAwayError, and bad TLS into UserError."""
    try:
        yield
    except ssl.SSLError as error:
        if reason := network.tls_refusal(error, imap.host, imap.port):
            raise UserError(Problem(reason, key="imap")) from error
        raise ServerAwayError(network.explain(error, imap.host, imap.port)) from error
    except OSError as error:
        raise ServerAwayError(network.explain(error, imap.host, imap.port)) from error
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        raise ServerAwayError(f"{imap.host} port {imap.port}: {_said(error, imap)}") from error
    except ValueError as error:
        raise ServerAwayError(f"{imap.host} port {imap.port} gives answers that are not IMAP") from error


def _connect(imap: Imap, ca_file: Path | None, timeout: float) -> BaseMailBox:
    if imap.tls == "implicit":
        return MailBox(imap.host, imap.port, timeout=timeout, ssl_context=network.tls_context(ca_file))
    if imap.tls == "none":
        return MailBoxUnencrypted(imap.host, imap.port, timeout=timeout)
    try:
        return MailBoxStartTls(
            imap.host, imap.port, timeout=timeout, ssl_context=network.tls_context(ca_file)
        )
    except imaplib.IMAP4.abort as error:
        if "TLS not supported" not in str(error):
            raise
        raise UserError(
            Problem(
                f"{imap.host} port {imap.port} offers no STARTTLS, and a password is not sent in the clear",
                key="imap",
                hint='check imap.port: 993 wants imap.tls = "implicit"',
            )
        ) from error


def _log_in(box: BaseMailBox, imap: Imap) -> None:
    """Log in by password, with one try, as every wrong one counts towards a lock-out.

    The one place that another way of logging in (OAuth) would be added to.
    """
    password = imap.password.get_secret_value()
    try:
        if "AUTH=PLAIN" in box.client.capabilities:  # RFC 4616: carries any character
            box.login_utf8(imap.user, password, initial_folder=None)
        else:
            box.login(imap.user, password, initial_folder=None)
    except (imaplib.IMAP4.abort, OSError) as error:
        raise ServerAwayError(f"{imap.host} port {imap.port} broke off the login") from error
    except UnicodeEncodeError:
        raise LoginRefusedError(f"{imap.host} takes only plain ASCII as user and password") from None
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        words = _said(error, imap)
        if _PASSING.search(words):
            raise ServerAwayError(f"{imap.host} lets nobody in just now: {words}") from None
        raise LoginRefusedError(f"{imap.host} refused the login of {imap.user}: {words}") from None


def _leave(box: BaseMailBox) -> None:
    """Say LOGOUT if that is possible within a few seconds; never raises."""
    with suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
        box.client.sock.settimeout(_FAREWELL_TIMEOUT)
        box.logout()
    with suppress(OSError):
        box.client.shutdown()


def _said(error: Exception, imap: Imap) -> str:
    """The server's own words, without the password should it repeat that."""
    result = getattr(error, "command_result", None)
    data = result[1] if result else error.args[:1]
    words = " ".join(_text(line) for line in data if line)
    return words.replace(imap.password.get_secret_value(), "…")


def _text(data: object) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)
