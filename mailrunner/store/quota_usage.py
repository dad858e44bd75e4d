"""The slots of an account or a campaign: a running total, of which any window is a difference.

`model.quota` has the rules; this file counts.  A row is (scope, series, total, stamp): after it, `total`
slots were ever used, the last of them at `stamp`.  The series is "answers"; older versions had another.
What a window used is the newest total less the total at the window's horizon: two index look-ups,
whatever the window and however much was sent.

A clock may be set back, and right again a moment later.  A stamp is never changed: while it lies in the
future its slots count as used now.  Slots that are used while the clock shows less than the newest stamp
have no time that could be trusted: their row, the last one, is *undated* and counts as used now, until a
clock shows at least the newest stamp again and gives it its own time, which is later than the true one.

The caller holds the account (`Database.lock_account`) in a writing transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from mailrunner.clock import utc_minute
from mailrunner.store.raw_sql import from_micros, run, to_micros

_KEEP = timedelta(days=70)

_LAST = "SELECT total, stamp FROM usage WHERE scope = ? AND series = 'answers' ORDER BY total DESC LIMIT 1"
_AT = """
    SELECT total FROM usage WHERE scope = ? AND series = 'answers' AND stamp <= ?
    ORDER BY stamp DESC LIMIT 1
"""
_DATED = """
    SELECT stamp FROM usage WHERE scope = ? AND series = 'answers' AND stamp < ?
    ORDER BY stamp DESC LIMIT 1
"""
_REACHING = """
    SELECT stamp FROM usage WHERE scope = ? AND series = 'answers' AND total >= ?
    ORDER BY total LIMIT 1
"""
_SINCE = "SELECT total, stamp FROM usage WHERE scope = ? AND series = 'answers' AND stamp > ? ORDER BY total"
_ADD = "INSERT INTO usage (total, stamp, scope, series) VALUES (?, ?, ?, 'answers')"
_GROW = "UPDATE usage SET total = ? WHERE scope = ? AND series = 'answers' AND total = ?"
_DATE = "UPDATE usage SET stamp = ? WHERE scope = ? AND series = 'answers' AND stamp = ?"
_MERGE = "DELETE FROM usage WHERE scope = ? AND series = 'answers' AND stamp = ?"
_DROP_OLD = "DELETE FROM usage WHERE scope = ? AND series = 'answers' AND total < ?"
_UNDATED = to_micros(datetime.max.replace(tzinfo=UTC))  # later than any clock, so that it is in every window
# The words of the small index of what is in flight: SQLite uses it only where a statement repeats them.
_HELD = {
    "account": "SELECT count(*) FROM deliveries WHERE state IN ('claimed', 'sending') AND account_no = ? "
    "AND (state = 'claimed' OR last_attempt_at > ?)",
    "campaign": "SELECT count(*) FROM deliveries WHERE state IN ('claimed', 'sending') AND campaign_no = ? "
    "AND account_no IS NOT NULL AND (state = 'claimed' OR last_attempt_at > ?)",
}


def account_scope(account_no: int) -> str:
    return f"account:{account_no}"


def campaign_scope(campaign_no: int) -> str:
    return f"campaign:{campaign_no}"


class UsageLog:
    """`quota.Usage` for one scope, inside one transaction."""

    def __init__(self, connection: Connection, scope: str) -> None:
        self._connection, self._scope = connection, scope
        self._held: dict[int, int] = {}  # asked once: limits of one claim ask again and again

    def used(self, horizon: datetime) -> int:
        return self._last()[0] - self._total_at(horizon)

    def stamp(self, horizon: datetime, nth: int) -> datetime | None:
        """As `quota.Usage.stamp`; None also for a slot that is undated, which counts as used now."""
        reaching = self._total_at(horizon) + nth
        found = run(self._connection, _REACHING, (self._scope, reaching)).fetchone()
        return from_micros(found[0]) if found and found[0] != _UNDATED else None

    def held(self, since: datetime | None) -> int:
        """Claimed, or being sent and begun after `since` (None: whenever)."""
        begun = to_micros(since) if since else 0
        if begun not in self._held:
            kind, no = self._scope.split(":")
            self._held[begun] = int(run(self._connection, _HELD[kind], (int(no), begun)).fetchone()[0])
        return self._held[begun]

    def history(self, horizon: datetime, now: datetime) -> list[tuple[datetime, int]]:
        """Stamps after `horizon` with the number of slots used at each, oldest first, for the forecast."""
        before = self._total_at(horizon)
        found: list[tuple[datetime, int]] = []
        values = (self._scope, to_micros(horizon))
        latest = now
        for total, micros in run(self._connection, _SINCE, values):
            stamp = from_micros(micros) if micros != _UNDATED else latest
            found.append((stamp, total - before))
            before, latest = total, max(latest, stamp)
        return found

    def add(self, now: datetime, slots: int = 1) -> None:
        """Use `slots` slots at `now`."""
        if slots <= 0:
            return
        moment = to_micros(now)
        last, stamp = self._last()
        if stamp == _UNDATED:
            self.date(now)
            stamp = self._last()[1]
        if moment < stamp < _UNDATED:
            moment = _UNDATED
        if last and stamp >= moment:
            run(self._connection, _GROW, (last + slots, self._scope, last))
        else:
            run(self._connection, _ADD, (last + slots, moment, self._scope))

    def date(self, now: datetime) -> None:
        """Date the slots that are undated, if `now` can be trusted: no stamp is later."""
        moment = to_micros(now)
        if self._last()[1] != _UNDATED or (newest := self._newest_date()) > moment:
            return
        if newest == moment:  # two rows cannot have one stamp
            run(self._connection, _MERGE, (self._scope, newest))
        run(self._connection, _DATE, (moment, self._scope, _UNDATED))

    def delete_old(self, now: datetime) -> None:
        """Delete what no window can reach, keeping the newest of it as the base of the totals."""
        # A clock that is wrong for once must not make everything old.
        newest = from_micros(self._newest_date())
        base = self._total_at(min(now, newest) - _KEEP)
        run(self._connection, _DROP_OLD, (self._scope, base))

    def later_than(self, now: datetime) -> datetime | None:
        """The newest stamp, if a clock at `now` has not come to it; else None."""
        newest = from_micros(self._newest_date())
        return newest if newest > now else None

    def _last(self) -> tuple[int, int]:
        """The newest total with its stamp in microseconds; zeros before the first."""
        return run(self._connection, _LAST, (self._scope,)).fetchone() or (0, 0)

    def _newest_date(self) -> int:
        """The newest stamp of slots that are dated; zero before the first."""
        found = run(self._connection, _DATED, (self._scope, _UNDATED)).fetchone()
        return found[0] if found else 0

    def _total_at(self, horizon: datetime) -> int:
        found = run(self._connection, _AT, (self._scope, to_micros(horizon))).fetchone()
        return found[0] if found else 0


def about_the_clock(logs: Iterable[UsageLog], now: datetime) -> str:
    """What to say of a wait for slots that were used, as it seems, in the future; "" where none were."""
    later = max((stamp for log in logs if (stamp := log.later_than(now))), default=None)
    if later is None:
        return ""
    return (
        f"some of it was used at {utc_minute(later)}, which the clock has not reached; "
        "look whether the clock is right"
    )
