"""Contradictions within one account: between its keys, and between them and the provider's preset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mailrunner.config.account import IMAP_PORTS, Account, login_of
from mailrunner.config.account_table import AccountTable
from mailrunner.config.api_access import api_problems
from mailrunner.config.api_table import is_loopback
from mailrunner.config.dkim_table import dkim_problems
from mailrunner.config.identity import is_personal_google
from mailrunner.config.oauth import oauth_problems
from mailrunner.config.paths import is_file
from mailrunner.config.providers import by_host, tls_of_port
from mailrunner.errors import Problem, UserError


def contradictions(account: Account, table: AccountTable, folder: Path) -> list[Problem]:
    """All problems of an account completed from `table`, their keys below the account's table.

    Paths in `table` start at `folder`.
    """
    smtp = (_host_problems, _tls_problems, _login_problems)
    checks = (*(smtp if table.via == "smtp" else (_smtp_problems,)), _imap_problems, _other_problems)
    found = [problem for check in checks for problem in check(account, table)]
    of_api = api_problems(table, account.preset, account.user, has_token=account.oauth is not None)
    signs_itself = "" if account.preset.name == "smtp" else account.preset.title
    found += dkim_problems(table.dkim, signs_itself=signs_itself, folder=folder)
    return [*of_api, *found, *_oauth_problems(account, table, folder)]


def _smtp_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    """Keys that say where an SMTP server is, in an account that uses none."""
    for key in ("host", "port", "tls"):
        if getattr(table, key) is not None:
            yield Problem(f"{key} means nothing to an HTTP API", key=key, hint='remove it, or via = "api"')


def refuse_without_login(account: Account) -> None:
    """Raise UserError where the provider takes OAuth only, and the account says nothing of it."""
    if account.preset.login == "oauth" and account.preset.serves(account.host) and account.oauth is None:
        raise UserError(
            Problem(
                f"{account.preset.title} takes no password from programs",
                file="mailrunner.toml",
                key=f"accounts.{account.name}",
                hint=f"add a table [accounts.{account.name}.oauth], as docs/login.md says",
            )
        )


def _host_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    if not account.host:
        yield Problem("this key is missing", key="host", hint='provider = "smtp" needs host and port')
    if not account.port:
        yield Problem("this key is missing", key="port", hint="587 for STARTTLS, 465 for implicit TLS")
    owner = by_host(account.host)
    if owner and not account.preset.serves(account.host):
        yield Problem(
            f"{account.host} is a server of {owner.title}, not of {account.preset.title}",
            key="host",
            hint=f'write provider = "{owner.name}", or remove host',
        )


def _tls_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    if not account.host or not account.port:
        return
    expected = tls_of_port(account.port)
    if table.tls is None and expected is None and account.port != account.preset.port:
        yield Problem(
            "this key is missing",
            key="tls",
            hint=f'port {account.port} does not imply it; write tls = "starttls", "implicit" or "none"',
        )
    elif expected and account.tls != expected:
        yield Problem(
            f'tls = "{account.tls}" contradicts port {account.port}',
            key="tls",
            hint=f'port {account.port} means tls = "{expected}"; for another way name another port',
        )
    elif account.tls == "none" and account.logs_in and not account.is_local:
        yield Problem(
            f'tls = "none" would send the password to {account.host} unencrypted',
            key="tls",
            hint='write tls = "starttls" or "implicit", or leave user and password out',
        )


def _login_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    is_own_server = account.preset.serves(account.host)
    by_password = login_of(table, account.preset) == "password"
    if by_password and is_own_server and account.preset.login == "password" and not account.user:
        yield Problem("this key is missing", key="user", hint=f"{account.preset.title} needs a login")
    elif account.password and not account.user:
        yield Problem("there is a password but no user", key="user", hint="add user, or remove password")
    # A loopback server seldom asks for a login; the user then only says whose quota it is.
    if account.user and account.password is None and by_password and not account.is_local:
        yield Problem("there is a user but no password", key="password", hint=account.preset.note)
    if is_own_server and account.preset.name == "google-workspace" and is_personal_google(account.user):
        yield Problem(
            f"{account.user} is a personal account, which may send less than a Workspace account",
            key="provider",
            hint='write provider = "gmail"',
        )


def _oauth_problems(account: Account, table: AccountTable, folder: Path) -> Iterator[Problem]:
    if login_of(table, account.preset) == "password":
        if table.oauth and table.login is None:
            yield Problem("nothing uses this table", key="oauth", hint='write login = "oauth" above it')
        elif account.preset.login == "oauth" and account.preset.serves(account.host):
            yield Problem(f"{account.preset.title} takes none", key="login", hint='write login = "oauth"')
        return
    if table.login is None and table.oauth is None:
        return  # the preset alone wants it: said where the account is used, as others in the file may be fit
    if not account.user:
        yield Problem("this key is missing", key="user", hint="the mailbox that the login is for")
    if table.password:
        hint = 'remove it, or write login = "password"'
        yield Problem('login = "oauth" uses no password', key="password", hint=hint)
    yield from oauth_problems(table.oauth, account.preset.oauth, account.preset.title, folder)


def _imap_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    if table.imap is None:
        return
    if account.imap is None:
        missing = "host" if not table.imap.host else "password"
        yield Problem(
            "this key is missing", key=f"imap.{missing}", hint="an IMAP login needs host, user and password"
        )
        return
    imap = account.imap
    if not imap.user:
        yield Problem(
            "this key is missing", key="imap.user", hint="neither the account nor imap names a user"
        )
    if table.imap.tls is None and imap.port not in IMAP_PORTS:
        hint = f'port {imap.port} does not imply it; write tls = "implicit", "starttls" or "none"'
        yield Problem("this key is missing", key="imap.tls", hint=hint)
    elif imap.tls == "none" and not is_loopback(imap.host):
        yield Problem(
            f'tls = "none" would send the password to {imap.host} unencrypted',
            key="imap.tls",
            hint='write tls = "implicit" or "starttls"',
        )


def _other_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    if account.ca_file and not is_file(account.ca_file):
        yield Problem(
            f'there is no file "{table.ca_file}"',
            key="ca_file",
            hint="the path starts at mailrunner.toml's folder",
        )
    for limit in account.limits:
        if limit.usable(account.reserve) == 0:
            hint = f"make it smaller than {limit.number}"
            yield Problem(
                f"a reserve of {account.reserve} leaves nothing of {limit}", key="reserve", hint=hint
            )
