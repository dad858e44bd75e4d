"""`mailrunner serve`: the unsubscribe pages and the webhooks of providers, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from mailrunner.cli.app import SERVICES, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.listening import check_extra, check_trusted, print_line
from mailrunner.cli.output import complain
from mailrunner.cli.signals import SIGNALS

if TYPE_CHECKING:
    from mailrunner.event_log import EventLog
    from mailrunner.inbound.webhooks import WebhookParser
    from mailrunner.model.tokens import TokenSigner
    from mailrunner.store import Ledger
    from mailrunner.web.app import Site


_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@command(app, "serve", panel=SERVICES)
def serve(
    context: CommandContext,
    host: Annotated[str, typer.Option("--host", metavar="IP", help="IP address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="N", min=0, max=65_535, help="TCP port to listen on; 0 takes a free one."
        ),
    ] = 8025,
    unix: Annotated[
        Path | None,
        typer.Option(
            "--unix", help="Listen on this Unix socket instead of --host and --port.", metavar="PATH"
        ),
    ] = None,
    root_path: Annotated[
        str | None,
        typer.Option(
            "--root-path",
            help="URL path under which the proxy publishes the server, e.g. /news. "
            "Default: the path of base_url.",
            metavar="PATH",
        ),
    ] = None,
    forwarded_allow: Annotated[
        str,
        typer.Option(
            "--forwarded-allow",
            help="Proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted: IP addresses or networks, "
            "separated by commas, e.g. 10.0.0.0/8, or * for all. Default: none.",
            metavar="IPS",
        ),
    ] = "",
) -> None:
    """Serve the unsubscribe pages and the webhooks over HTTP.

    A proxy in front of it provides https.
    """
    check_extra("serve")
    check_trusted(forwarded_allow)
    from mailrunner.web import server
    from mailrunner.web.access_log import AccessLog

    is_open = unix is None and host not in _LOOPBACK and not forwarded_allow
    listener = server.listen_unix(unix) if unix else server.listen(host, port)
    opened = context.open_ledger()
    with closing(listener), opened as ledger, context.event_log() as log, context.complaints(ledger) as told:
        prefix = _published_path(context) if root_path is None else root_path
        access_log = AccessLog(log, line=None if context.quiet else print_line)
        application = _site(context, ledger, log, told).application(access_log, prefix=prefix)
        _say_where(context, server.address_of(listener), is_open=is_open)
        log.serving(server.address_of(listener))
        server.run(application, listener, tell=complain, trusted=forwarded_allow, ending_by=SIGNALS.ending_by)
        access_log.close()
        log.serving_ended()
    if unix:
        unix.unlink(missing_ok=True)
    context.say("Stopped; every click that was answered is recorded.")


def _site(context: CommandContext, ledger: Ledger, log: EventLog, complained: Callable[[], None]) -> Site:
    from mailrunner.web.app import Site
    from mailrunner.web.logo import load_logo
    from mailrunner.web.sender_names import Senders

    signer, logo = context.signer(ledger), context.project.unsubscribe.logo
    return Site(
        ledger,
        signer,
        tell=complain,
        log=log,
        webhooks=_webhooks(context, signer),
        complained=complained,
        sender=Senders(context.folder).name,
        logo=load_logo(context.folder, logo) if logo else None,
    )


def _webhooks(context: CommandContext, signer: TokenSigner) -> WebhookParser | None:
    """The parser of webhooks; None where mailrunner.toml has no table [events]."""
    settings = context.project.event_settings()
    if not settings:
        return None
    from mailrunner.inbound.webhooks import WebhookParser, check_installed

    check_installed()
    return WebhookParser(settings, signer=signer, notify=complain)


def _say_where(context: CommandContext, address: str, *, is_open: bool) -> None:
    """Print the address, and what keeps clicks of subscribers from arriving there."""
    base_url = context.project.unsubscribe.base_url
    context.say(f"Listening on {address}")
    if base_url is None:
        context.say(
            "  no message has a link to this server yet: set base_url under [unsubscribe] in mailrunner.toml "
            "to the https address of this server"
        )
    elif not base_url.startswith("https://"):
        context.say(f"  {base_url} is not https: mail programs offer one click for https alone (RFC 8058)")
    else:
        context.say(f"  subscribers reach it at {base_url}/u/…")
    if is_open:
        context.say(
            "  this address is open to others, without TLS: put a proxy with https in front of it, "
            "listen on 127.0.0.1 and name the proxy with --forwarded-allow"
        )


def _published_path(context: CommandContext) -> str:
    return urlsplit(context.project.unsubscribe.base_url or "").path
