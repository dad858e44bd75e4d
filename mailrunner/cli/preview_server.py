"""The gallery of `mailrunner preview --serve`: served on loopback until it is stopped."""

from __future__ import annotations

import secrets
import sys
import webbrowser
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING

from mailrunner.cli.context import CommandContext
from mailrunner.cli.listening import check_extra
from mailrunner.cli.output import complain
from mailrunner.cli.signals import SIGNALS

if TYPE_CHECKING:
    from mailrunner.sending.prepared_campaign import PreparedCampaign
    from mailrunner.web.gallery.app import Gallery


def serve_preview(context: CommandContext, prepared: PreparedCampaign, *, open_: bool) -> None:
    """Serve the messages of a campaign until a signal comes; `open_` starts the browser."""
    check_extra("preview --serve")
    from mailrunner.preview.live import LivePreview
    from mailrunner.web import server
    from mailrunner.web.access_log import AccessLog
    from mailrunner.web.forwarded import TrustedProxies
    from mailrunner.web.gallery.app import Gallery
    from mailrunner.web.gate.entrance import Entrance
    from mailrunner.web.gate.gate import GateRules

    live = LivePreview(prepared, _loading(context, prepared), now=context.clock.now)
    folder = context.folder / ".mailrunner" / "preview"
    entrance = Entrance(folder, clock=context.clock)
    listener = server.listen("127.0.0.1", 0)
    with closing(listener), context.event_log() as log:
        address, port = server.address_of(listener), listener.getsockname()[1]
        rules = GateRules(
            hosts={f"{name}:{port}" for name in ("127.0.0.1", "localhost")},
            cookie=f"mr_preview_{secrets.token_hex(4)}_{port}",  # of this gallery alone
            proxies=TrustedProxies(""),
            read_only=True,
        )
        access_log = AccessLog(log)
        gallery = Gallery(live, rules, entrance)
        live.start()
        file = _written_link(folder, f"{address}/enter?t={entrance.new_link()}")
        try:
            _say_where(context, address, file, open_=open_)
            server.run(
                gallery.application(access_log),
                listener,
                tell=complain,
                trusted="",
                ending_by=_ending_by(gallery),
            )
        finally:
            file.unlink(missing_ok=True)
            live.stop()
        access_log.close()
    context.say("Stopped.")


def _loading(
    context: CommandContext, prepared: PreparedCampaign
) -> Callable[[PreparedCampaign | None], PreparedCampaign]:
    """Reads the files of this campaign anew; its id may be another one now."""
    name = str(prepared.campaign.file)
    return lambda before: context.prepare(name, list_of=before)


def _ending_by(gallery: Gallery) -> Callable[[Callable[[], None]], AbstractContextManager[None]]:
    """Streams end first: the server waits for open answers before it stops."""

    def ending_by(stop: Callable[[], None]) -> AbstractContextManager[None]:
        def end() -> None:
            gallery.end()
            stop()

        return SIGNALS.ending_by(end)

    return ending_by


def _written_link(folder: Path, link: str) -> Path:
    """A private file that leads to the link: other users see the arguments of a browser."""
    from mailrunner.store.private_file import make_folder, write

    file = folder / "open.html"
    make_folder(folder)
    write(file, f'<!doctype html><meta http-equiv="refresh" content="0;url={link}">'.encode())
    return file


def _say_where(context: CommandContext, address: str, file: Path, *, open_: bool) -> None:
    context.say(f"The preview listens on {address} until Ctrl-C")
    if open_ and webbrowser.open(file.as_uri()):
        return
    if open_:
        context.say("no browser could be started; open the file below yourself")
    sys.stderr.flush()
    context.result(str(file))
