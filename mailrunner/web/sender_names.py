"""The sender of a message, as the pages show it: From name and domain of the campaign, no address."""

from __future__ import annotations

import tomllib
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path


class Senders:
    """Names senders by the campaign files of one project; a file that is gone or changed is no mistake."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def name(self, campaign_file: str, domain: str) -> str:
        """The sender of a campaign, e.g. "Ana Pop · example.org"; "" where nothing is known."""
        path = self._folder / campaign_file
        try:
            found = _from_name(path, path.stat().st_mtime_ns)
        except OSError:
            found = ""
        return " · ".join(part for part in (found, domain) if part)


@lru_cache(maxsize=256)
def _from_name(path: Path, _changed: int) -> str:
    """The display name of `message.from`; "" where it has none, or has a variable in it."""
    try:
        written = tomllib.loads(path.read_text("utf-8"))["message"]["from"]
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    name = parseaddr(written)[0] if isinstance(written, str) else ""
    return "" if "${" in name or "@" in name else name
