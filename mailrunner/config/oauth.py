"""OAuth settings of an account with `login = "oauth"`, and the contradictions in its table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from mailrunner.config.oauth_table import Flow, OAuthTable
from mailrunner.config.paths import is_file
from mailrunner.errors import Problem

# Names of Microsoft's that stand for many tenants: an app itself belongs to one.
_MANY_TENANTS = ("common", "organizations", "consumers")
_PROVIDER_OF_FLOW = {"device": "microsoft", "service-account": "google", "client-credentials": "microsoft"}
_ATTENDED = ("browser", "device")


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthSettings:
    """One grant: for `user`, by the app `client_id`, from `provider`'s authorization server.

    `account` is the account's name, for sentences.  `url` replaces scheme and host of the server ("": the
    provider's own).  `for_api`: tokens are for the provider's HTTP API, not for SMTP and IMAP.
    `is_personal`: a personal account at the provider, which no organisation administers.
    """

    account: str
    provider: Literal["google", "microsoft"]
    flow: Flow
    user: str
    client_id: str
    client_secret: SecretStr | None
    tenant: str
    refresh_token: SecretStr | None
    key_file: Path | None
    url: str
    is_personal: bool
    for_api: bool = False

    def secrets(self) -> tuple[SecretStr, ...]:
        """The secrets of the file; tokens that were got by them are not among them."""
        return tuple(secret for secret in (self.client_secret, self.refresh_token) if secret)


EXAMPLE = "put-it-here"  # what `init` writes where a user's own value belongs


def oauth_problems(table: OAuthTable | None, provider: str, title: str, folder: Path) -> Iterator[Problem]:
    """All that is wrong in the table, or that it lacks; keys are below the account's table.

    `provider` is the authorization server's owner ("": none that is known), `title` the mail provider's.
    """
    if not provider:
        hint = 'write login = "password"; Gmail, Google Workspace and Microsoft are those with OAuth'
        yield Problem(f"mailrunner knows no OAuth of {title}", key="login", hint=hint)
        return
    if table is None:
        hint = "add client_id and what else your app has: docs/login.md says what to click"
        yield Problem("this table is missing", key="oauth", hint=hint)
        return
    wanted = _PROVIDER_OF_FLOW.get(table.flow, provider)
    if wanted != provider:
        yield Problem(
            f'flow = "{table.flow}" is one of {wanted.capitalize()}\'s, not of {title}',
            key="oauth.flow",
            hint='write flow = "browser"; without a browser here, log in by: mailrunner login … --paste',
        )
        return
    yield from _missing(table, provider)
    yield from _unused(table, provider)
    if table.flow == "service-account" and table.key_file and not is_file(folder / table.key_file):
        hint = "the path starts at mailrunner.toml's folder"
        yield Problem(f'there is no file "{table.key_file}"', key="oauth.key_file", hint=hint)


def _missing(table: OAuthTable, provider: str) -> Iterator[Problem]:
    needed = {"client_id": "the id of your app: docs/login.md says where it stands"}
    if table.flow == "service-account":
        needed = {"key_file": "the JSON file that Google makes with the service account's key"}
    elif table.flow == "client-credentials" or provider == "google":
        needed["client_secret"] = "the secret that stands beside the client id"  # noqa: S105
    if table.flow == "client-credentials":
        needed["tenant"] = "the id of your tenant"
    for key, hint in needed.items():
        if getattr(table, key) is None:
            yield Problem("this key is missing", key=f"oauth.{key}", hint=hint)
    if table.flow == "client-credentials" and table.tenant in _MANY_TENANTS:
        yield Problem(
            f'tenant = "{table.tenant}" is none in particular',
            key="oauth.tenant",
            hint="write the id or a domain of your tenant",
        )


def _unused(table: OAuthTable, provider: str) -> Iterator[Problem]:
    """Keys that another flow or provider has; nothing that is written is ignored in silence."""
    if table.tenant and provider != "microsoft":
        yield Problem("only Microsoft has tenants", key="oauth.tenant", hint="remove it")
    if table.key_file and table.flow != "service-account":
        hint = 'write flow = "service-account", or remove it'
        yield Problem(f'flow = "{table.flow}" uses no key_file', key="oauth.key_file", hint=hint)
    if table.refresh_token and table.flow not in _ATTENDED:
        yield Problem(
            f'flow = "{table.flow}" uses no refresh_token', key="oauth.refresh_token", hint="remove it"
        )


def complete_oauth(
    table: OAuthTable,
    *,
    account: str,
    provider: Literal["google", "microsoft"],
    user: str,
    is_personal: bool,
    for_api: bool,
    folder: Path,
) -> OAuthSettings:
    """The settings, with the provider's own values where the table has none; paths start at `folder`."""
    return OAuthSettings(
        account=account,
        provider=provider,
        flow=table.flow,
        user=user,
        client_id=table.client_id or "",
        client_secret=table.client_secret,
        tenant=table.tenant or ("consumers" if is_personal else "organizations"),
        refresh_token=table.refresh_token,
        key_file=folder / table.key_file if table.key_file else None,
        url=table.url or "",
        is_personal=is_personal,
        for_api=for_api,
    )
