"""A grant: by which app, for which user, from which server; its endpoints, its scopes, its identity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pydantic import SecretStr

Provider = Literal["google", "microsoft"]

GOOGLE_MAIL = "https://mail.google.com/"
_MICROSOFT_MAIL = (
    "https://outlook.office.com/SMTP.Send",
    "https://outlook.office.com/IMAP.AccessAsUser.All",
)
_MICROSOFT_GRAPH = ("https://graph.microsoft.com/Mail.Send", "https://graph.microsoft.com/Mail.Read")
_GRAPH_APP = "https://graph.microsoft.com/.default"
_MICROSOFT_APP = "https://outlook.office365.com/.default"
# Who signed in is told by an id token; Microsoft gives a refresh token for offline_access alone.
_IDENTITY = {"google": ("openid", "email"), "microsoft": ("offline_access", "openid", "email", "profile")}
_MICROSOFT = "https://login.microsoftonline.com"


class Grant(Protocol):
    """The grant that a token is asked for with; `mailrunner.config.oauth.OAuthSettings` is one.

    `url` replaces scheme and host of every endpoint; "" for the provider's own.
    """

    @property
    def account(self) -> str: ...
    @property
    def provider(self) -> Provider: ...
    @property
    def flow(self) -> Literal["browser", "device", "service-account", "client-credentials"]: ...
    @property
    def user(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def client_secret(self) -> SecretStr | None: ...
    @property
    def tenant(self) -> str: ...
    @property
    def refresh_token(self) -> SecretStr | None: ...
    @property
    def key_file(self) -> Path | None: ...
    @property
    def url(self) -> str: ...
    @property
    def is_personal(self) -> bool: ...
    @property
    def for_api(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Endpoints:
    """URLs of one authorization server; "" for what it has not."""

    authorize: str
    token: str
    device: str
    revoke: str


def endpoints(grant: Grant) -> Endpoints:
    """The server's endpoints.

    Source: developers.google.com/identity/protocols/oauth2/native-app and
    learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow.
    """
    if grant.provider == "google":
        return Endpoints(
            authorize=f"{grant.url or 'https://accounts.google.com'}/o/oauth2/v2/auth",
            token=f"{grant.url or 'https://oauth2.googleapis.com'}/token",
            device="",
            revoke=f"{grant.url or 'https://oauth2.googleapis.com'}/revoke",
        )
    base = f"{grant.url or _MICROSOFT}/{grant.tenant}/oauth2/v2.0"
    return Endpoints(
        authorize=f"{base}/authorize", token=f"{base}/token", device=f"{base}/devicecode", revoke=""
    )


def scope(grant: Grant, *, with_identity: bool = False) -> str:
    """The scopes of a token for SMTP and IMAP or, `for_api`, for the API, as the server wants them named.

    `with_identity`: with those of a login by a user.  Microsoft gives a token for one resource at a time.
    """
    if grant.flow == "client-credentials":
        return _GRAPH_APP if grant.for_api else _MICROSOFT_APP
    microsoft = _MICROSOFT_GRAPH if grant.for_api else _MICROSOFT_MAIL
    mail = (GOOGLE_MAIL,) if grant.provider == "google" else microsoft
    return " ".join((*mail, *(_IDENTITY[grant.provider] if with_identity else ())))


def is_attended(grant: Grant) -> bool:
    """True where a user logs in once, and a refresh token is kept."""
    return grant.flow in ("browser", "device")


def identity(grant: Grant) -> str:
    """The name under which the tokens of this grant are kept: another one for another app, user or secret.

    The account's name is not in it: accounts of several projects share a login.
    """
    parts = (grant.provider, grant.url, grant.tenant, grant.client_id, grant.user.strip().casefold())
    own = _flow_of(grant)
    return hashlib.sha256("\0".join((*parts, own)).encode()).hexdigest()[:32]


def secret_text(grant: Grant) -> str:
    """All of the file that a refusal may depend on: client, secrets and key; never shown, only digested.

    A key file that cannot be read counts as empty.
    """
    secrets = (
        secret.get_secret_value() if secret else "" for secret in (grant.client_secret, grant.refresh_token)
    )
    return "\0".join((identity(grant), *secrets, _octets(grant.key_file).hex()))


def _flow_of(grant: Grant) -> str:
    """Browser and device make the same grant; a refresh token of the file is one of its own."""
    if not is_attended(grant):
        return f"{grant.flow} {hashlib.sha256(_octets(grant.key_file)).hexdigest()}"
    given = grant.refresh_token.get_secret_value() if grant.refresh_token else ""
    return f"login {hashlib.sha256(given.encode()).hexdigest()}"


def _octets(file: Path | None) -> bytes:
    try:
        return file.read_bytes() if file else b""
    except OSError:
        return b""
