r"""The account's Sent folder, asked by IMAP (RFC 3501) whether it holds certain messages.

    with SentFolder.open(imap, ca_file=account.ca_file, timeout=60) as folder:
        folder.where(["<token@example.org>"])       # {"<token@example.org>": "Gesendet"}

The folders are found by their special use, `\Sent` and `\Trash` (RFC 6154), never by name, which
is in the person's own language.  They are opened for reading only; nothing is changed.  Servers with
Gmail's extension (X-GM-EXT-1) are asked in its words, which answer from an index.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mailrunner.config.account import Imap
from mailrunner.errors import MailrunnerError, Problem, UserError
from mailrunner.transports import network

_LISTED = re.compile(rb'\((?P<uses>[^)]*)\) (?:"(?:\\.|[^"\\])*"|NIL) (?P<name>.*)', re.DOTALL)
_SHIFTED = re.compile(r"&([^-]*)-")
_Line = bytes | tuple[bytes, bytes] | None  # a tuple ends in a literal
_FAREWELL_TIMEOUT = 2.0
# Response codes of RFC 5530 and what Gmail says of too many connections: the password may be right.
_PASSING = re.compile(r"\[(UNAVAILABLE|LIMIT|INUSE|SERVERBUG|OVERQUOTA)\b|too many", re.IGNORECASE)


class ServerAwayError(MailrunnerError):
    """The server cannot be asked just now; the same question may be answered later."""


class LoginRefusedError(MailrunnerError):
    """The server does not accept the user and password."""


@dataclass(frozen=True, slots=True)
class _Box:
    """A mailbox: its name as the wire wants it, and the special uses it is listed with."""

    wire_name: str
    uses: frozenset[str]

    @property
    def name(self) -> str:
        return _readable(self.wire_name)


class SentFolder:
    """An account's folders of sent and of deleted messages, over one logged-in connection."""

    def __init__(self, client: imaplib.IMAP4, imap: Imap) -> None:
        self._client, self._imap = client, imap
        self._capabilities = _capabilities(client)
        boxes = self._boxes()
        self._sent = [box for box in boxes if "\\sent" in box.uses]
        self._trash = [box for box in boxes if "\\trash" in box.uses]
        if not self._sent:
            raise UserError(
                Problem(
                    f"the mailbox of {imap.user} on {imap.host} has no folder that is marked as \\Sent",
                    key="imap",
                    hint="show that folder to IMAP in the provider's settings, or decide by hand: "
                    "mailrunner resolve C --sent ADDRESS…, or --resend ADDRESS…",
                )
            )

    @classmethod
    @contextmanager
    def open(cls, imap: Imap, *, ca_file: Path | None, timeout: float) -> Iterator[Self]:
        r"""Connect, log in and find the folders; `timeout` is the seconds for each answer.

        Raises ServerAwayError, LoginRefusedError, and UserError where TLS does not verify or no folder is
        marked as `\Sent`.
        """
        with _translated(imap):
            client = _connect(imap, ca_file, timeout)
        try:
            with _translated(imap):
                if imap.tls == "starttls":
                    _start_tls(client, imap, ca_file)
                _log_in(client, imap)
                folder = cls(client, imap)
            yield folder
        finally:
            _leave(client)

    @property
    def has_trash(self) -> bool:
        """Whether deleted messages can be looked at, too."""
        return bool(self._trash)

    def where(self, message_ids: Collection[str], *, trash: bool = True) -> dict[str, str]:
        """The name of the folder in which each message lies; those that are in none are left out.

        `trash` says whether to look at deleted messages, too.  Raises ServerAwayError.
        """
        found: dict[str, str] = {}
        # Sent first: a message that is deleted in between is then still met in the trash.
        for box in (*self._sent, *(self._trash if trash else ())):
            left = [message_id for message_id in message_ids if message_id not in found]
            found |= dict.fromkeys(self._held(box, left), box.name)
        return found

    def _held(self, box: _Box, message_ids: Collection[str]) -> list[str]:
        if not message_ids:
            return []
        with _translated(self._imap):
            _done(self._client.select(box.wire_name, readonly=True))
            return [message_id for message_id in message_ids if self._holds(message_id)]

    def _holds(self, message_id: str) -> bool:
        if "X-GM-EXT-1" in self._capabilities:
            criteria = ("X-GM-RAW", _quoted(f"rfc822msgid:{message_id.strip('<>')}"))
        else:
            criteria = ("HEADER", f"Message-ID {_quoted(message_id)}")
        numbers = _done(self._client.uid("SEARCH", *criteria))
        return any(isinstance(line, bytes) and line.split() for line in numbers)

    def _boxes(self) -> list[_Box]:
        # Some servers name the special uses only when asked to (RFC 6154 §2).
        asked = {"SPECIAL-USE", "LIST-EXTENDED"} <= self._capabilities
        answer = _done(self._client.list('""', '"*" RETURN (SPECIAL-USE)' if asked else '"*"'))
        boxes = [box for line in answer if (box := _box(line))]
        return [box for box in boxes if not box.uses & {"\\noselect", "\\nonexistent"}]


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
    except imaplib.IMAP4.error as error:
        raise ServerAwayError(f"{imap.host} port {imap.port}: {_without_secret(str(error), imap)}") from error


def _connect(imap: Imap, ca_file: Path | None, timeout: float) -> imaplib.IMAP4:
    if imap.tls == "implicit":
        return imaplib.IMAP4_SSL(
            imap.host, imap.port, ssl_context=network.tls_context(ca_file), timeout=timeout
        )
    return imaplib.IMAP4(imap.host, imap.port, timeout=timeout)


def _start_tls(client: imaplib.IMAP4, imap: Imap, ca_file: Path | None) -> None:
    if "STARTTLS" not in client.capabilities:
        raise UserError(
            Problem(
                f"{imap.host} port {imap.port} offers no STARTTLS, and a password is not sent in the clear",
                key="imap",
                hint='check imap.port: 993 wants imap.tls = "implicit"',
            )
        )
    _done(client.starttls(network.tls_context(ca_file)))


def _leave(client: imaplib.IMAP4) -> None:
    """Say LOGOUT if that is possible within a few seconds; never raises."""
    with suppress(OSError, imaplib.IMAP4.error):
        client.sock.settimeout(_FAREWELL_TIMEOUT)
        client.logout()
    with suppress(OSError):
        client.shutdown()


def _log_in(client: imaplib.IMAP4, imap: Imap) -> None:
    """Log in with one try, as every wrong one counts towards a lock-out."""
    user, password = imap.user, imap.password.get_secret_value()
    try:
        if "AUTH=PLAIN" in client.capabilities:  # RFC 4616: carries any character
            client.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        else:
            client.login(_quoted(user), password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        words = _without_secret(_said(error), imap)
        if _PASSING.search(words):
            raise ServerAwayError(f"{imap.host} lets nobody in just now: {words}") from None
        raise LoginRefusedError(f"{imap.host} refused the login of {imap.user}: {words}") from None
    except UnicodeEncodeError:
        raise LoginRefusedError(f"{imap.host} takes only plain ASCII as user and password") from None


def _capabilities(client: imaplib.IMAP4) -> frozenset[str]:
    """What the server can do after the login, which may be more than before."""
    lines = _done(client.capability())
    return frozenset(
        word.upper() for line in lines if isinstance(line, bytes) for word in _text(line).split()
    )


def _done(answer: tuple[str, Sequence[_Line]]) -> Sequence[_Line]:
    """The data of a command that succeeded; a refusal must never look like an empty answer."""
    kind, data = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(" ".join(_text(line) for line in data if isinstance(line, bytes)))
    return data


def _box(line: _Line) -> _Box | None:
    """Read one line of LIST, whose name may be an atom, quoted, or a literal."""
    literal = line[1] if isinstance(line, tuple) else None
    listed = _LISTED.match(line[0] if isinstance(line, tuple) else line or b"")
    if listed is None:
        return None
    name = _text(listed["name"]) if literal is None else _quoted(_text(literal))
    if not name.isascii():  # not what RFC 3501 §5.1 allows, and cannot be asked for
        return None
    return _Box(name, frozenset(_text(listed["uses"]).casefold().split()))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _said(error: imaplib.IMAP4.error) -> str:
    """The server's own words; `imaplib` hands them on as text or as bytes."""
    words = error.args[0] if error.args else ""
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)


def _without_secret(text: str, imap: Imap) -> str:
    return text.replace(imap.password.get_secret_value(), "…")


def _readable(name: str) -> str:
    """A mailbox's name for people: modified UTF-7 (RFC 3501 §5.1.3) as text."""
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return _SHIFTED.sub(lambda shifted: _unshifted(shifted[1]), name)


def _unshifted(coded: str) -> str:
    if not coded:
        return "&"
    try:
        return f"+{coded.replace(',', '/')}-".encode("ascii").decode("utf-7")
    except UnicodeError:
        return f"&{coded}-"
