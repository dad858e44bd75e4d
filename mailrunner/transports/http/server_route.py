"""The way to an API's server: directly or through a proxy, TLS verified; or what stands in the way."""

from __future__ import annotations

import math
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.replies import http as replies
from mailrunner.transports import network
from mailrunner.transports.http.proxy import HttpProxy, ProxyFailedError, proxy_for

_CONNECT_TIMEOUT = 30.0
_HTTPS, _HTTP = 443, 80


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HttpReach:
    """The way to `url`'s server; `context` is for TLS, `own_proxy` the account's proxy or ""."""

    url: str
    context: ssl.SSLContext | None
    own_proxy: str
    timeout: float

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (_HTTPS if parts.scheme == "https" else _HTTP)

    @property
    def authority(self) -> str:
        """For the Host field (RFC 9110 §7.2): without a port where it is the scheme's own."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def open(self) -> socket.socket | Outcome:
        """Return a connected socket, or why there is none: an outcome with `offered=False`."""
        until = time.monotonic() + min(self.timeout, _CONNECT_TIMEOUT) * 2
        try:
            proxy = proxy_for(self.host, self.port, self.own_proxy)
        except ValueError as error:
            return _misconfigured(f"the proxy for {self.host} {error}")
        host, port = (proxy.host, proxy.port) if proxy else (self.host, self.port)
        try:
            sock = network.connect(
                network.resolve(host, port), min(self.timeout, _CONNECT_TIMEOUT), until=until
            )
        except OSError as error:
            return _unreachable(f"{'the proxy ' if proxy else ''}{network.explain(error, host, port)}")
        ready = self._prepare(sock, proxy, until)
        if isinstance(ready, Outcome):
            sock.close()
        return ready

    def _prepare(self, sock: socket.socket, proxy: HttpProxy | None, until: float) -> socket.socket | Outcome:
        try:
            if proxy and (refused := self._tunnel(sock, proxy, until)):
                return refused
            if self.context is None:
                return sock
            sock.settimeout(max(0.01, until - time.monotonic()) if math.isfinite(until) else None)
            return self.context.wrap_socket(sock, server_hostname=self.host)
        except ProxyFailedError as error:
            return _unreachable(str(error))
        except OSError as error:
            return self._failed_by(proxy, error) if proxy else self._failed(error)

    def _tunnel(self, sock: socket.socket, proxy: HttpProxy, until: float) -> Outcome | None:
        """Ask the proxy for a tunnel; None where there is one now.  Raises ProxyFailedError."""
        status, reason = proxy.connect(sock, self.host, self.port, until)
        if 200 <= status < 300:
            return None
        outcome = replies.connect_outcome(status, reason)
        sentence = f"the proxy {proxy.host} does not let us reach {self.host}: {outcome.reason}"
        return Outcome(outcome.kind, outcome.scope, sentence, outcome.reply, at_once=True, offered=False)

    def _failed(self, error: OSError) -> Outcome:
        if isinstance(error, ssl.SSLError) and (why := network.tls_refusal(error, self.host, self.port)):
            return _misconfigured(why)
        return _unreachable(network.explain(error, self.host, self.port))

    def _failed_by(self, proxy: HttpProxy, error: OSError) -> Outcome:
        """No TLS behind a proxy that opened the way: only a certificate is surely the server's own."""
        if isinstance(error, ssl.SSLError) and error.reason in network.PLAINTEXT:
            what = "what answers there does not speak TLS: does this network want a login in a browser first?"
            return _unreachable(f"{proxy.name} opened the way to {self.host}, but {what}")
        if isinstance(error, ssl.SSLError) and (why := network.tls_refusal(error, self.host, self.port)):
            return _misconfigured(why)
        what = "nothing answers there" if isinstance(error, TimeoutError) else "the connection broke"
        return _unreachable(f"{proxy.name} opened the way to {self.host}, but {what}")


def _unreachable(reason: str) -> Outcome:
    return Outcome(OutcomeKind.DEFERRED, Scope.CONNECTION, reason, offered=False)


def _misconfigured(reason: str) -> Outcome:
    return Outcome(OutcomeKind.REFUSED, Scope.CAMPAIGN, reason, at_once=True, offered=False)
