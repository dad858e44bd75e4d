"""Statistics of campaigns, taken in the background within a budget of one twentieth of the time.

One thread reads at a time.  A campaign is counted again only while a page asks for it, and one that is over
only when an inbound event came since.  The first statistics of a campaign are taken at once.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from mailrunner.errors import MailrunnerError
from mailrunner.model.delivery import IN_FLIGHT, State
from mailrunner.store import CampaignRecord, Ledger, Phase
from mailrunner.store.private_file import make_folder, write
from mailrunner.web.dashboard.campaign_statistics import CampaignStatistics, Numbers, numbers, read, written

BUDGET = 20  # one part of so many of the time may be spent on counting
_LEAST = 5.0  # seconds between two counts of a campaign, however quick they are
_MARGIN = timedelta(minutes=1)  # no transaction lasts longer: what is older has its final number
_KEPT_EVERY = 30.0  # seconds
_MOST_REASONS, _MOST_DOMAINS = 12, 200
_OVER = (Phase.FINISHED, Phase.CANCELLED)
Forecast = Callable[[CampaignRecord, int], datetime | None]


class StatisticsKeeper:
    """The statistics of one ledger; `folder` is the project's `.mailrunner`, in which they are kept.

    `forecast` tells when so many messages of a campaign will have been sent; `elapsed` is in seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        folder: Path,
        *,
        forecast: Forecast,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._forecast, self._elapsed = ledger, forecast, elapsed
        self._file = folder / "dashboard" / "statistics.json"
        self._statistics = self._kept()
        self._wanted: dict[int, CampaignRecord] = {}
        self._parts: dict[int, tuple[str, Counter[str]]] = {}  # domains that are being counted
        self._changed_by_hand: set[int] = set()
        self._next_at = self._keep_at = float("-inf")
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="statistics", daemon=True)

    # -- For pages

    def of(self, record: CampaignRecord, *, wait: float = 0.0) -> CampaignStatistics | None:
        """The statistics of a campaign, and ask for newer ones; None if there are none in `wait` seconds."""
        with self._changed:
            self._wanted[record.no] = record
            self._changed.notify_all()
            self._changed.wait_for(lambda: record.no in self._statistics or self._stopped, timeout=wait)
            return self._statistics.get(record.no)

    def numbers(self, record: CampaignRecord, statistics: CampaignStatistics) -> Numbers:
        """The campaign's numbers at this moment."""
        browsing = self._ledger.browsing
        moving = {state: browsing.number(record.no, state) for state in (*IN_FLIGHT, State.IN_DOUBT)}
        since = self._ledger.statistics.tally_since(record.no, statistics.counted_to)
        return numbers(statistics, since, moving)

    def forget(self, campaign_no: int) -> None:
        """Count a campaign again, as it was changed by hand."""
        with self._changed:
            self._changed_by_hand.add(campaign_no)

    # -- In the background

    def start(self) -> None:
        """Begin to count what pages ask for."""
        self._thread.start()

    def stop(self) -> None:
        """Stop counting, and keep what is known."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._keep()

    def step(self) -> float:
        """Count one campaign that is due, or count one part of domains; seconds until the next may be due.

        Raises nothing: a ledger that cannot be read leaves the old statistics, which show their age.
        """
        with self._changed:
            wanted = list(self._wanted.values())
        fresh = [record for record in wanted if record.no not in self._statistics]
        now = self._elapsed()
        if not fresh and now < self._next_at:
            return self._next_at - now
        due = fresh or [record for record in wanted if self._is_due(record)]
        try:
            if due:
                self._take(due[0])
            elif not self._count_domains():
                return _LEAST
        except MailrunnerError:
            self._next_at = now + _LEAST
            return _LEAST
        spent = self._elapsed() - now
        self._next_at = now + spent * BUDGET
        return 0.0 if len(fresh) > 1 else spent * (BUDGET - 1)

    def _work(self) -> None:
        while not self._stopped:
            pause = self.step()
            if self._elapsed() >= self._keep_at:
                self._keep()
                self._keep_at = self._elapsed() + _KEPT_EVERY
            with self._changed:
                if not self._stopped and pause > 0:
                    self._changed.wait(timeout=pause)

    def _is_due(self, record: CampaignRecord) -> bool:
        statistics = self._statistics[record.no]
        if record.no in self._changed_by_hand:
            return True
        if record.phase in _OVER and statistics.of_state == self._state_of(record):
            with self._changed:
                self._wanted.pop(record.no, None)
            return False
        age = (self._ledger.clock.now() - statistics.taken_at).total_seconds()
        return age >= max(_LEAST, statistics.seconds * BUDGET)

    def _state_of(self, record: CampaignRecord) -> str:
        return f"{record.phase} {record.finished_at} {self._ledger.statistics.newest_return()}"

    def _take(self, record: CampaignRecord) -> None:
        """Count one campaign; it is wanted no more until a page asks again."""
        began, counted = self._elapsed(), self._ledger.statistics
        of_state, now = self._state_of(record), self._ledger.now()
        known = self._statistics.get(record.no)
        whole = counted.tally(record.no, now - _MARGIN)
        statistics = CampaignStatistics(
            taken_at=now,
            counted_to=now - _MARGIN,
            seconds=0.0,
            total=whole.total,
            done=whole.done,
            reasons=counted.reasons(record.no, most=_MOST_REASONS),
            failed_domains=counted.failed_domains(record.no, most=_MOST_DOMAINS),
            returned=counted.returned(record.no),
            domains=known.domains if known and known.total == whole.total else {},
            of_state=of_state,
        )
        statistics.finish_at = self._finish_at(record, statistics)
        statistics.seconds = self._elapsed() - began
        with self._changed:
            self._statistics[record.no] = statistics
            self._wanted.pop(record.no, None)
            self._changed_by_hand.discard(record.no)
            self._changed.notify_all()
        if not statistics.domains and statistics.total:
            self._parts.setdefault(record.no, ("", Counter()))

    def _finish_at(self, record: CampaignRecord, statistics: CampaignStatistics) -> datetime | None:
        left = self.numbers(record, statistics).counts.open
        return self._forecast(record, left) if left and record.phase not in _OVER else record.finished_at

    def _count_domains(self) -> bool:
        """Count the domains of the next keys of one campaign; False if there is none to count."""
        if not self._parts:
            return False
        no, (after, found) = next(iter(self._parts.items()))
        more, last = self._ledger.statistics.domains(no, after)
        found.update(more)
        if last:
            self._parts[no] = (last, found)
            return True
        del self._parts[no]
        with self._changed:
            if statistics := self._statistics.get(no):
                statistics.domains = dict(found.most_common(_MOST_DOMAINS)) or {"": 0}
        return True

    # -- Kept for the next start

    def _kept(self) -> dict[int, CampaignStatistics]:
        try:
            return read(self._file.read_bytes(), self._ledger.mark)
        except OSError:
            return {}

    def _keep(self) -> None:
        """Write the file in one step; where that is not possible, the next start counts again."""
        with self._changed:
            octets = written(self._statistics, self._ledger.mark)
        with suppress(OSError):
            make_folder(self._file.parent)
            fresh = self._file.with_suffix(".new")
            write(fresh, octets)
            fresh.replace(self._file)
