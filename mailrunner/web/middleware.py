"""Security headers on every answer, and a note of it in the access log."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailrunner.web.access_log import AccessLog

_KINDS = frozenset({"u", "p", "events", "health", "logo"})
_TLS_ALWAYS = (b"strict-transport-security", b"max-age=31536000")  # a year


class SecurityMiddleware:
    """The application with its headers and its access log.

    `prefix` is the URL path under which it is published.  A proxy may pass it on or strip it: both reach
    the same pages.
    """

    def __init__(self, app: ASGIApp, *, access_log: AccessLog, policy: str, prefix: str = "") -> None:
        self._app, self._access_log, self._prefix = app, access_log, prefix.rstrip("/")
        self._headers = _headers(policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if self._is_inside(path):
            path = path.removeprefix(self._prefix)
            scope = {**scope, "path": path}
        started, status = time.perf_counter(), 500

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = self._complete(message, over_tls=scope["scheme"] == "https")
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        finally:
            request = f"{scope['method']} {_kind_of(path)}"
            self._access_log.answered(request, status, time.perf_counter() - started)

    def _is_inside(self, path: str) -> bool:
        return bool(self._prefix) and path.startswith(f"{self._prefix}/")

    def _complete(self, message: Message, *, over_tls: bool) -> Message:
        """The start of an answer with the headers that it lacks; one answer may serve many requests."""
        own = message["headers"]
        named = {name for name, _ in own}
        headers = [*own, *(header for header in self._headers if header[0] not in named)]
        if over_tls:
            headers.append(_TLS_ALWAYS)
        return {**message, "headers": headers}


def _headers(policy: str) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-robots-tag", b"noindex, nofollow"),
        (b"cache-control", b"no-store"),
    )


def _kind_of(path: str) -> str:
    """The kind of page that a path asks for, without its token: "/u/…"."""
    kind, _, rest = path.removeprefix("/").partition("/")
    if kind not in _KINDS:
        return "/…"
    return f"/{kind}/…" if rest else f"/{kind}"
