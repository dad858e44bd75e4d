"""The command that answers clicks: serve."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from mailrunner.cli import app
from mailrunner.cli.context import CommandContext, command, complain
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.event_log import EventLog
    from mailrunner.inbound.webhooks import WebhookParser
    from mailrunner.model.tokens import TokenSigner
    from mailrunner.store import Ledger
    from mailrunner.web.app import Site

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@command(app, "serve")
def serve(
    session: CommandContext,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 takes a free one.")] = 8025,
    unix: Annotated[
        Path | None, typer.Option("--unix", help="Listen on a socket file instead.", metavar="PATH")
    ] = None,
    root_path: Annotated[
        str | None,
        typer.Option(
            "--root-path", help="The path it is published under; by default base_url's.", metavar="P"
        ),
    ] = None,
    forwarded_allow: Annotated[
        str,
        typer.Option(
            "--forwarded-allow",
            help="Proxies whose X-Forwarded-For and -Proto are believed: addresses, networks, or *.",
            metavar="IPS",
        ),
    ] = "",
) -> None:
    """Answer clicks on unsubscribe links: one process, behind a proxy that speaks https."""
    _check_extra()
    _check_trusted(forwarded_allow)
    from mailrunner.web import server
    from mailrunner.web.access_log import AccessLog

    is_open = unix is None and host not in _LOOPBACK and not forwarded_allow
    listener = server.listen_unix(unix) if unix else server.listen(host, port)
    with closing(listener), session.open_ledger() as ledger, session.event_log() as log:
        prefix = _published_path(session) if root_path is None else root_path
        register = AccessLog(log, line=None if session.quiet else _log)
        application = _site(session, ledger, log).application(register, prefix=prefix)
        _say_where(session, server.address_of(listener), is_open=is_open)
        log.serving(server.address_of(listener))
        server.run(application, listener, trusted=forwarded_allow)
        register.close()
        log.serving_ended()
    if unix:
        unix.unlink(missing_ok=True)
    session.say("Stopped; every click that was answered is recorded.")


def _site(session: CommandContext, ledger: Ledger, log: EventLog) -> Site:
    from mailrunner.sending.token_signer import token_signer
    from mailrunner.web.app import Site

    signer = token_signer(session.project, ledger)
    return Site(ledger, signer, tell=complain, log=log, events=_events(session, signer))


def _events(session: CommandContext, signer: TokenSigner) -> WebhookParser | None:
    """What reads provider events, where mailrunner.toml names a provider."""
    settings = session.project.event_settings()
    if not settings:
        return None
    from mailrunner.inbound.webhooks import WebhookParser, check_installed

    check_installed()
    return WebhookParser(settings, signer=signer, notify=complain)


def _say_where(session: CommandContext, address: str, *, is_open: bool) -> None:
    """Where it listens, and what keeps people's clicks from arriving there."""
    base_url = session.project.unsubscribe.base_url
    session.say(f"Listening on {address}")
    if base_url is None:
        session.say(
            "  no message leads here yet: set base_url under [unsubscribe] in mailrunner.toml "
            "to the https address at which this server is reached"
        )
    elif not base_url.startswith("https://"):
        session.say(f"  {base_url} is not https: mail programs offer one click for https alone (RFC 8058)")
    else:
        session.say(f"  people reach it at {base_url}/u/…")
    if is_open:
        session.say(
            "  this address is open to others, without TLS: put a proxy with https in front of it, "
            "listen on 127.0.0.1 and name the proxy with --forwarded-allow"
        )


def _published_path(session: CommandContext) -> str:
    return urlsplit(session.project.unsubscribe.base_url or "").path


def _check_extra() -> None:
    try:
        import starlette
        import uvicorn
    except ModuleNotFoundError as error:
        raise UserError(
            Problem(f"serve needs {error.name}, which is not installed", hint='pip install "mailrunner[web]"')
        ) from error
    assert starlette and uvicorn  # noqa: S101


def _check_trusted(proxies: str) -> None:
    """uvicorn would take a misspelt address for the name of something and believe nobody, in silence."""
    problems = []
    for proxy in (part.strip() for part in proxies.split(",") if proxies and proxies != "*"):
        try:
            ip_network(proxy) if "/" in proxy else ip_address(proxy)
        except ValueError as error:
            problems.append(
                Problem(str(error), key="--forwarded-allow", hint="write e.g. 127.0.0.1 or 10.0.0.0/8")
            )
    UserError.collect(problems)


def _log(line: str) -> None:
    """One line of the access log."""
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}\n")
