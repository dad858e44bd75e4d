"""The OAuth token of an account, as its provider's HTTP API is given it."""

from __future__ import annotations

from mailrunner.clock import Clock
from mailrunner.config.oauth import OAuthSettings
from mailrunner.errors import UserError
from mailrunner.model.outcome import Outcome
from mailrunner.transports.oauth.access import AccessTokens
from mailrunner.transports.oauth.errors import GrantRefusedError, TokenUnavailableError, outcome_without_token
from mailrunner.transports.oauth.token import AccessToken


class TokenBearer:
    """A `Bearer` whose token is got before a connection is opened, and again where it is refused.

    Raises UserError where a user has to log in first.  The connections of one run share it.
    """

    def __init__(self, grant: OAuthSettings, clock: Clock) -> None:
        self._tokens = AccessTokens.of(grant, clock)
        self._tokens.require_login()
        self._token: AccessToken | None = None
        self._refused: AccessToken | None = None

    def __call__(self) -> str:
        return self._token.value if self._token else ""

    def prepare(self) -> Outcome | None:
        """Get a token that is good for some minutes; what stands in the way offered nothing."""
        refused, self._refused = self._refused, None
        try:
            self._token = self._tokens.renewed(refused) if refused else self._tokens.current()
        except (GrantRefusedError, TokenUnavailableError, UserError) as error:
            return outcome_without_token(error)
        return None

    def refused(self) -> bool:
        """True where the token was not new, so that another one may fare better."""
        if self._token is None or self._tokens.is_new(self._token):
            return False
        self._refused = self._token
        return True
