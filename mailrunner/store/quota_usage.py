"""The slots of an account or a campaign: a running total, of which any window is a difference.

`model.quota` has the rules; this file counts.  A row is (scope, series, total, stamp): after
it, `total` slots were ever used, the last of them at `stamp`.  What a window used is the newest
total less the total at the window's horizon: two index look-ups, whatever the window and however
much was sent.  Stamps never decrease: a clock that was set back opens nothing, and stamps that lie
in the future are brought back to now.

The caller holds the account (`Database.lock_account`) in a writing transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from mailrunner.model.quota import Series
from mailrunner.store.raw_sql import from_micros, run, to_micros

_KEEP = {Series.STARTS: timedelta(hours=2), Series.ANSWERS: timedelta(days=70)}

_LAST = "SELECT total, stamp FROM usage WHERE scope = ? AND series = ? ORDER BY total DESC LIMIT 1"
_AT = "SELECT total FROM usage WHERE scope = ? AND series = ? AND stamp <= ? ORDER BY stamp DESC LIMIT 1"
_REACHING = "SELECT stamp FROM usage WHERE scope = ? AND series = ? AND total >= ? ORDER BY total LIMIT 1"
_SINCE = "SELECT total, stamp FROM usage WHERE scope = ? AND series = ? AND stamp > ? ORDER BY total"
_ADD = "INSERT INTO usage (total, stamp, scope, series) VALUES (?, ?, ?, ?)"
_GROW = "UPDATE usage SET total = ? WHERE scope = ? AND series = ? AND total = ?"
_RESTAMP = "UPDATE usage SET stamp = ? WHERE scope = ? AND series = ? AND total = ?"
_DROP_FUTURE = "DELETE FROM usage WHERE scope = ? AND series = ? AND stamp >= ? AND total < ?"
_DROP_OLD = "DELETE FROM usage WHERE scope = ? AND series = ? AND total < ?"
# The words of the small index of what is in flight: SQLite uses it only where a statement repeats them.
_HELD = {
    "account": "SELECT count(*), sum(CASE state WHEN 'claimed' THEN 1 ELSE 0 END) FROM deliveries "
    "WHERE state IN ('claimed', 'sending') AND account_no = ?",
    "campaign": "SELECT count(*), sum(CASE state WHEN 'claimed' THEN 1 ELSE 0 END) FROM deliveries "
    "WHERE state IN ('claimed', 'sending') AND campaign_no = ? "
    "AND account_no IS NOT NULL",
}


def account_scope(account_no: int) -> str:
    return f"account:{account_no}"


def campaign_scope(campaign_no: int) -> str:
    return f"campaign:{campaign_no}"


class UsageLog:
    """`quota.Usage` for one scope, inside one transaction."""

    def __init__(self, connection: Connection, scope: str) -> None:
        self._connection, self._scope = connection, scope
        self._held: dict[Series, int] | None = None  # asked once: limits of one claim ask again and again

    def used(self, series: Series, horizon: datetime) -> int:
        return self._last(series)[0] - self._total_at(series, horizon)

    def stamp(self, series: Series, horizon: datetime, nth: int) -> datetime | None:
        reaching = self._total_at(series, horizon) + nth
        found = run(self._connection, _REACHING, (self._scope, series.value, reaching)).fetchone()
        return from_micros(found[0]) if found else None

    def held(self, series: Series) -> int:
        """Claimed and not yet started; for answers also what is being sent."""
        if self._held is None:
            kind, no = self._scope.split(":")
            number, claimed = run(self._connection, _HELD[kind], (int(no),)).fetchone()
            self._held = {Series.STARTS: claimed or 0, Series.ANSWERS: number}
        return self._held[series]

    def history(self, series: Series, horizon: datetime) -> list[tuple[datetime, int]]:
        """Stamps after `horizon` with the number of slots used at each, for the forecast."""
        before = self._total_at(series, horizon)
        found = []
        values = (self._scope, series.value, to_micros(horizon))
        for total, stamp in run(self._connection, _SINCE, values):
            found.append((from_micros(stamp), total - before))
            before = total
        return found

    def add(self, series: Series, now: datetime, slots: int = 1) -> None:
        """Use `slots` slots at `now`."""
        if slots <= 0:
            return
        mine, moment = (self._scope, series.value), to_micros(now)
        last, stamp = self._last(series)
        if last and stamp >= moment:
            run(self._connection, _GROW, (last + slots, *mine, last))
        else:
            run(self._connection, _ADD, (last + slots, moment, *mine))

    def pull_back_future(self, now: datetime) -> None:
        """Bring stamps that lie in the future back to `now`, the latest of them in one row."""
        moment = to_micros(now)
        for series in Series:
            mine, (last, stamp) = (self._scope, series.value), self._last(series)
            if stamp > moment:
                run(self._connection, _DROP_FUTURE, (*mine, moment, last))
                run(self._connection, _RESTAMP, (moment, *mine, last))

    def delete_old(self, now: datetime) -> None:
        """Delete what no window can reach, keeping the newest of it as the base of the totals."""
        for series, age in _KEEP.items():
            base = self._total_at(series, now - age)
            run(self._connection, _DROP_OLD, (self._scope, series.value, base))

    def _last(self, series: Series) -> tuple[int, int]:
        """The newest total with its stamp in microseconds; zeros before the first."""
        return run(self._connection, _LAST, (self._scope, series.value)).fetchone() or (0, 0)

    def _total_at(self, series: Series, horizon: datetime) -> int:
        found = run(self._connection, _AT, (self._scope, series.value, to_micros(horizon))).fetchone()
        return found[0] if found else 0
