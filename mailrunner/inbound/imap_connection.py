"""A logged-in IMAP connection: TLS that verifies, one login, and errors that are fit to be shown.

The one place that decides what a server's failure means, and that keeps the password out of its text.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mailrunner.config.account import Imap
from mailrunner.errors import MailrunnerError, Problem, UserError
from mailrunner.inbound.imap_client import BoundedImap4, BoundedImap4Tls
from mailrunner.inbound.imap_folder import quoted
from mailrunner.transports import network
from mailrunner.transports.redaction import without_password

_LOGOUT_TIMEOUT = 2.0  # seconds
# Response codes of RFC 5530 and what Gmail says of too many connections: the password may be right.
_TEMPORARY = re.compile(r"\[(UNAVAILABLE|LIMIT|INUSE|SERVERBUG|OVERQUOTA)\b|too many", re.IGNORECASE)
_LONGEST_TEXT = 400  # characters of a server's text that are shown


class ImapUnavailableError(MailrunnerError):
    """The server cannot be reached or fails just now; the same command may succeed later."""


class ImapLoginRefusedError(MailrunnerError):
    """The server does not accept the user and password."""


@contextmanager
def logged_in(imap: Imap, *, ca_file: Path | None, timeout: float) -> Iterator[BoundedImap4]:
    """Connect and log in; log out at the end.  `timeout` is the seconds for which the server may be silent.

    Raises ImapUnavailableError, ImapLoginRefusedError, and UserError where TLS does not verify.
    """
    with translated(imap):
        client = _connect(imap, ca_file, timeout)
    try:
        with translated(imap):
            if imap.tls == "starttls":
                _start_tls(client, imap, ca_file)
            _log_in(client, imap)
        yield client
    finally:
        _log_out(client)


@contextmanager
def translated(imap: Imap) -> Iterator[None]:
    """Turn failures of network and server into ImapUnavailableError, and refused TLS into UserError."""
    try:
        yield
    except ssl.SSLError as error:
        if reason := network.tls_refusal(error, imap.host, imap.port):
            raise UserError(Problem(reason, key="imap")) from error
        raise ImapUnavailableError(network.explain(error, imap.host, imap.port)) from error
    except OSError as error:
        raise ImapUnavailableError(network.explain(error, imap.host, imap.port)) from error
    except imaplib.IMAP4.error as error:
        raise ImapUnavailableError(f"{imap.host} port {imap.port}: {_shown(error, imap)}") from error
    except ValueError as error:
        raise ImapUnavailableError(f"{imap.host} port {imap.port} gives answers that are not IMAP") from error


def _connect(imap: Imap, ca_file: Path | None, timeout: float) -> BoundedImap4:
    if imap.tls == "implicit":
        return BoundedImap4Tls(
            imap.host, imap.port, ssl_context=network.tls_context(ca_file), timeout=timeout
        )
    return BoundedImap4(imap.host, imap.port, timeout=timeout)


def _start_tls(client: BoundedImap4, imap: Imap, ca_file: Path | None) -> None:
    if "STARTTLS" not in client.capabilities:
        raise UserError(
            Problem(
                f"{imap.host} port {imap.port} offers no STARTTLS, and a password is not sent in the clear",
                key="imap",
                hint='check imap.port: 993 wants imap.tls = "implicit"',
            )
        )
    client.starttls(network.tls_context(ca_file))


def _log_in(client: BoundedImap4, imap: Imap) -> None:
    """Log in by password, with one try, as every wrong one counts towards a lock-out.

    The one place that another way of logging in (OAuth) would be added to.
    """
    user, password = imap.user, imap.password.get_secret_value()
    try:
        if "AUTH=PLAIN" in client.capabilities:  # RFC 4616: carries any character
            client.authenticate("PLAIN", lambda _: _sasl_plain(imap))
        else:
            client.login(quoted(user), password)
    except imaplib.IMAP4.abort:
        raise
    except UnicodeEncodeError:
        raise ImapLoginRefusedError(f"{imap.host} takes only plain ASCII as user and password") from None
    except imaplib.IMAP4.error as error:
        text = _shown(error, imap)
        if _TEMPORARY.search(text):
            raise ImapUnavailableError(f"{imap.host} accepts no logins just now: {text}") from None
        raise ImapLoginRefusedError(f"{imap.host} refused the login of {user}: {text}") from None


def _log_out(client: BoundedImap4) -> None:
    """Say LOGOUT if that is possible within a few seconds; never raises."""
    with suppress(OSError, imaplib.IMAP4.error, ValueError):
        client.sock.settimeout(_LOGOUT_TIMEOUT)
        client.logout()
    with suppress(OSError):
        client.shutdown()


def _sasl_plain(imap: Imap) -> bytes:
    return f"\0{imap.user}\0{imap.password.get_secret_value()}".encode()


def _shown(error: imaplib.IMAP4.error, imap: Imap) -> str:
    """The server's own text on one line of bounded length, without the password in any form."""
    given = error.args[0] if error.args else ""
    text = given.decode("utf-8", "replace") if isinstance(given, bytes) else str(given)
    hidden = without_password(
        text[: _LONGEST_TEXT * 10], user=imap.user, password=imap.password.get_secret_value(), mark="…"
    )
    shown = "".join(character if character.isprintable() else " " for character in hidden)
    return shown if len(shown) <= _LONGEST_TEXT else f"{shown[:_LONGEST_TEXT]}…"
