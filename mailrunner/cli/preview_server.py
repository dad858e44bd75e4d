"""The gallery of `mailrunner preview --serve`: served on loopback until it is stopped."""

from __future__ import annotations

import secrets
import sys
import threading
import webbrowser
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mailrunner.cli.context import CommandContext
from mailrunner.cli.listening import check_extra
from mailrunner.cli.output import complain
from mailrunner.cli.signals import SIGNALS

if TYPE_CHECKING:
    from mailrunner.sending.prepared_campaign import PreparedCampaign


def serve_preview(context: CommandContext, prepared: PreparedCampaign, *, open_: bool) -> None:
    """Serve the messages of a campaign until a signal comes; `open_` starts the browser."""
    check_extra("preview --serve")
    from mailrunner.preview import Preview
    from mailrunner.preview.list_index import ListIndex
    from mailrunner.web import server
    from mailrunner.web.access_log import AccessLog
    from mailrunner.web.forwarded import TrustedProxies
    from mailrunner.web.gallery.app import Gallery
    from mailrunner.web.gate.entrance import Entrance
    from mailrunner.web.gate.gate import GateRules

    preview = Preview(prepared, now=context.clock.now())
    index = ListIndex(prepared.recipients, preview.message)
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
        gallery = Gallery(index, preview, rules, entrance)
        reading = threading.Thread(target=index.fill, name="preview index")
        reading.start()
        file = _written_link(folder, f"{address}/enter?t={entrance.new_link()}")
        try:
            _say_where(context, address, file, open_=open_)
            server.run(
                gallery.application(access_log),
                listener,
                tell=complain,
                trusted="",
                ending_by=SIGNALS.ending_by,
            )
        finally:
            index.stop()
            file.unlink(missing_ok=True)
            reading.join()
        access_log.close()
    context.say("Stopped.")


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
