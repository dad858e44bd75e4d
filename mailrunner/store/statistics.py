"""Statistics of a whole campaign, each count apart: too slow for a page, and done in the background.

A delivery that is done has its moment in `not_before` (docs/states.md), so that one index has all states
in the order of time: `tally` of a whole campaign reads that index alone, and `tally` since a moment reads
only what is new.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from mailrunner.model.delivery import State
from mailrunner.model.inbound_event import EventKind
from mailrunner.store.database import Database
from mailrunner.store.event_effects import TAKEN_BACK
from mailrunner.store.raw_sql import from_micros, run, to_micros
from mailrunner.store.report_rows import Cause, Reading
from mailrunner.store.schema import CAMPAIGN_SHIFT

QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
DONE = (State.SENT, State.FAILED, State.SUPPRESSED, State.SKIPPED)  # what is in doubt may still move
KEYS_AT_ONCE = 100_000
_MICROSECOND = timedelta(microseconds=1)
_TALLY = f"""
    SELECT state, not_before / {QUARTER // _MICROSECOND} AS quarter, count(*) FROM deliveries
    WHERE campaign_no = ? GROUP BY state, quarter
"""  # noqa: S608 - a number of this file
_TALLY_SINCE = f"""
    SELECT state, not_before / {QUARTER // _MICROSECOND} AS quarter, count(*) FROM deliveries
    WHERE campaign_no = ? AND state = ? AND not_before >= ? GROUP BY state, quarter
"""  # noqa: S608
_RETURNED = f"""
    SELECT kind, happened_at / {DAY // _MICROSECOND} AS day, count(DISTINCT delivery_id) FROM returns
    WHERE delivery_id >= ? AND delivery_id < ? AND settled <> ? GROUP BY kind, day
"""  # noqa: S608
_DOMAIN = {"sqlite": "substr(key, instr(key, '@') + 1)", "postgresql": "split_part(key, '@', 2)"}
_FAILED_DOMAINS = """
    SELECT {domain} AS domain, count(*) AS number FROM deliveries
    WHERE campaign_no = ? AND state = 'failed' AND key IS NOT NULL
    GROUP BY domain ORDER BY number DESC, domain LIMIT ?
"""
_KEYS = "SELECT key FROM deliveries WHERE campaign_no = ? AND key > ? ORDER BY key LIMIT ?"
_NEWEST_RETURN = "SELECT max(no) FROM returns"


class Tally(NamedTuple):
    """Deliveries of one state that have their moment in the quarter of an hour from `quarter` on."""

    state: State
    quarter: datetime
    number: int


class WholeTally(NamedTuple):
    """The number of a campaign's deliveries, and those among them that are done."""

    total: int
    done: list[Tally]


class ReturnsOfDay(NamedTuple):
    """The number of messages with an inbound event of this kind on the day (UTC) that begins at `day`."""

    kind: EventKind
    day: datetime
    number: int


class Statistics:
    """The counts over whole campaigns of one ledger; each reads for as long as it takes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tally(self, campaign_no: int, before: datetime) -> WholeTally:
        """All deliveries of a campaign, and those that were done before a moment by quarter of an hour.

        With `tally_since` that moment, the numbers of those that are done are whole again.
        """
        with self._database.read() as connection:
            found = Counter({(row[0], row[1]): row[2] for row in run(connection, _TALLY, (campaign_no,))})
            total = found.total()
            for state in DONE:
                values = (campaign_no, state.value, to_micros(before))
                found -= Counter({(row[0], row[1]): row[2] for row in run(connection, _TALLY_SINCE, values)})
        done = [_tallied(state, quarter, n) for (state, quarter), n in found.items() if state in DONE]
        return WholeTally(total, done)

    def tally_since(self, campaign_no: int, since: datetime) -> list[Tally]:
        """The deliveries that were done at `since` or later, by quarter of an hour."""
        found: list[Tally] = []
        with self._database.read() as connection:
            for state in DONE:
                values = (campaign_no, state.value, to_micros(since))
                found += [_tallied(*row) for row in run(connection, _TALLY_SINCE, values)]
        return found

    def reasons(self, campaign_no: int, *, most: int) -> list[Cause]:
        """Why deliveries were not sent, the most frequent reason first."""
        states = (State.FAILED, State.SUPPRESSED, State.SKIPPED)
        with self._database.read() as connection:
            return Reading(connection, campaign_no).causes(*states, most=most)

    def failed_domains(self, campaign_no: int, *, most: int) -> list[tuple[str, int]]:
        """The domains with the most failed deliveries, and the number of each."""
        with self._database.read() as connection:
            statement = _FAILED_DOMAINS.format(domain=_DOMAIN[connection.dialect.name])
            return [(domain, number) for domain, number in run(connection, statement, (campaign_no, most))]

    def domains(self, campaign_no: int, after: str) -> tuple[Counter[str], str]:
        """The domains of the next keys behind `after` ("": from the first), and the last of these keys.

        The last key is "" where there is none behind it.  A part at a time, so that no read lasts long.
        """
        with self._database.read() as connection:
            keys = [key for (key,) in run(connection, _KEYS, (campaign_no, after, KEYS_AT_ONCE))]
        last = keys[-1] if len(keys) == KEYS_AT_ONCE else ""
        return Counter(key.rpartition("@")[2] for key in keys if "@" in key), last

    def returned(self, campaign_no: int) -> list[ReturnsOfDay]:
        """The inbound events of a campaign's messages by kind and day, without those taken back."""
        first, after = campaign_no << CAMPAIGN_SHIFT, (campaign_no + 1) << CAMPAIGN_SHIFT
        with self._database.read() as connection:
            rows = run(connection, _RETURNED, (first, after, TAKEN_BACK)).fetchall()
        micros = DAY // _MICROSECOND
        return [ReturnsOfDay(EventKind(kind), from_micros(day * micros), n) for kind, day, n in rows]

    def newest_return(self) -> int:
        """The number of the newest inbound event of the ledger; 0 for none."""
        with self._database.read() as connection:
            return int(run(connection, _NEWEST_RETURN).fetchone()[0] or 0)


def _tallied(state: str, quarter: int, number: int) -> Tally:
    return Tally(State(state), from_micros(quarter * (QUARTER // _MICROSECOND)), number)
