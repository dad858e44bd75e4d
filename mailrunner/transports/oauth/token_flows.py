"""The ways to a token (RFC 6749, 7523, 7636, 8628), over authlib: each asks the server once.

All raise GrantRefusedError where the server refuses, with its error in words, TokenUnavailableError where it
gives no usable answer, and UserError where authlib is not installed or a key file is of no use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mailrunner.transports.oauth import advice, service_account
from mailrunner.transports.oauth.errors import GrantRefusedError, TokenUnavailableError
from mailrunner.transports.oauth.grant import Grant, endpoints, scope
from mailrunner.transports.oauth.requests import TokenSession, require_library

_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"  # RFC 8628 §3.4
_BUSY = frozenset({"temporarily_unavailable", "server_error"})
_LONGEST_CODE = 200  # characters of what a user has to type or open


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A login that was begun in a browser: the page to open, and what its answer is checked by."""

    url: str = field(repr=False)
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLogin:
    """A login that was begun on a device: the code that the user types on a page; times in seconds."""

    user_code: str
    page: str
    device_code: str = field(repr=False)
    interval: float
    expires_in: float


def begin_authorization(grant: Grant, redirect_uri: str) -> Authorization:
    """The page on which the user allows it, with PKCE (RFC 7636) and a state of its own."""
    from authlib.common.security import generate_token

    state, verifier = generate_token(43), generate_token(64)
    own = {"access_type": "offline", "prompt": "consent"} if grant.provider == "google" else {}
    url, _ = _client(grant, redirect_uri=redirect_uri).create_authorization_url(
        endpoints(grant).authorize,
        state=state,
        code_verifier=verifier,
        scope=scope(grant, with_identity=True),
        login_hint=grant.user,
        **own,
    )
    return Authorization(url=url, redirect_uri=redirect_uri, state=state, verifier=verifier)


def exchange_code(grant: Grant, begun: Authorization, code: str) -> dict[str, Any]:
    """The tokens for the code that the browser brought."""
    client = _client(grant, redirect_uri=begun.redirect_uri)
    with _refusals(grant):
        return dict(
            client.fetch_token(
                endpoints(grant).token,
                grant_type="authorization_code",
                code=code,
                code_verifier=begun.verifier,
                scope=scope(grant, with_identity=True),
            )
        )


def refresh(grant: Grant, refresh_token: str) -> dict[str, Any]:
    """New tokens for a refresh token, which stays valid if the answer brings no other."""
    with _refusals(grant, refresh_token):
        return dict(
            _client(grant).refresh_token(
                endpoints(grant).token,
                refresh_token=refresh_token,
                **({"scope": scope(grant, with_identity=True)} if grant.provider == "microsoft" else {}),
            )
        )


def unattended(grant: Grant) -> dict[str, Any]:
    """A token without a user: by the client's own secret, or by a service account's key."""
    if grant.flow == "client-credentials":
        with _refusals(grant):
            return dict(
                _client(grant).fetch_token(
                    endpoints(grant).token, grant_type="client_credentials", scope=scope(grant)
                )
            )
    client, assertion = _client(grant), service_account.assertion(grant)
    with _refusals(grant, assertion):
        return dict(
            client.fetch_token(
                endpoints(grant).token,
                grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer",
                assertion=assertion,
            )
        )


def begin_device(grant: Grant) -> DeviceLogin:
    """Ask for a code that the user types elsewhere (RFC 8628 §3.1)."""
    require_library()
    form = {"client_id": grant.client_id, "scope": scope(grant, with_identity=True)}
    with _refusals(grant):
        answer = TokenSession().post(endpoints(grant).device, form, {**_FORM})
        read = _object(answer.json())
        if "error" in read:
            raise advice.refusal(grant, str(read["error"]), str(read.get("error_description") or ""))
        return DeviceLogin(
            user_code=_shown(read["user_code"]),
            page=_shown(read["verification_uri"]),
            device_code=str(read["device_code"]),
            interval=min(max(float(read.get("interval") or 5), 1.0), 60.0),  # RFC 8628 §3.2: 5 by default
            expires_in=min(float(read["expires_in"]), 3600.0),
        )


def poll_device(grant: Grant, begun: DeviceLogin) -> dict[str, Any]:
    """The tokens once the user has allowed it.

    Before that, GrantRefusedError with code "authorization_pending" or "slow_down" (RFC 8628 §3.5).
    """
    client = _client(grant)
    with _refusals(grant, begun.device_code):
        return dict(
            client.fetch_token(endpoints(grant).token, grant_type=_DEVICE, device_code=begun.device_code)
        )


def revoke(grant: Grant, token: str) -> None:
    """Revoke a refresh token, and all access tokens with it (RFC 7009); one that is none any more is fine.

    To be called only where the server has an endpoint for it.
    """
    with _refusals(grant, token):
        answer = _client(grant).revoke_token(endpoints(grant).revoke, token=token)
        if answer.status_code != 200 and _object(answer.json()).get("error") != "invalid_token":
            raise TokenUnavailableError(f"{answer.host} answers with HTTP status {answer.status_code}")


_FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


def _client(grant: Grant, **options: str) -> Any:
    require_library()
    from authlib.oauth2.client import OAuth2Client

    secret = grant.client_secret.get_secret_value() if grant.client_secret else None
    method = "client_secret_post" if secret else "none"
    return OAuth2Client(
        TokenSession(),
        client_id=grant.client_id,
        client_secret=secret,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        code_challenge_method="S256",
        **options,
    )


@contextmanager
def _refusals(grant: Grant, *secrets: str) -> Iterator[None]:
    """Turn the server's errors into ours; their text is shown without the secrets that it may repeat."""
    from authlib.common.errors import AuthlibBaseError

    try:
        yield
    except AuthlibBaseError as error:
        code, text = str(error.error or ""), str(error.description or "")
        if code in _BUSY:
            raise TokenUnavailableError(f"{advice.TITLES[grant.provider]} is busy: {code}") from None
        raise advice.refusal(grant, code, text, *secrets) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = f"{advice.TITLES[grant.provider]} gives an answer that is none of a token server"
        raise TokenUnavailableError(reason) from None


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _shown(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _LONGEST_CODE:
        raise ValueError("nothing to show")
    return value


__all__ = [
    "Authorization",
    "DeviceLogin",
    "GrantRefusedError",
    "TokenUnavailableError",
    "begin_authorization",
    "begin_device",
    "exchange_code",
    "poll_device",
    "refresh",
    "revoke",
    "unattended",
]
