"""The user's consent to a login by OAuth: in this machine's browser, by a code, or by a pasted address."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mailrunner.cli.context import CommandContext
from mailrunner.cli.output import ask_of_user
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.config.oauth import OAuthSettings

_TIMEOUT = 300.0  # seconds for the user at the browser
# Nothing listens there: the browser ends at this address, which the user then copies.
_NOWHERE = "http://127.0.0.1:53017"
_MOST_PASTES = 5


def consent(context: CommandContext, grant: OAuthSettings, *, device: bool, paste: bool) -> dict[str, Any]:
    """The token answer after the user has agreed.

    Raises GrantRefusedError where the user does not agree, TokenUnavailableError where that takes too
    long, and UserError for an option that the provider does not know.
    """
    if device and grant.provider == "google":
        raise UserError(
            Problem(
                "Google gives no access to mail by a code for another device",
                key="--device",
                hint=f"without a browser here: mailrunner login {grant.account} --paste",
            )
        )
    if paste:
        return _by_paste(grant)
    return _by_device(context, grant) if device or grant.flow == "device" else _by_browser(grant)


def _by_browser(grant: OAuthSettings) -> dict[str, Any]:
    from mailrunner.transports.oauth import token_flows
    from mailrunner.transports.oauth.errors import TokenUnavailableError
    from mailrunner.transports.oauth.loopback import Listener

    with Listener.open(grant) as listener:
        begun = token_flows.begin_authorization(grant, listener.redirect_uri)
        listener.expect(begun.state)
        ask_of_user(
            f"Log in as {grant.user} on this page, which your browser should have opened:\n{begun.url}",
        )
        _open_browser(begun.url)
        code = listener.code(threading.Event(), _TIMEOUT)
    if code is None:
        raise TokenUnavailableError("the page was not agreed to within five minutes")
    return token_flows.exchange_code(grant, begun, code)


def _by_paste(grant: OAuthSettings) -> dict[str, Any]:
    from mailrunner.transports.oauth import token_flows
    from mailrunner.transports.oauth.errors import TokenUnavailableError
    from mailrunner.transports.oauth.loopback import pasted_code

    nowhere = _NOWHERE if grant.provider == "google" else _NOWHERE.replace("127.0.0.1", "localhost")
    begun = token_flows.begin_authorization(grant, nowhere)
    ask_of_user(f"Open this page on any computer, and log in as {grant.user}:\n{begun.url}")
    ask_of_user(f"The browser ends at an address on {nowhere} that it cannot open. Paste that address here:")
    for _ in range(_MOST_PASTES):
        line = sys.stdin.readline()
        if not line:
            break
        try:
            code = pasted_code(grant, begun.state, line)
        except ValueError as error:
            ask_of_user(f"{error}. Once more:")
            continue
        return token_flows.exchange_code(grant, begun, code)
    raise TokenUnavailableError("no address of this login was pasted")


def _by_device(context: CommandContext, grant: OAuthSettings) -> dict[str, Any]:
    from mailrunner.transports.oauth import token_flows
    from mailrunner.transports.oauth.device import wait_for_consent
    from mailrunner.transports.oauth.errors import TokenUnavailableError

    begun = token_flows.begin_device(grant)
    ask_of_user(f"On any device open {begun.page}, type {begun.user_code}, and log in as {grant.user}.")
    answer = wait_for_consent(grant, begun, clock=context.clock, stop=threading.Event())
    if answer is None:
        raise TokenUnavailableError("it was interrupted")
    return answer


def _open_browser(url: str) -> None:
    """Open it where there is a screen: a browser in the terminal would take the terminal."""
    on_screen = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if on_screen:
        with suppress(webbrowser.Error, OSError):
            webbrowser.open(url)
