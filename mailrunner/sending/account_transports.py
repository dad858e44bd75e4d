"""Connections to an account's server, by SMTP or to an HTTP API; those of one run share what they learn."""

from __future__ import annotations

from collections.abc import Callable

from mailrunner.clock import Clock
from mailrunner.config.account import Account
from mailrunner.config.account_checks import refuse_without_login
from mailrunner.transports import Transport
from mailrunner.transports.oauth.access import AccessTokens
from mailrunner.transports.smtp.client import SmtpTransport
from mailrunner.transports.smtp.server_capabilities import ObservedCapabilities


def transports_for(account: Account, clock: Clock) -> Callable[[], Transport]:
    """Return what makes the connections of one run to the account's server.

    `clock` is the ledger's, as the instants that replies name become pauses there.  UserError where the
    account cannot log in as it stands.
    """
    if account.api is not None:
        from mailrunner.sending.api_transport import ApiConnections

        return ApiConnections.of(account, account.api, clock).transport
    observed = ObservedCapabilities()
    return lambda: smtp_transport(account, clock, observed)


def smtp_transport(
    account: Account, clock: Clock, observed: ObservedCapabilities | None = None
) -> SmtpTransport:
    """Return a new SMTP connection for an account; UserError where it cannot log in as it stands."""
    refuse_without_login(account)
    return SmtpTransport(
        host=account.host,
        port=account.port,
        tls=account.tls,
        # Without a login the user only tells whose cap it is (a private relay).
        user=account.user if account.logs_in else "",
        password=account.password.get_secret_value() if account.password else None,
        provider=account.preset.name,
        timeout=account.timeout,
        messages_per_connection=account.messages_per_connection,
        in_flight=account.in_flight,
        observed=observed or ObservedCapabilities(),
        ca_file=account.ca_file,
        clock=clock,
        tokens=_tokens(account, clock),
    )


def _tokens(account: Account, clock: Clock) -> AccessTokens | None:
    """The tokens of an account that logs in by them; UserError where a user has to log in first."""
    if account.oauth is None:
        return None
    tokens = AccessTokens.of(account.oauth, clock)
    tokens.require_login()
    return tokens
