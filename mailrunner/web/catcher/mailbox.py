"""A folder of .eml files: where caught messages are kept, and read again at the next start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from email.utils import parseaddr
from itertools import count
from pathlib import Path

from mailrunner.store.private_file import make_folder, write
from mailrunner.web.catcher.messages import MOST_MESSAGES, Arrival
from mailrunner.web.catcher.view import MessageParts


class Mailbox:
    """The messages in `folder`, which is made if need be; each has a number of ours for its name.

    Nothing in a message names a file, and none is ever overwritten or deleted.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self._folder = folder
        self._lock = threading.Lock()
        numbers = [int(file.stem) for file in self._files() if file.stem.isdecimal()]
        self._next = count(max(numbers, default=0) + 1)

    def keep(self, data: bytes) -> None:
        """Write one message; raises OSError where that is not possible."""
        with self._lock:
            number = next(self._next)
        write(self._folder / f"{number:06}.eml", data)

    def arrivals(self) -> Iterator[Arrival]:
        """The newest of them, the oldest first; recipient and sender are those of the headers."""
        for file in self._files()[-MOST_MESSAGES:]:
            data = file.read_bytes()
            parts = MessageParts.of(data)
            sender, recipient = (parseaddr(parts.header(name))[1] for name in ("From", "To"))
            yield Arrival(sender, recipient, parts.subject, parts.message_id, parts.list_id, "", data)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.eml"))
