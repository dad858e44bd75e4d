"""The ways to tell a user: a command, a POST, a message to oneself.

Each raises HookError where it failed; none takes longer than its time limit.
"""

from __future__ import annotations

import shlex
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mailrunner.model.terminal_text import one_line
from mailrunner.sending.hooks.events import HookEvent

COMMAND_SECONDS, POST_SECONDS = 20.0, 10.0
Channel = Callable[[HookEvent, str], None]


class HookError(Exception):
    """A hook could not be told; the text says why, without the address that was posted to."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def channel_of(target: str, folder: Path, mail: Callable[[str], Channel]) -> Channel:
    """What tells `target`: "mailto:…", an http(s) address, or a command with its arguments."""
    if target.casefold().startswith("mailto:"):
        return mail(target[len("mailto:") :])
    if target.casefold().startswith(("https://", "http://")):
        return lambda _, payload: _post(target, payload)
    argv = shlex.split(target)
    return lambda _, payload: _run(argv, payload, folder)


def name_of(target: str) -> str:
    """A target without what is secret in it: the host of an address, the command without arguments."""
    if "://" in target:
        return urlsplit(target).hostname or "the address"
    return target if target.casefold().startswith("mailto:") else shlex.split(target)[0]


def _run(argv: list[str], payload: str, folder: Path) -> None:
    """Run a command with the event on its stdin: no shell, and nothing of the event among its arguments."""
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command
            argv,
            input=payload.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            timeout=COMMAND_SECONDS,
            check=False,
            start_new_session=True,  # Ctrl-C at the run does not end it
        )
    except subprocess.TimeoutExpired:
        raise HookError(f"it did not end within {COMMAND_SECONDS:.0f} seconds") from None
    except (OSError, ValueError) as error:
        raise HookError(getattr(error, "strerror", None) or str(error)) from None
    if done.returncode:
        said = one_line(done.stderr.decode("utf-8", "replace"))[:200]
        raise HookError(f"it ended with {done.returncode}{f': {said}' if said else ''}")


def _post(url: str, payload: str) -> None:
    request = urllib.request.Request(  # noqa: S310 - the keys of mailrunner.toml allow http and https alone
        url, payload.encode(), {"Content-Type": "application/json", "User-Agent": "mailrunner"}
    )
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=POST_SECONDS):
            return
    except urllib.error.HTTPError as error:
        with error:
            raise HookError(f"it answered {error.code}") from None
    except (OSError, ValueError) as error:
        raise HookError(one_line(str(getattr(error, "reason", error)))[:200]) from None
