"""Campaigns in the ledger: their phase, what they were begun with, and why they wait."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, exists, func, select, update

from mailrunner.model.delivery import OPEN, Counts, State
from mailrunner.store.database import Database
from mailrunner.store.reopening import locked_phase, skip_queued
from mailrunner.store.schema import CAMPAIGN_SHIFT, campaigns, deliveries, recipients


class Phase(StrEnum):
    """The phase of a campaign."""

    LOADING = "loading"  # its snapshot is being written; its deliveries are not visible yet
    READY = "ready"  # snapshot stands, nothing was sent
    BEGUN = "begun"  # a run has begun; `resume` goes on with it
    PAUSED = "paused"  # by the user
    STOPPED = "stopped"  # sticky, see `reason`
    CANCELLED = "cancelled"
    FINISHED = "finished"


class Twin(NamedTuple):
    """Another campaign with the same message, and the number of recipients that both have."""

    id: str
    common: int


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

    def twin(self, campaign: CampaignRecord) -> Twin | None:
        """Another begun campaign with the same message and some of the same recipients."""
        with self._database.read() as connection:
            return _twin(connection, campaign)

    def begin(self, no: int, *, seen: Phase) -> bool:
        """From now on `resume` goes on with it; False if it is no longer in the phase that was seen."""
        with self._database.write() as connection:
            return _move(connection, no, {seen}, Phase.BEGUN, finished_at=None)

    def begin_first(self, campaign: CampaignRecord, *, again: bool) -> bool | Twin:
        """Begin a campaign that is ready and still as it was seen; not if a twin has begun meanwhile.

        Looking for the twin and beginning are one transaction, so that of two twins only one begins.
        """
        with self._database.write() as connection:
            self._database.lock_ledger(connection)
            twin = None if again else _twin(connection, campaign)
            return twin or _move(connection, campaign.no, {Phase.READY}, Phase.BEGUN, like=campaign)

    def clear_recent_answers(self, no: int) -> None:
        """Empty the recent answers: the user has started it by hand."""
        self._set(no, recent="")

    def accept(self, no: int, **changed: Any) -> None:
        """Accept changed content, account or list (column values, JSON as text)."""
        self._set(no, **changed)

    def note_wait(self, no: int, *, reason: str, resume_at: datetime | None) -> None:
        """Record why nothing is being sent, and when to go on."""
        with self._database.write() as connection:
            mine = (campaigns.c.no == no, campaigns.c.phase == Phase.BEGUN)
            connection.execute(update(campaigns).where(*mine).values(reason=reason, resume_at=resume_at))

    def pause(self, no: int) -> bool:
        """Pause a campaign that was begun; False if it is in another phase."""
        with self._database.write() as connection:
            return _move(connection, no, {Phase.BEGUN}, Phase.PAUSED, reason="paused by the user")

    def cancel(self, no: int) -> int:
        """Send nothing more of it; return how many deliveries were skipped."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            seen = set(Phase) - {Phase.LOADING, Phase.FINISHED, Phase.CANCELLED}
            _move(connection, no, seen, Phase.CANCELLED, reason="cancelled by the user", finished_at=now)
            return skip_queued(connection, no, now) if locked_phase(connection, no) == "cancelled" else 0

    def finish(self, no: int) -> Counts | None:
        """Close it if nothing is queued or in flight; the final numbers, or None if something is."""
        with self._database.write() as connection:
            locked_phase(connection, no)
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

    def purge_rows(self, no: int) -> int:
        """Delete the rows' data; keys and outcomes stay.  Returns how many rows were deleted."""
        first, last = no << CAMPAIGN_SHIFT, (no + 1) << CAMPAIGN_SHIFT
        # A delivery in doubt may still be queued again by a late answer.
        needed = exists().where(
            deliveries.c.id == recipients.c.id, deliveries.c.state.in_((*OPEN, State.IN_DOUBT))
        )
        with self._database.write() as connection:
            return connection.execute(
                delete(recipients).where(recipients.c.id >= first, recipients.c.id < last, ~needed)
            ).rowcount

    def _set(self, no: int, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(update(campaigns).where(campaigns.c.no == no).values(**values))


def counts(connection: Connection, campaign_no: int) -> Counts:
    """The numbers by state, read from the index of the queue."""
    rows = connection.execute(
        select(deliveries.c.state, func.count())
        .where(deliveries.c.campaign_no == campaign_no)
        .group_by(deliveries.c.state)
    )
    return Counts.of({row[0]: row[1] for row in rows})


def stop_campaign(connection: Connection, no: int, *, reason: str, digest: str) -> bool:
    """Stop a begun campaign, if it still has the content of `digest`, until that changes."""
    mine = (campaigns.c.no == no, campaigns.c.content_digest == digest)
    if connection.execute(select(campaigns.c.no).where(*mine).with_for_update()).first() is None:
        return False
    return _move(connection, no, {Phase.BEGUN}, Phase.STOPPED, reason=reason, stop_digest=digest)


def _move(
    connection: Connection,
    no: int,
    seen: Collection[Phase],
    to: Phase,
    *,
    like: CampaignRecord | None = None,
    **values: Any,
) -> bool:
    """Change the phase if it still is one of those that were seen; a phase set meanwhile stays.

    With `like`, only if content and list are still those of this record.
    """
    cleared = {"reason": "", "stop_digest": "", "resume_at": None}
    same = (
        (campaigns.c.content_digest == like.content_digest, campaigns.c.list_mark == as_json(like.list_mark))
        if like
        else ()
    )
    return bool(
        connection.execute(
            update(campaigns)
            .where(campaigns.c.no == no, campaigns.c.phase.in_(list(seen)), *same)
            .values(phase=to, **{**cleared, **values})
        ).rowcount
    )


def _twin(connection: Connection, campaign: CampaignRecord) -> Twin | None:
    others = connection.execute(
        select(campaigns.c.no, campaigns.c.id).where(
            campaigns.c.message_digest.contains(campaign.message_digest.split()[-1]),
            campaigns.c.no != campaign.no,
            campaigns.c.phase.not_in((Phase.LOADING, Phase.READY)),
        )
    ).all()
    for other in others:
        if common := _common(connection, campaign.no, other.no):
            return Twin(other.id, common)
    return None


def record(row: Row[Any]) -> CampaignRecord:
    """Read a row of the table."""
    values = {name: getattr(row, name) for name in CampaignRecord.__dataclass_fields__}
    for name in ("content", "list_mark"):
        values[name] = json.loads(values[name])
    return CampaignRecord(
        **values | {"phase": Phase(values["phase"]), "columns": tuple(json.loads(values["columns"]))}
    )


def as_json(value: Mapping[str, Any] | Sequence[str]) -> str:
    """The one spelling in which structured values are stored, so that equal values are equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _common(connection: Connection, one: int, other: int) -> int:
    theirs = deliveries.alias()
    return connection.execute(
        select(func.count())
        .select_from(deliveries)
        .join(theirs, (theirs.c.key == deliveries.c.key) & (theirs.c.campaign_no == other))
        .where(deliveries.c.campaign_no == one, theirs.c.reason != "cancelled")
    ).scalar_one()
