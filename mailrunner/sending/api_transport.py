"""The transport of an account whose messages go to its provider's HTTP API; needs the extra `http`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import cast

from mailrunner.clock import Clock
from mailrunner.config.account import Account
from mailrunner.config.api_access import ApiAccess
from mailrunner.errors import Problem, UserError
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.rendering import Message
from mailrunner.rendering.message_pieces import MessagePieces
from mailrunner.sending.api_settings import api_of, bearer_of
from mailrunner.transports import network
from mailrunner.transports.apis import Api, ApiUnavailableError
from mailrunner.transports.apis.bearer import Bearer
from mailrunner.transports.http.call import ApiCaller
from mailrunner.transports.http.outcomes import ApiHealth, HttpOutcomes
from mailrunner.transports.http.server_route import HttpReach
from mailrunner.transports.http.transport import HttpTransport

_MISSING = (400, 422)  # the request lacks something: it was read, so the key was taken


@dataclass(frozen=True, slots=True, repr=False)
class ApiConnections:
    """Makes the connections of one run, which share what they learn; raises UserError without h11."""

    account: Account
    access: ApiAccess
    clock: Clock
    bearer: Bearer
    api: Api
    reach: HttpReach
    health: ApiHealth = field(default_factory=ApiHealth)

    @classmethod
    def of(cls, account: Account, access: ApiAccess, clock: Clock) -> ApiConnections:
        """Make them for an account with `via = "api"`."""
        if find_spec("h11") is None:
            hint = 'pip install "mailrunner[http]"'
            raise UserError(
                Problem("HTTP APIs need the package h11, which is not installed", key="via", hint=hint)
            )
        bearer = bearer_of(account, access, clock)
        context = network.tls_context(account.ca_file) if access.is_encrypted else None
        reach = HttpReach(
            url=access.url,
            context=context,
            own_proxy=access.proxy.get_secret_value() if access.proxy else "",
            timeout=account.timeout,
        )
        return cls(account, access, clock, bearer, api_of(account, access, bearer), reach)

    def transport(self) -> HttpTransport:
        """A new connection, not open yet."""
        return HttpTransport(
            api=self.api,
            bearer=self.bearer,
            reach=self.reach,
            timeout=self.account.timeout,
            secrets=self._secrets,
            view=lambda message: MessagePieces(cast("Message", message)),  # a run's are the renderer's
            messages_per_connection=self.account.messages_per_connection,
            health=self.health,
            clock=self.clock,
        )

    def caller(self, timeout: float) -> ApiCaller:
        """What asks the API for something and waits, `timeout` seconds for an answer."""
        return ApiCaller(self.reach, timeout)

    def try_key(self, timeout: float) -> Outcome | None:
        """Hand over a request without a message: None where the API takes the key and misses the message.

        The outcome says why it does not.  Raises ApiUnavailableError where that cannot be found out now.
        """
        if refused := self.bearer.prepare():
            return refused
        caller = self.caller(timeout)
        try:
            answer = caller.answer(self.api.key_request(self.clock.now()))
        finally:
            caller.close()
        outcome = HttpOutcomes(
            host=self.reach.host,
            api=self.api,
            clock=self.clock,
            health=ApiHealth(),
            secrets=self._secrets,
        ).answered(answer, "")
        if outcome.scope in (Scope.CREDENTIALS, Scope.ACCOUNT):
            return outcome
        if answer.status in _MISSING or (outcome.scope is Scope.CAMPAIGN and not outcome.at_once):
            return None
        if outcome.kind is not OutcomeKind.REFUSED:
            raise ApiUnavailableError(outcome.reason)
        return outcome

    def _secrets(self) -> Iterable[str]:
        return (*self.account.secrets(), self.bearer())
