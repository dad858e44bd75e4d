"""TLS and login of the mail server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mailrunner.clock import utc_day
from mailrunner.model.outcome import Scope
from mailrunner.sending.doctor.facts import Facts, Unanswered
from mailrunner.sending.doctor.finding import Finding, Level
from mailrunner.sending.login_warnings import login_warnings

_SOON = timedelta(days=14)


def tls_check(facts: Facts) -> Iterator[Finding]:
    """The server answers, and its certificate is to be trusted for some time."""
    found = facts.server
    if isinstance(found, Unanswered):
        yield Finding("tls", Level.UNKNOWN, "the server was not met", found.reason)
    elif found.is_away:
        yield Finding("tls", Level.UNKNOWN, "the server was not met", found.refusal)
    elif found.refusal:
        yield Finding("tls", Level.FAULT, found.refusal)
    elif found.certificate_ends is None:
        level = Level.OK if facts.account.is_local else Level.WARNING
        yield Finding(
            "tls", level, "the connection is not encrypted", remedy="" if level is Level.OK else "set tls"
        )
    elif found.certificate_ends - facts.now < _SOON:
        ends = utc_day(found.certificate_ends)
        yield Finding(
            "tls", Level.WARNING, f"the server's certificate ends on {ends}", remedy="tell its operator"
        )
    else:
        yield Finding("tls", Level.OK, "TLS verifies", f"until {utc_day(found.certificate_ends)}")


def login_check(facts: Facts) -> Iterator[Finding]:
    """The login works, and will go on working."""
    if isinstance(facts.login, Unanswered):
        yield Finding("login", Level.UNKNOWN, "the login was not tried to its end", facts.login.reason)
    elif facts.login is not None and facts.login.scope is Scope.ACCOUNT:
        remedy = "wait, or raise the plan at the provider"
        what = "the provider says that the account may send nothing now"
        yield Finding("login", Level.WARNING, what, facts.login.reason, remedy)
    elif facts.login is not None and facts.login.reply is None and facts.login.scope is Scope.CONNECTION:
        yield Finding("login", Level.UNKNOWN, "the login was not tried", facts.login.reason)
    elif facts.login is not None:
        is_passing = facts.login.scope is Scope.CONNECTION
        remedy = "correct it in mailrunner.toml or .env, or type: mailrunner login " + facts.account.name
        yield Finding(
            "login",
            Level.WARNING if is_passing else Level.FAULT,
            "the server does not let the account in",
            facts.login.reason,
            "type the command again later" if is_passing else remedy,
        )
    elif facts.account.api:
        what = "the API takes the key" if facts.account.api.key else "the API takes the login"
        evidence = "it was handed a request without a message, and misses the message"
        yield Finding("login", Level.OK, what, evidence)
    elif not facts.account.logs_in:
        yield Finding("login", Level.INFO, "the account has no login")
    else:
        yield Finding("login", Level.OK, f"{facts.account.user} is let in")
    for sentence in login_warnings(facts.account, facts.now):
        yield Finding("login", Level.WARNING, sentence)
