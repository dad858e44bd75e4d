"""`mailrunner dashboard`: pages of the ledger for its operator, on a socket of their own."""

from __future__ import annotations

import socket
import sys
import webbrowser
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from mailrunner.cli.app import SERVICES, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.listening import check_extra, check_trusted, print_line
from mailrunner.cli.output import complain
from mailrunner.cli.signals import SIGNALS
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from mailrunner.event_log import EventLog
    from mailrunner.store import CampaignRecord, Ledger
    from mailrunner.web.dashboard.app import Dashboard
    from mailrunner.web.gate.entrance import Entrance
    from mailrunner.web.gate.gate import GateRules

PORT = 8026
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@command(app, "dashboard", panel=SERVICES)
def dashboard(
    context: CommandContext,
    host: Annotated[str, typer.Option("--host", metavar="IP", help="IP address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="N",
            min=0,
            max=65_535,
            help=f"TCP port to listen on; 0 takes a free one. Default: {PORT}, or a free one if it is taken.",
        ),
    ] = None,
    host_name: Annotated[
        list[str] | None,
        typer.Option(
            "--host-name",
            metavar="NAME",
            help="A name under which browsers reach it, with the port if it is not the usual one; "
            "may be repeated. Others are refused.",
        ),
    ] = None,
    forwarded_allow: Annotated[
        str,
        typer.Option(
            "--forwarded-allow",
            metavar="IPS",
            help="Proxies that may stand in front of it: IP addresses or networks, separated by commas. "
            "Default: none.",
        ),
    ] = "",
    forwarded_user: Annotated[
        str,
        typer.Option(
            "--forwarded-user",
            metavar="HEADER",
            help="The header in which these proxies name the user that is signed in, e.g. X-Forwarded-User.",
        ),
    ] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse every change.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    link: Annotated[
        bool,
        typer.Option("--link", help="Print a link into the dashboard that is running, and end."),
    ] = False,
) -> Exit:
    """Show campaigns, recipients, accounts and the suppression list in the browser.

    It never sends. It is entered with a link that works once, or with the password of mailrunner.toml.
    """
    check_extra("dashboard")
    from mailrunner.web.gate.entrance import Entrance

    password = context.project.dashboard_password
    secret = password.get_secret_value() if password else None
    entrance = Entrance(_folder(context), clock=context.clock, password=secret)
    if link:
        context.result(_link(_running_address(_folder(context)), entrance))
        return Exit.DONE
    check_trusted(forwarded_allow)
    _check_way_in(host, has_password=bool(password), has_user=bool(forwarded_user and forwarded_allow))
    from mailrunner.web import server
    from mailrunner.web.access_log import AccessLog
    from mailrunner.web.forwarded import TrustedProxies
    from mailrunner.web.gate.gate import GateRules

    listener = _listener(host, port)
    with closing(listener), context.open_ledger() as ledger, context.event_log() as log:
        address = server.address_of(listener)
        number = listener.getsockname()[1]
        rules = GateRules(
            hosts=_hosts(host, number, host_name or ()),
            cookie=f"mr_{ledger.mark}_{number}",
            proxies=TrustedProxies(forwarded_allow),
            user_header=forwarded_user,
            read_only=read_only,
        )
        made = _dashboard(context, ledger, log, rules, entrance)
        access_log = AccessLog(log, line=None if context.quiet else print_line)
        _say_where(context, address, entrance, open_=open_)
        with _told(_folder(context), address):
            server.run(
                made.application(access_log), listener, tell=complain, trusted="", ending_by=_ending_by(made)
            )
        access_log.close()
    context.say("Stopped.")
    return Exit.DONE


def _folder(context: CommandContext) -> Path:
    return context.folder / ".mailrunner"


def _check_way_in(host: str, *, has_password: bool, has_user: bool) -> None:
    """Raise UserError for an address that others reach, without a way to tell users from others."""
    if host not in _LOOPBACK and not has_password and not has_user:
        raise UserError(
            Problem(
                f"{host} is open to others, and nothing would keep them out",
                key="--host",
                hint="set password under [dashboard] in mailrunner.toml, or listen on 127.0.0.1 behind a "
                "proxy that signs users in (--forwarded-user with --forwarded-allow)",
            )
        )


def _listener(host: str, port: int | None) -> socket.socket:
    """The listening socket; on a free port where none was asked for and the usual one is taken."""
    from mailrunner.web import server

    if port is not None:
        return server.listen(host, port)
    try:
        return server.listen(host, PORT)
    except UserError:
        return server.listen(host, 0)


def _hosts(host: str, port: int, names: Iterable[str]) -> frozenset[str]:
    """The values of the Host header that are answered."""
    loopback = ("127.0.0.1", "localhost", "[::1]")
    own = f"[{host}]" if ":" in host else host
    with_port = {f"{name}:{port}" for name in (*loopback, own, *names)}
    return frozenset(name.lower() for name in with_port | set(names))


def _dashboard(
    context: CommandContext, ledger: Ledger, log: EventLog, rules: GateRules, entrance: Entrance
) -> Dashboard:
    from mailrunner.cli.message_again import MessageAgain
    from mailrunner.sending.python_api.ledger_states import finish_at
    from mailrunner.web.dashboard.app import Dashboard
    from mailrunner.web.dashboard.page_parts import Desk
    from mailrunner.web.dashboard.statistics_keeper import StatisticsKeeper

    def forecast(record: CampaignRecord, number: int) -> datetime | None:
        return finish_at(context.project, ledger, record, number, record.resume_at)

    folder = _folder(context)
    keeper = StatisticsKeeper(ledger, folder, forecast=forecast)
    desk = Desk(
        ledger=ledger,
        project=context.project,
        keeper=keeper,
        folder=folder,
        zone=_zone(context),
        log=log,
        show_message=MessageAgain(context).show,
    )
    return Dashboard(desk, rules, entrance)


def _zone(context: CommandContext) -> tzinfo:
    """The zone of the accounts where they agree, else this machine's."""
    zones = {account.timezone for account in context.project.accounts.values()}
    own = datetime.now().astimezone().tzinfo or UTC
    return zones.pop() if len(zones) == 1 else own


def _ending_by(made: Dashboard) -> Callable[[Callable[[], None]], AbstractContextManager[None]]:
    """Signals end the streams first: uvicorn waits for answers that are open."""

    def ending(stop: Callable[[], None]) -> AbstractContextManager[None]:
        def both() -> None:
            made.end()
            stop()

        return SIGNALS.ending_by(both)

    return ending


def _say_where(context: CommandContext, address: str, entrance: Entrance, *, open_: bool) -> None:
    """Print the address; with a link that works once only where a user reads it, and not a log."""
    context.say(f"The dashboard listens on {address}")
    if open_:
        if not _open(_folder(context), _link(address, entrance)):
            context.say("  no browser could be started")
    elif sys.stderr.isatty():
        context.say(f"  open {_link(address, entrance)} (works once, within ten minutes)")
    context.say("  another link: mailrunner dashboard --link")


def _open(folder: Path, link: str) -> bool:
    """Open the browser at a private file that leads to the link: its arguments are seen by other users."""
    from mailrunner.store.private_file import write

    file = folder / "dashboard" / "open.html"
    write(file, f'<!doctype html><meta http-equiv="refresh" content="0;url={link}">'.encode())
    return webbrowser.open(file.as_uri())


def _link(address: str, entrance: Entrance) -> str:
    return f"{address}/enter?t={entrance.new_link()}"


@contextmanager
def _told(folder: Path, address: str) -> Iterator[None]:
    """Let `--link` find the dashboard while it runs."""
    from mailrunner.store.private_file import make_folder, write

    file = folder / "dashboard" / "address"
    make_folder(file.parent)
    write(file, address.encode())
    try:
        yield
    finally:
        for name in ("address", "open.html"):
            file.with_name(name).unlink(missing_ok=True)


def _running_address(folder: Path) -> str:
    """The address of the dashboard that is running; raises UserError where none is."""
    try:
        address = (folder / "dashboard" / "address").read_text(encoding="utf-8")
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5):
            return address
    except OSError:
        raise UserError(
            Problem("no dashboard of this project is running", hint="start it: mailrunner dashboard")
        ) from None
