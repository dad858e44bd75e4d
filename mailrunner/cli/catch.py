"""`mailrunner catch`: an SMTP server that keeps what it gets and shows it; nothing leaves this machine."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from mailrunner.cli.app import SERVICES, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.listening import check_extra
from mailrunner.cli.output import complain
from mailrunner.cli.signals import SIGNALS

_HOST = "127.0.0.1"


@command(app, "catch", panel=SERVICES)
def catch(
    context: CommandContext,
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65_535, help="TCP port for SMTP; 0 takes a free one."),
    ] = 1025,
    web: Annotated[
        int,
        typer.Option(
            "--web", metavar="N", min=0, max=65_535, help="TCP port for the pages; 0 takes a free one."
        ),
    ] = 8025,
) -> None:
    """Catch messages on this machine and show them, until Ctrl-C.

    Addresses that begin with full@, gone@, quota@, slow@ or cut@ fail as their names say.
    """
    serve_caught(context, port=port, web=web)


def serve_caught(context: CommandContext, *, port: int, web: int, mailbox: Path | None = None) -> None:
    """Catch and show until Ctrl-C, with the .eml files of `mailbox` to begin with.

    Raises UserError where the extra `web` is not installed, or where a port is taken.
    """
    check_extra("catch")
    from mailrunner.web import server
    from mailrunner.web.catcher.mailbox import arrivals
    from mailrunner.web.catcher.messages import CaughtMessages
    from mailrunner.web.catcher.pages import CatcherPages
    from mailrunner.web.catcher.smtp import CatchingServer

    smtp = server.listen(_HOST, port)
    with closing(smtp), closing(server.listen(_HOST, web)) as listener, closing(CaughtMessages()) as messages:
        address = "{}:{}".format(*smtp.getsockname()[:2])
        application = CatcherPages(messages, address=address).application(port=listener.getsockname()[1])
        for arrival in arrivals(mailbox) if mailbox else ():
            messages.add(arrival, context.clock.now())
        with CatchingServer(smtp, messages, now=context.clock.now):
            context.say(f"SMTP on {address}, without login and without TLS")
            context.say(f"Look at {server.address_of(listener)}/ (Ctrl-C ends it, and forgets the messages)")
            server.run(application, listener, tell=complain, trusted="", ending_by=SIGNALS.ending_by)
