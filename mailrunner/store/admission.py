"""Admission of a run to a database that may be a promoted standby, a restored dump or an older file.

Such a ledger has no record of the messages sent last, and would have them sent again.  Its lineage tells
it, or the rollback guard, or this machine's send journal.  Every run is refused until the user says that
it is the right one (`--same-ledger`); then the journal brings what the ledger does not know.  Each machine
has its own journal, so a run waits until all that were seen lately have brought theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select, update

from mailrunner.errors import LedgerError
from mailrunner.model.number_and_noun import counted
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store.database import Database
from mailrunner.store.lineage import differs, is_failover, lineage_of
from mailrunner.store.lost_attempts import any_lost, leave_lost_in_doubt
from mailrunner.store.machines import Machine, lineage_told, note_machine, tell_all, untold
from mailrunner.store.rollback_guard import CONFIRM
from mailrunner.store.schema import ledger
from mailrunner.store.send_journal import SendJournal

_LOST = "messages that this machine began are unknown to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A run that may begin: the `lineage` it relies on, notices, and a wait for other machines, if any."""

    lineage: str = ""
    notices: tuple[str, ...] = ()
    wait: Wait | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerConsent:
    """The user's consent: `same` with `--same-ledger`; `synchronous` in `[ledger] failover`."""

    same: bool = False
    synchronous: bool = False


def admit(
    database: Database, journal: SendJournal, folder: Path, known: str, consent: LedgerConsent
) -> Admission:
    """Let a run begin; `known` is the lineage that the rollback guard holds ("" for none).

    Raises LedgerError, with nothing changed, for a database that was replaced and not confirmed.
    """
    with database.write() as connection:
        database.lock_ledger(connection)
        now, found = database.now(connection), lineage_of(connection)
        told = lineage_told(connection, folder) or known
        before = [one for one in (_confirmed(connection), told) if differs(one, found)]
        lost = any_lost(connection, journal.latest())
        synchronous = consent.synchronous and not lost and all(is_failover(one, found) for one in before)
        if (before or lost) and not (consent.same or synchronous):
            why = _sentence(before[0], found) if before else _LOST
            raise LedgerError(f"the ledger was put back to an earlier state: {why}", CONFIRM)
        confirms = bool(before) or consent.same
        number = leave_lost_in_doubt(connection, journal.entries(), now) if confirms else 0
        connection.execute(update(ledger).values(lineage=found))
        if before and synchronous:  # it lost nothing, whichever machine had begun it
            tell_all(connection, found)
        note_machine(connection, folder, now, found, clock_ahead=database.clock_ahead)
        notices = _notices(number) if confirms else ()
        return Admission(lineage=found, notices=notices, wait=_wait(untold(connection, now, found)))


def require_same(connection: Connection, admitted: str) -> None:
    """Raise LedgerError if the database is not the one a run was admitted to, or was confirmed anew."""
    for found in (lineage_of(connection), _confirmed(connection)):
        if differs(admitted, found):
            sentence = _sentence(admitted, found)
            raise LedgerError(f"the ledger was replaced while this run used it: {sentence}", CONFIRM)


def _confirmed(connection: Connection) -> str:
    """The lineage that a user confirmed last, or that the first run found."""
    return connection.execute(select(ledger.c.lineage)).scalar() or ""


def _sentence(known: str, found: str) -> str:
    if is_failover(known, found):
        return "a standby of its database was promoted, which may have been behind"
    return "its database is another one than before: a dump was restored, or a copy is used"


def _notices(number: int) -> tuple[str, ...]:
    if not number:
        return ("the ledger was confirmed; it knows everything that this machine had begun",)
    return (
        f"the ledger was confirmed; {counted(number, 'message')} that this machine had begun and it did not "
        "know of: in doubt now, see mailrunner resolve",
    )


def _wait(machines: Sequence[Machine]) -> Wait | None:
    if not machines:
        return None
    names = ", ".join(map(str, machines))
    return Wait(
        WaitReason.OTHERS,
        None,
        f"the ledger was replaced, and these machines have not told what they had begun: {names}; run there: "
        "mailrunner resume --same-ledger (one that is gone for good: mailrunner ledger machines --gone HOST)",
    )
