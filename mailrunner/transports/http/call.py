"""A single request to an API that is waited for: look-ups and quotas, which change nothing."""

from __future__ import annotations

from dataclasses import dataclass

from mailrunner.model.outcome import Outcome
from mailrunner.transports.apis import ApiUnavailableError
from mailrunner.transports.http.exchange import HttpExchange, LostExchange
from mailrunner.transports.http.server_route import HttpReach
from mailrunner.transports.http_request import HttpAnswer, HttpRequest
from mailrunner.transports.smtp.poller import wait_for


@dataclass(slots=True)
class _Waiting:
    stream: HttpExchange | None


@dataclass(slots=True)
class ApiCaller:
    """Calls the server of `reach`, over one connection while it lasts; `timeout` seconds for an answer."""

    reach: HttpReach
    timeout: float
    _exchange: HttpExchange | None = None

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        """Return the answer; raises ApiUnavailableError where there is none, or it asks to come back."""
        found = self.answer(request)
        if found.status >= 500 or found.status == 429:
            raise ApiUnavailableError(f"{self.reach.host} answered {found.status}")
        return found

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """Return the answer whatever it is; raises ApiUnavailableError where there is none."""
        exchange = self._connected()
        exchange.begin(request)
        while (found := exchange.pump()) is None:
            wait_for([_Waiting(exchange)], self.timeout)
        if isinstance(found, LostExchange):
            raise ApiUnavailableError(f"{self.reach.host}: {found.reason}")
        return found

    def _connected(self) -> HttpExchange:
        exchange = self._exchange
        if exchange is not None and exchange.is_reusable and exchange.is_silent():
            return exchange
        self.close()
        found = self.reach.open()
        if isinstance(found, Outcome):
            raise ApiUnavailableError(found.reason)
        self._exchange = HttpExchange(found, authority=self.reach.authority, timeout=self.timeout)
        return self._exchange

    def close(self) -> None:
        """Close the connection; never raises."""
        if self._exchange is not None:
            self._exchange.close()
        self._exchange = None
