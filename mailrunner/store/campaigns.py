"""Campaigns in the ledger: their phase, what they were begun with, and why they rest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from mailrunner.delivery import Counts, State
from mailrunner.store.database import Database
from mailrunner.store.deliveries import counts
from mailrunner.store.schema import CAMPAIGN_SHIFT, campaigns, deliveries, recipients


class Phase(StrEnum):
    """What is recorded of a campaign's course."""

    LOADING = "loading"  # its snapshot is being written; nobody sees its deliveries yet
    READY = "ready"  # snapshot stands, nothing was sent
    BEGUN = "begun"  # a run has begun; `resume` goes on with it
    PAUSED = "paused"  # by a person
    STOPPED = "stopped"  # sticky, see `reason`
    CANCELLED = "cancelled"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """One campaign as the ledger knows it; `content` maps each part's name to its digest."""

    no: int
    id: str
    file: str
    account_no: int
    account_name: str
    list_key: str
    list_name: str
    kind: str
    phase: Phase
    content: Mapping[str, str]
    content_digest: str
    message_digest: str
    list_mark: Mapping[str, Any]
    columns: tuple[str, ...]
    sources: Mapping[str, Any]
    message_domain: str
    recent: str
    reason: str
    stop_digest: str
    resume_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


class Campaigns:
    """All campaigns of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, campaign_id: str) -> CampaignRecord | None:
        """The campaign of this id, None where no run has begun reading its list."""
        with self._database.read() as connection:
            row = connection.execute(select(campaigns).where(campaigns.c.id == campaign_id)).first()
            return record(row) if row else None

    def all(self) -> list[CampaignRecord]:
        """Every campaign, in the order in which they came."""
        with self._database.read() as connection:
            return [record(row) for row in connection.execute(select(campaigns).order_by(campaigns.c.no))]

    def twins(self, campaign: CampaignRecord) -> tuple[str, int] | None:
        """Another begun campaign with the same message and some of the same people: its id, their number."""
        with self._database.read() as connection:
            others = connection.execute(
                select(campaigns.c.no, campaigns.c.id).where(
                    campaigns.c.message_digest == campaign.message_digest,
                    campaigns.c.no != campaign.no,
                    campaigns.c.phase.not_in((Phase.LOADING, Phase.READY)),
                )
            ).all()
            for other in others:
                if common := _common(connection, campaign.no, other.no):
                    return other.id, common
            return None

    def begin(self, no: int) -> None:
        """From now on `resume` goes on with it."""
        self._set(no, phase=Phase.BEGUN, reason="", stop_digest="", resume_at=None, finished_at=None)

    def restart_count(self, no: int) -> None:
        """Forget the recent answers: a person has looked and started it by hand."""
        self._set(no, recent="")

    def accept(self, no: int, **changed: Any) -> None:
        """Take over changed content, account or list facts (column values, JSON as text)."""
        self._set(no, **changed)

    def rest(self, no: int, *, reason: str, resume_at: datetime | None) -> None:
        """Note why nothing is being sent, and when it is worth going on."""
        self._set(no, reason=reason, resume_at=resume_at)

    def pause(self, no: int) -> None:
        self._set(no, phase=Phase.PAUSED, reason="paused by a person", resume_at=None)

    def stop(self, no: int, *, reason: str, digest: str) -> None:
        """Stop for good until the content changes or a person says so."""
        self._set(no, phase=Phase.STOPPED, reason=reason, stop_digest=digest, resume_at=None)

    def cancel(self, no: int) -> int:
        """Send nothing more of it; say how many will not get it."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            values = {"phase": Phase.CANCELLED, "reason": "cancelled by a person", "resume_at": None}
            connection.execute(
                update(campaigns).where(campaigns.c.no == no).values(**values, finished_at=now)
            )
            return connection.execute(
                update(deliveries)
                .where(deliveries.c.campaign_no == no, deliveries.c.state == State.QUEUED)
                .values(state=State.SKIPPED, reason="cancelled", finished_at=now)
            ).rowcount

    def finish(self, no: int) -> Counts | None:
        """Close it if nothing is queued or in flight; the final numbers, or None if something is."""
        with self._database.write() as connection:
            found = counts(connection, no)
            if found.open:
                return None
            now = self._database.now(connection)
            connection.execute(
                update(campaigns)
                .where(campaigns.c.no == no, campaigns.c.phase.in_((Phase.BEGUN, Phase.STOPPED)))
                .values(phase=Phase.FINISHED, reason="", resume_at=None, finished_at=now)
            )
            return found

    def forget_rows(self, no: int) -> int:
        """Forget what the rows said; keys and outcomes stay.  Says how many rows were forgotten."""
        first, last = no << CAMPAIGN_SHIFT, (no + 1) << CAMPAIGN_SHIFT
        with self._database.write() as connection:
            return connection.execute(
                delete(recipients).where(recipients.c.id >= first, recipients.c.id < last)
            ).rowcount

    def _set(self, no: int, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(update(campaigns).where(campaigns.c.no == no).values(**values))


def record(row: Row[Any]) -> CampaignRecord:
    """Read a row of the table."""
    values = {name: getattr(row, name) for name in CampaignRecord.__dataclass_fields__}
    for name in ("content", "list_mark", "sources"):
        values[name] = json.loads(values[name])
    return CampaignRecord(
        **values | {"phase": Phase(values["phase"]), "columns": tuple(json.loads(values["columns"]))}
    )


def as_json(value: Mapping[str, Any] | Sequence[str]) -> str:
    """The one spelling in which structured values are stored, so that equal values are equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _common(connection: Connection, one: int, other: int) -> int:
    from sqlalchemy import func

    theirs = deliveries.alias()
    return connection.execute(
        select(func.count())
        .select_from(deliveries)
        .join(theirs, (theirs.c.key == deliveries.c.key) & (theirs.c.campaign_no == other))
        .where(deliveries.c.campaign_no == one)
    ).scalar_one()
