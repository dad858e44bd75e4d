"""Access tokens for SMTP, IMAP and APIs: kept while they are good, got anew before their end.

Of several processes and threads one asks the server, under a lock; the others take what it was given.  A
new refresh token is on disk before the access token that came with it is used.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from mailrunner.clock import Clock
from mailrunner.errors import Problem, UserError
from mailrunner.transports.oauth import advice, token_flows
from mailrunner.transports.oauth.errors import TokenUnavailableError
from mailrunner.transports.oauth.grant import Grant, identity, is_attended, scope, secret_text
from mailrunner.transports.oauth.requests import require_library
from mailrunner.transports.oauth.store import TokenStore, default_folder
from mailrunner.transports.oauth.token import AccessToken, Login


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """The tokens of one grant."""

    grant: Grant
    clock: Clock
    store: TokenStore

    @classmethod
    def of(cls, grant: Grant, clock: Clock, folder: Path | None = None) -> Self:
        """Those that are kept in `folder`; without one, in the user's own."""
        return cls(grant, clock, TokenStore(folder or default_folder(), identity(grant)))

    def require_login(self) -> None:
        """Raise UserError where a token cannot be had before a user acts: no login, no library."""
        require_library()
        if is_attended(self.grant) and not self.grant.refresh_token and self.login() is None:
            raise _not_logged_in(self.grant)

    def login(self) -> Login | None:
        """What is kept; None where nothing is.  Raises UserError for a file that is no login's."""
        return self.store.read()

    def current(self) -> AccessToken:
        """A token that is good for some minutes at least.

        Raises GrantRefusedError, TokenUnavailableError, and UserError where there is no login.
        """
        kept = self._kept(self.login())
        return kept or self._renew(refused="")

    def renewed(self, refused: AccessToken | None) -> AccessToken:
        """Another token than the one that a mail server refused; None: than the one that is kept.

        Raises as `current` does.
        """
        other = refused or self._kept(self.login())
        return self._renew(refused=other.value if other else "")

    def is_new(self, token: AccessToken) -> bool:
        """True where it was got a moment ago: another one would fare no better."""
        return token.is_new(self.clock.now())

    def keep(self, answer: dict[str, Any]) -> Login:
        """Begin a new login with the answer that a user's consent brought; return it.

        Raises TokenUnavailableError where the answer holds no token.
        """
        now = self.clock.now()
        with self.store.locked():
            login = self._after(_new_login(now), answer, now)
            if not login.refresh_token:
                raise TokenUnavailableError(f"{advice.TITLES[self.grant.provider]} gave no refresh token")
            self.store.write(login)
        return login

    def forget(self) -> bool:
        """Forget the login on this machine; False where there was none."""
        with self.store.locked():
            return self.store.forget()

    def setup_text(self) -> str:
        """What a refused login is remembered by: the grant, and never a token, which changes by the hour."""
        login = self.login() if is_attended(self.grant) and not self.grant.refresh_token else None
        return f"{secret_text(self.grant)}\0{login.grant_id if login else ''}"

    def _kept(self, login: Login | None, refused: str = "") -> AccessToken | None:
        token = login.access.get(scope(self.grant)) if login else None
        if token is None or token.value == refused or token.is_due(self.clock.now()):
            return None
        return token

    def _renew(self, *, refused: str) -> AccessToken:
        with self.store.locked():
            login = self.login()
            if kept := self._kept(login, refused):
                return kept  # another process was quicker
            now = self.clock.now()
            after = self._after(login or self._first(now), self._ask(login), now)
            self.store.write(after)
            return after.access[scope(self.grant)]

    def _ask(self, login: Login | None) -> dict[str, Any]:
        if not is_attended(self.grant):
            return token_flows.unattended(self.grant)
        given = self.grant.refresh_token.get_secret_value() if self.grant.refresh_token else ""
        refresh_token = login.refresh_token if login else given
        if not refresh_token:
            raise _not_logged_in(self.grant)
        return token_flows.refresh(self.grant, refresh_token)

    def _first(self, now: datetime) -> Login:
        """What is kept beside a grant that no `login` made."""
        return replace(_new_login(now), grant_id="")

    def _after(self, login: Login, answer: dict[str, Any], now: datetime) -> Login:
        try:
            return login.with_answer(answer, scope(self.grant), now)
        except ValueError:
            reason = f"{advice.TITLES[self.grant.provider]} gives an answer without a usable token"
            raise TokenUnavailableError(reason) from None


def _new_login(now: datetime) -> Login:
    return Login(grant_id=secrets.token_hex(16), logged_in_at=now)


def _not_logged_in(grant: Grant) -> UserError:
    return UserError(
        Problem(
            "it is not logged in yet, or was logged out",
            file="mailrunner.toml",
            key=f"accounts.{grant.account}",
            hint=f"type: mailrunner login {grant.account}",
        )
    )
