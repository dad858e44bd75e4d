"""The values that live pages were last made of, for the moments in which the ledger is too slow or away."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mailrunner.errors import LedgerError

_MOST = 50  # pages


class KeptPage(NamedTuple):
    """The values of a page, and the moment at which they were read."""

    values: Mapping[str, Any]
    at: datetime


class KeptPages:
    """The pages that were asked for last, for several threads."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, KeptPage] = OrderedDict()
        self._lock = threading.Lock()

    def fresh_or_kept(self, name: str, read: Callable[[], Mapping[str, Any]], now: datetime) -> KeptPage:
        """What `read` gives; what it gave before where the ledger does not answer in time.

        Raises the LedgerError where it was never read, or where the error will not pass.
        """
        try:
            page = KeptPage(read(), now)
        except LedgerError as error:
            with self._lock:
                kept = self._pages.get(name)
            if kept is None or not error.passing:
                raise
            return kept
        with self._lock:
            self._pages[name] = page
            self._pages.move_to_end(name)
            while len(self._pages) > _MOST:
                self._pages.popitem(last=False)
        return page
