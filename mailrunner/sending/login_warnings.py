"""Warnings of `check` about an account's login: it is missing, will end, or will not be taken any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from mailrunner.clock import SystemClock, utc_minute
from mailrunner.config.account import Account
from mailrunner.config.oauth import EXAMPLE, OAuthSettings
from mailrunner.transports.oauth.access import AccessTokens
from mailrunner.transports.oauth.grant import is_attended

_SUBMISSION_PORTS = frozenset({465, 587})  # RFC 8314 §7.3, RFC 6409 §3.1
# Exchange Online's schedule of 27 January 2026: off by default for tenants of that time, an administrator may
# switch it on again; never on in tenants made later; the last day is to be told in the second half of 2027.
MICROSOFT_PASSWORDS_OFF = datetime(2027, 1, 1, tzinfo=UTC)


def login_warnings(account: Account, now: datetime) -> Iterator[str]:
    """Sentences about the account's login, whoever the recipients are."""
    if account.oauth:
        yield from _token_warnings(account.oauth, now)
    elif account.preset.name == "microsoft365" and account.password:
        yield _end_of_passwords(account.name, now)
    if account.password and EXAMPLE in account.password.get_secret_value():
        yield "the password is still the example's: put your own into .env"
    # A submission server takes mail from those who log in (RFC 6409 §4.3), or whose address it knows.
    if not (account.user or account.is_local or account.port not in _SUBMISSION_PORTS):
        yield (
            f"there is no login for {account.host}, but port {account.port} wants one: it will answer "
            '"Relay access denied" or "Recipient address rejected: Access denied" to every message; set user '
            f"and password in [accounts.{account.name}], unless the server knows this machine by its address"
        )


def _end_of_passwords(name: str, now: datetime) -> str:
    when = "From the end of December 2026 on" if now < MICROSOFT_PASSWORDS_OFF else "Since the end of 2026"
    return (
        f"{when} Exchange Online refuses passwords for SMTP unless the administrator switches them on again: "
        f'write login = "oauth" in [accounts.{name}], as docs/login.md says, then: mailrunner login {name}'
    )


def _token_warnings(settings: OAuthSettings, now: datetime) -> Iterator[str]:
    name = settings.account
    login = AccessTokens.of(settings, SystemClock()).login()
    if EXAMPLE in settings.client_id:
        yield f"the client id of {name} is still the example's: docs/login.md says how to get your own"
    if login is None and is_attended(settings) and settings.refresh_token is None:
        yield f"{name} is not logged in yet: mailrunner login {name}"
    if login is None or login.ends_at is None:
        return
    tense = "will end" if now < login.ends_at else "has ended"
    yield (
        f"the login of {name} {tense} on {utc_minute(login.ends_at)}, 7 days after it was made, as its app "
        f"at Google is in status Testing: publish the app (docs/login.md), then: mailrunner login {name}"
    )
