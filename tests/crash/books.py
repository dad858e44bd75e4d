"""The ledger held against the server's record.  It is read by SQL of its own, not by the product's code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed


def _is_away(error: BaseException) -> bool:
    """True while a PostgreSQL server is restarted."""
    return isinstance(error, OperationalError) and "psycopg" in type(error.orig).__module__


class Books:
    """What stands in the ledger at `url` now."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)

    def states(self) -> dict[str, str]:
        """The state of every address; nothing where a run died before it had made its tables."""
        query = "SELECT r.address, d.state FROM deliveries d JOIN recipients r ON r.id = d.id"
        return {address: state for address, state in self._rows(query)}  # noqa: C416 - rows are no pairs

    def phase(self) -> str:
        """The campaign's phase, "" before there is one."""
        found = self._rows("SELECT phase, '' FROM campaigns")
        return found[0][0] if found else ""

    def slots_used(self) -> int:
        """How many messages the ledger has counted against the account's cap."""
        totals = self._rows("SELECT scope, total FROM usage WHERE series = 'answers'")
        return max((int(total) for scope, total in totals if scope.startswith("account:")), default=0)

    def _rows(self, query: str) -> list[tuple[str, Any]]:
        try:
            return self._rows_of(query)
        except DBAPIError as error:
            if "no such table" in str(error) or "does not exist" in str(error):
                return []
            raise

    @retry(retry=retry_if_exception(_is_away), stop=stop_after_delay(30), wait=wait_fixed(0.1), reraise=True)
    def _rows_of(self, query: str) -> list[tuple[str, Any]]:
        with self._engine.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(text(query))]


@dataclass(slots=True)
class Tally:
    """What one or many campaigns came to.  `wrong` are sentences: there must be none."""

    campaigns: int = 0
    people: int = 0
    kills: int = 0
    restarts: int = 0
    accepted: int = 0
    duplicates: int = 0
    lost: int = 0
    in_doubt: int = 0
    doubts_taken: int = 0
    wrong: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in Tally.__slots__))


def judge(
    *,
    expected: Iterable[str],
    states: dict[str, str],
    copies: Counter[str],
    doubtful: Counter[str],
    kills: int,
    resend: bool = False,
    restarts: int = 0,
    cut_off: int = 0,
) -> Tally:
    """Count what the server accepted against what the ledger says of each person.

    `doubtful` counts how often the message of which was in flight at a kill, or cut off by the server: no
    other may be in doubt, but for as many as a server's restarts may have `cut_off`.  Where doubts are sent
    again (`resend`), so many further copies are no error.
    """
    people = list(expected)
    doubts = {address for address, state in states.items() if state == "in_doubt"}
    wrong = [
        f"{address} is {states.get(address, 'nowhere')} and has {copies[address]} copies"
        for address in sorted({*people, *states, *copies})
        if not _is_true(states.get(address, ""), copies[address], 1 + doubtful[address] * resend)
    ]
    unexplained = sorted(doubts - set(doubtful))
    if len(unexplained) > cut_off:
        wrong += [f"{address} is in doubt without a reason" for address in unexplained]
    return Tally(
        campaigns=1,
        people=len(people),
        kills=kills,
        restarts=restarts,
        accepted=copies.total(),
        duplicates=sum(number - 1 for number in copies.values() if number > 1),
        lost=sum(not copies[address] and states.get(address) not in _TOLD for address in people),
        in_doubt=len(doubts),
        doubts_taken=sum(copies[address] > 0 for address in doubts),
        wrong=tuple(wrong),
    )


_TOLD = ("failed", "in_doubt", "suppressed", "skipped")  # no copy, and the report says so


def _is_true(state: str, copies: int, most: int) -> bool:
    """Whether a state at the end agrees with the number of copies that the server has.

    Where doubts are sent again, one that was taken may be refused the second time: failed, with a copy.
    """
    if state == "sent":
        return 1 <= copies <= most
    if state == "in_doubt":
        return copies in (0, 1)
    return state in _TOLD and copies < most
