"""A logged-in IMAP connection: TLS that verifies, one login, and errors that are fit to be shown.

The one place that decides what a server's failure means, and that keeps password and token out of its text.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from mailrunner.clock import SystemClock
from mailrunner.config.account import Imap
from mailrunner.errors import MailrunnerError, Problem, UserError
from mailrunner.inbound.imap_client import BoundedImap4, BoundedImap4Tls
from mailrunner.inbound.imap_folder import quoted
from mailrunner.transports import network
from mailrunner.transports.oauth import sasl
from mailrunner.transports.oauth.access import AccessTokens
from mailrunner.transports.oauth.errors import GrantRefusedError, TokenUnavailableError
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
def logged_in(imap: Imap, *, ca_file: Path | None, timeout: float) -> Iterator[tuple[BoundedImap4, Imap]]:
    """Connect and log in; log out at the end.  `timeout` is the seconds for which the server may be silent.

    With the connection comes what it was made with: `imap`, with the token where it logs in by one.
    Raises ImapUnavailableError, ImapLoginRefusedError, and UserError where TLS does not verify or there
    is no login by token yet.
    """
    tokens = AccessTokens.of(imap.oauth, SystemClock()) if imap.oauth else None
    if tokens is None:
        client = _opened(imap, ca_file, timeout)
    else:
        client, imap = _opened_by_token(imap, tokens, ca_file, timeout)
    try:
        yield client, imap
    finally:
        _log_out(client)


def _opened_by_token(
    imap: Imap, tokens: AccessTokens, ca_file: Path | None, timeout: float
) -> tuple[BoundedImap4, Imap]:
    """Log in by a token, and by another one where the server refuses one that is not new."""
    with _token_errors():
        token = tokens.current()
    used = replace(imap, password=SecretStr(token.value))
    try:
        return _opened(used, ca_file, timeout), used
    except ImapLoginRefusedError:
        if tokens.is_new(token):
            raise
    with _token_errors():
        used = replace(imap, password=SecretStr(tokens.renewed(token).value))
    return _opened(used, ca_file, timeout), used


@contextmanager
def _token_errors() -> Iterator[None]:
    try:
        yield
    except GrantRefusedError as error:
        raise ImapLoginRefusedError(str(error)) from None
    except TokenUnavailableError as error:
        raise ImapUnavailableError(f"no token: {error}") from None


def _opened(imap: Imap, ca_file: Path | None, timeout: float) -> BoundedImap4:
    """A connection that is logged in; it is closed where that fails."""
    with translated(imap):
        client = _connect(imap, ca_file, timeout)
    try:
        with translated(imap):
            if imap.tls == "starttls":
                _start_tls(client, imap, ca_file)
            _log_in(client, imap)
    except BaseException:
        _log_out(client)
        raise
    return client


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
    """Log in by password or token, with one try, as every wrong one counts towards a lock-out."""
    user, password = imap.user, imap.password.get_secret_value()
    try:
        if imap.oauth:
            _log_in_by_token(client, imap)
        elif "AUTH=PLAIN" in client.capabilities:  # RFC 4616: carries any character
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


def _log_in_by_token(client: BoundedImap4, imap: Imap) -> None:
    """Raises what `authenticate` raises; of a refusal with the server's reason."""
    offered = {word.removeprefix("AUTH=") for word in client.capabilities if word.startswith("AUTH=")}
    mechanism = sasl.chosen(offered)
    if mechanism is None:
        raise imaplib.IMAP4.error("it takes no token: it has neither XOAUTH2 nor OAUTHBEARER")
    token, words = imap.password.get_secret_value(), [""]

    def answer(challenge: bytes) -> bytes:
        if not challenge:  # the first one is empty
            return sasl.initial_response(
                mechanism, user=imap.user, token=token, host=imap.host, port=imap.port
            )
        words.append(sasl.refusal_words(challenge))
        return sasl.answer_to_refusal(mechanism)

    try:
        client.authenticate(mechanism, answer)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise imaplib.IMAP4.error(f"{_shown(error, imap)} {words[-1]}".rstrip()) from None


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
