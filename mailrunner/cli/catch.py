"""`mailrunner catch`: an SMTP server that keeps what it gets and shows it; nothing leaves this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from mailrunner.cli.app import SERVICES, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.listening import check_extra
from mailrunner.cli.output import complain
from mailrunner.cli.signals import SIGNALS

if TYPE_CHECKING:
    from mailrunner.web.catcher.messages import CaughtMessages

_HOST = "127.0.0.1"
SLOW = 5.0  # seconds that slow@ waits


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
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="FOLDER",
            help="Write each message into this folder too, as .eml; they are shown again at the next start.",
        ),
    ] = None,
) -> None:
    """Catch messages on this machine and show them, until Ctrl-C.

    Addresses that begin with full@, gone@, quota@, slow@ or cut@ fail as their names say.
    """
    check_extra("catch")
    from mailrunner.web import server

    with closing(server.listen(_HOST, port)) as listener, catching(context, listener, keep=keep) as caught:
        context.say(f"SMTP on {caught.address}, without login and without TLS")
        show_caught(context, caught, web=web)


class RunningCatcher(NamedTuple):
    """A running SMTP server with the messages that it keeps; it listens at `port` on loopback."""

    port: int
    messages: CaughtMessages

    @property
    def address(self) -> str:
        return f"{_HOST}:{self.port}"


@contextmanager
def catching(
    context: CommandContext, listener: socket.socket, *, keep: Path | None, slow: float = SLOW
) -> Iterator[RunningCatcher]:
    """An SMTP server from here to the end of the block; `keep` is a folder for its messages.

    It begins with those that are in the folder.  `slow` is how many seconds slow@ waits.  Raises OSError
    where there can be no such folder.
    """
    from mailrunner.web.catcher.mailbox import Mailbox
    from mailrunner.web.catcher.messages import CaughtMessages
    from mailrunner.web.catcher.smtp import CatchingServer

    mailbox, now = Mailbox(keep) if keep else None, context.clock.now
    with closing(CaughtMessages()) as messages:
        for arrival in mailbox.arrivals() if mailbox else ():
            messages.add(arrival, now())
        with CatchingServer(listener, messages, now=now, mailbox=mailbox, slow=slow):
            yield RunningCatcher(listener.getsockname()[1], messages)


def show_caught(context: CommandContext, caught: RunningCatcher, *, web: int) -> None:
    """Serve the pages until Ctrl-C; needs the extra `web`, and raises UserError where the port is taken."""
    from mailrunner.web import server
    from mailrunner.web.catcher.pages import CatcherPages

    with closing(server.listen(_HOST, web)) as listener:
        pages = CatcherPages(caught.messages, address=caught.address)
        application = pages.application(port=listener.getsockname()[1])
        context.say(f"Look at {server.address_of(listener)}/ (Ctrl-C ends it)")
        server.run(application, listener, tell=complain, trusted="", ending_by=SIGNALS.ending_by)
