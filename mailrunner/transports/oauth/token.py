"""Tokens as values: when one is due, and what an answer of the authorization server says.

Pure: `now` is an argument.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

_EARLY = timedelta(minutes=5)
_USUAL_LIFE = timedelta(hours=1)  # where the answer does not say (RFC 6749 §5.1 lets it)
_LONGEST_LIFE = timedelta(days=400)
_JUST_GOT = timedelta(minutes=1)
_MOST_CHARACTERS = 16_384  # of a token; Microsoft's have some 3,000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A bearer token (RFC 6750)."""

    value: str = field(repr=False)
    obtained_at: datetime
    expires_at: datetime

    def is_due(self, now: datetime) -> bool:
        """True where it is to be got anew: five minutes before its end, or at half its life if that is short.

        Also where the clock has gone back behind its beginning: its age is not known then.
        """
        early = min(_EARLY, (self.expires_at - self.obtained_at) / 2)
        return now >= self.expires_at - early or now < self.obtained_at - _EARLY

    def is_new(self, now: datetime) -> bool:
        """True where it was got a moment ago, so that another one would be refused as well."""
        return abs(now - self.obtained_at) < _JUST_GOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The stored part of one login.

    `grant_id` is made by the login and stays while its tokens change; `access` is by scope;
    `ends_at` is the instant at which the refresh token ends, None where the server names none.
    `signed_in_as` is the address that the server named, "" without one.
    """

    grant_id: str
    refresh_token: str = field(default="", repr=False)
    access: Mapping[str, AccessToken] = field(default_factory=dict, repr=False)
    signed_in_as: str = ""
    logged_in_at: datetime
    ends_at: datetime | None = None

    def with_answer(self, answer: Mapping[str, Any], scope: str, now: datetime) -> Self:
        """This login after a token answer: a new refresh token takes the place of the old one (rotation).

        Raises ValueError where the answer has no usable token.
        """
        return replace(
            self,
            access={**self.access, scope: access_token(answer, now)},
            refresh_token=_token(answer.get("refresh_token")) or self.refresh_token,
            signed_in_as=signed_in_as(answer) or self.signed_in_as,
            ends_at=_ends_at(answer, now) or self.ends_at,
        )


def access_token(answer: Mapping[str, Any], now: datetime) -> AccessToken:
    """The access token of a token answer (RFC 6749 §5.1); ValueError where it holds none."""
    value = _token(answer.get("access_token"))
    if not value or str(answer.get("token_type") or "bearer").casefold() != "bearer":
        raise ValueError("the answer holds no bearer token")
    return AccessToken(
        value=value, obtained_at=now, expires_at=now + (_life(answer, "expires_in") or _USUAL_LIFE)
    )


def signed_in_as(answer: Mapping[str, Any]) -> str:
    """The address in the id token, "" without one.

    It came from the server itself over TLS, so its signature need not be looked at (OpenID Connect Core
    §3.1.3.7, rule 6).
    """
    parts = str(answer.get("id_token") or "").split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return ""
    named = (
        (claims.get(key) for key in ("email", "preferred_username", "upn"))
        if isinstance(claims, dict)
        else ()
    )
    found = next((name for name in named if isinstance(name, str) and "@" in name), "")
    return found if found.isprintable() and len(found) <= 320 else ""


def _ends_at(answer: Mapping[str, Any], now: datetime) -> datetime | None:
    """Google names the end of a refresh token that has one: 7 days for an app in status Testing."""
    life = _life(answer, "refresh_token_expires_in")
    return now + life if life else None


def _token(value: Any) -> str:
    """A token's text, "" where it is none that could be sent (RFC 6750 §2.1 and RFC 6749 appendix A.17)."""
    fit = isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value
    return value if fit and 0 < len(value) <= _MOST_CHARACTERS else ""


def _life(answer: Mapping[str, Any], key: str) -> timedelta | None:
    try:
        seconds = float(answer.get(key) or 0)
        return min(timedelta(seconds=seconds), _LONGEST_LIFE) if seconds > 0 else None
    except (TypeError, ValueError, OverflowError):
        return None


# -- As it stands in a file


def as_json(login: Login) -> str:
    """A login as text for its file."""
    written = {
        "grant_id": login.grant_id,
        "refresh_token": login.refresh_token,
        "signed_in_as": login.signed_in_as,
        "logged_in_at": login.logged_in_at.timestamp(),
        "ends_at": login.ends_at.timestamp() if login.ends_at else None,
        "access": {
            scope: {
                "value": token.value,
                "obtained_at": token.obtained_at.timestamp(),
                "expires_at": token.expires_at.timestamp(),
            }
            for scope, token in login.access.items()
        },
    }
    return json.dumps(written, indent=1) + "\n"


def from_json(text: str) -> Login:
    """The login of such a text; ValueError where it is none."""
    try:
        read = json.loads(text)
        return Login(
            grant_id=str(read["grant_id"]),
            refresh_token=_token(read["refresh_token"]),
            signed_in_as=str(read["signed_in_as"]),
            logged_in_at=_instant(read["logged_in_at"]),
            ends_at=_instant(read["ends_at"]) if read["ends_at"] else None,
            access={
                str(scope): AccessToken(
                    value=str(token["value"]),
                    obtained_at=_instant(token["obtained_at"]),
                    expires_at=_instant(token["expires_at"]),
                )
                for scope, token in read["access"].items()
            },
        )
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError, OSError):
        raise ValueError("no login") from None


def _instant(seconds: float) -> datetime:
    """An instant of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
