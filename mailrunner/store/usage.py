"""The slots of an account or a campaign: a running total, of which any window is a difference.

`quota.py` says what is counted; this file counts it.  A row is (scope, series, total, stamp): after
it, `total` slots were ever used, the last of them at `stamp`.  What a window used is the newest
total less the total at the window's horizon: two index look-ups, whatever the window and however
much was sent.  Stamps never decrease: a clock that was set back opens nothing, and stamps that lie
in the future are brought back to now.

The caller holds the account (`Database.hold_account`) in a writing transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from mailrunner.delivery import IN_FLIGHT, State
from mailrunner.quota import Series
from mailrunner.store.schema import deliveries, usage

_KEEP = {Series.STARTS: timedelta(hours=2), Series.ANSWERS: timedelta(days=70)}
# Spelt out in the statement: SQLite uses the small index of what is in flight only where the
# statement repeats the words of the index; a parameter would make it read every delivery.
_IN_FLIGHT = deliveries.c.state.in_(
    bindparam("in_flight", [str(state) for state in IN_FLIGHT], expanding=True, literal_execute=True)
)


def account_scope(account_no: int) -> str:
    return f"account:{account_no}"


def campaign_scope(campaign_no: int) -> str:
    return f"campaign:{campaign_no}"


# Prepared once: to put a statement together costs more than to run it.
_MINE = (usage.c.scope == bindparam("its_scope"), usage.c.series == bindparam("its_series"))
_OWN = select(usage.c.total, usage.c.stamp).where(*_MINE)
_LAST = _OWN.order_by(usage.c.total.desc()).limit(1)
_AT = _OWN.where(usage.c.stamp <= bindparam("horizon")).order_by(usage.c.stamp.desc()).limit(1)
_GROW = update(usage).where(*_MINE, usage.c.total == bindparam("was")).values(total=bindparam("is"))
_ADD = insert(usage).values(
    scope=bindparam("its_scope"),
    series=bindparam("its_series"),
    total=bindparam("its_total"),
    stamp=bindparam("its_stamp"),
)


class UsageLog:
    """`quota.Usage` for one scope, inside one transaction."""

    def __init__(self, connection: Connection, scope: str) -> None:
        self._connection, self._scope = connection, scope

    def used(self, series: Series, horizon: datetime) -> int:
        return self._newest(series) - self._total_at(series, horizon)

    def stamp(self, series: Series, horizon: datetime, nth: int) -> datetime | None:
        wanted = self._total_at(series, horizon) + nth
        rows = self._of(series).where(usage.c.total >= wanted).order_by(usage.c.total).limit(1)
        row = self._connection.execute(rows).first()
        return row.stamp if row else None

    def held(self, series: Series) -> int:
        """Claimed and not yet started; for answers also what is on the wire."""
        kind, no = self._scope.split(":")
        column = deliveries.c.account_no if kind == "account" else deliveries.c.campaign_no
        count = select(func.count()).where(column == int(no), _IN_FLIGHT)
        if series is Series.STARTS:
            count = count.where(deliveries.c.state == State.CLAIMED)
        if kind == "campaign":
            count = count.where(deliveries.c.account_no.is_not(None))
        return self._connection.execute(count).scalar_one()

    def history(self, series: Series, horizon: datetime) -> list[tuple[datetime, int]]:
        """Stamps after `horizon` with the number of slots used at each, for the forecast."""
        before = self._total_at(series, horizon)
        rows = self._connection.execute(
            self._of(series).where(usage.c.stamp > horizon).order_by(usage.c.total)
        )
        found = []
        for row in rows:
            found.append((row.stamp, row.total - before))
            before = row.total
        return found

    def add(self, series: Series, now: datetime, slots: int = 1) -> None:
        """Use `slots` slots at `now`."""
        if slots <= 0:
            return
        mine = {"its_scope": self._scope, "its_series": series.value}
        last = self._last(series)
        if last is not None and last.stamp >= now:
            self._connection.execute(_GROW, {**mine, "was": last.total, "is": last.total + slots})
        else:
            total = slots + (last.total if last else 0)
            self._connection.execute(_ADD, {**mine, "its_total": total, "its_stamp": now})

    def mend(self, now: datetime) -> None:
        """Bring stamps that lie in the future back to `now`, the latest of them in one row."""
        for series in Series:
            last = self._last(series)
            if last is None or last.stamp <= now:
                continue
            mine = (usage.c.scope == self._scope, usage.c.series == series)
            self._connection.execute(
                delete(usage).where(*mine, usage.c.stamp >= now, usage.c.total < last.total)
            )
            self._connection.execute(self._row(series, last.total).values(stamp=now))

    def forget_old(self, now: datetime) -> None:
        """Delete what no window can reach, keeping the newest of it as the base of the totals."""
        for series, age in _KEEP.items():
            base = self._total_at(series, now - age)
            mine = (usage.c.scope == self._scope, usage.c.series == series)
            self._connection.execute(delete(usage).where(*mine, usage.c.total < base))

    def _of(self, series: Series):  # type: ignore[no-untyped-def]
        return select(usage.c.total, usage.c.stamp).where(
            usage.c.scope == self._scope, usage.c.series == series
        )

    def _row(self, series: Series, total: int):  # type: ignore[no-untyped-def]
        mine = (usage.c.scope == self._scope, usage.c.series == series, usage.c.total == total)
        return update(usage).where(*mine)

    def _last(self, series: Series):  # type: ignore[no-untyped-def]
        return self._connection.execute(_LAST, {"its_scope": self._scope, "its_series": series.value}).first()

    def _newest(self, series: Series) -> int:
        last = self._last(series)
        return last.total if last else 0

    def _total_at(self, series: Series, horizon: datetime) -> int:
        mine = {"its_scope": self._scope, "its_series": series.value, "horizon": horizon}
        row = self._connection.execute(_AT, mine).first()
        return row.total if row else 0
