"""What the servers have accepted, in true time, and what the ledger says, by SQL of the soak's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.support.smtp_dialogue import Accepted
from tests.support.smtp_server import SmtpServer


@dataclass(frozen=True, slots=True)
class Copy:
    """A message that a server took."""

    campaign: str
    key: str
    at: datetime
    link: str  # the path of its unsubscribe page
    misled: bool = False  # it was sent under a clock whose fault no ledger can notice


class Server(SmtpServer):
    """A server that notes when it accepted what, by the true time."""

    def __init__(self, limits: tuple[tuple[int, timedelta], ...], now: Callable[[], datetime]) -> None:
        super().__init__()
        self.limits, self.copies = limits, list[Copy]()
        self.misled = False  # now
        self._now = now

    def keep(self, message: Accepted) -> int:
        link = message.header("List-Unsubscribe").partition("example.org")[2].partition(">")[0]
        campaign, key = message.header("X-Campaign"), message.recipient.lower()
        self.copies.append(Copy(campaign, key, self._now(), link, self.misled))
        return super().keep(message)

    def is_misled(self, clock: datetime, now: datetime) -> bool:
        """True for a clock that is ahead, or behind and yet later than all that was sent by the account.

        With the one a window seems to be over before it is; with the other, once the clock is right again.
        Neither can be told from time that has passed.
        """
        return clock > now or (clock < now and all(copy.at < clock for copy in self.copies))

    def over_the_cap(self, since: datetime) -> str:
        """A sentence about a window with too many, "" without one.

        What was sent under a clock that misled the ledger is not counted.
        """
        times = sorted(copy.at for copy in self.copies if copy.at >= since and not copy.misled)
        for most, window in self.limits:
            for first, last in zip(times, times[most:], strict=False):
                if last - first < window:
                    return f"{most + 1} accepted between {first} and {last}, of {most} in {window}"
        return ""


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as the ledger has it."""

    campaign: str
    key: str
    state: str


class LedgerBooks:
    """What stands in the ledger at `url` now; empty where it has no tables yet."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)

    def deliveries(self) -> list[Row]:
        query = (
            "SELECT c.id, d.key, d.state FROM deliveries d JOIN campaigns c ON c.no = d.campaign_no "
            "WHERE d.key LIKE '%@%'"  # not who was erased
        )
        return [Row(*row) for row in self._rows(query)]

    def counts(self, campaign: str) -> Counter[str]:
        query = (
            "SELECT d.state, count(*) FROM deliveries d JOIN campaigns c ON c.no = d.campaign_no "
            "WHERE c.id = :c GROUP BY d.state"
        )
        return Counter(dict(self._rows(query, c=campaign)))

    def phases(self) -> dict[str, str]:
        return dict(self._rows("SELECT id, phase FROM campaigns"))

    def suppressed(self) -> set[tuple[str, str]]:
        """Key and list of every entry."""
        return set(self._rows("SELECT key, list_key FROM suppressions"))

    def _rows(self, query: str, **values: str) -> list[Any]:
        with self._engine.connect() as connection:
            try:
                return [tuple(row) for row in connection.execute(text(query), values)]
            except Exception as error:
                if "no such table" in str(error) or "does not exist" in str(error):
                    return []
                raise
