"""The list of a campaign: a file, a query, the rows of a program, or what the ledger has of a campaign.

A list that is read from the ledger is a *follow-up* (`from_campaign`): the recipients of an earlier
campaign by what became of it, with the cells of their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from mailrunner.campaign.campaign_file import Campaign
from mailrunner.campaign.tables import FollowUpChoice
from mailrunner.config.project import Project
from mailrunner.errors import Problem, UserError, did_you_mean
from mailrunner.model.delivery import State
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.number_and_noun import counted
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.source import Row, Source
from mailrunner.store import CampaignRecord, Ledger, Phase

OpenLedger = Callable[[], Ledger]


class _Choice(NamedTuple):
    """The deliveries that are meant: in one of `states`, with or without a bounce, soft ones
    included (None: either)."""

    states: tuple[State, ...] = tuple(State)
    bounced: bool | None = None


_CHOICES: dict[FollowUpChoice, _Choice] = {
    "all": _Choice(),
    "sent": _Choice((State.SENT,)),
    "not-bounced": _Choice((State.SENT,), bounced=False),
    "bounced": _Choice((State.SENT, State.FAILED), bounced=True),
    "failed": _Choice((State.FAILED,)),
    "in-doubt": _Choice((State.IN_DOUBT,)),
}
_BOUNCES = (EventKind.BOUNCED, EventKind.REFUSED, EventKind.SOFT_BOUNCED)


def open_list(project: Project, campaign: Campaign, *, fresh: bool, open_ledger: OpenLedger) -> Source:
    """Open the list that a campaign's file names; UserError where it cannot be read.

    `fresh` is that of `open_source`; `open_ledger` opens the project's ledger for reading.
    """
    spec = campaign.recipients
    if spec.from_campaign is not None:
        return LedgerRows(open_ledger, spec.from_campaign, spec.who)
    if spec.program:
        return StoredRows(open_ledger, campaign.id)
    return open_source(spec, project.folder, campaign=campaign.id, fresh=fresh)


class LedgerRows(Source):
    """The rows of a campaign as the ledger has them, by what became of their deliveries.

    Rows whose cells were deleted, by `purge` or as their recipient was erased, are left out; so are those
    that had no usable address, or one that stood there already.  Every reading reads them anew.
    """

    first_row = 1

    def __init__(self, open_ledger: OpenLedger, campaign_id: str, who: FollowUpChoice) -> None:
        super().__init__(f'campaign "{campaign_id}" ({who})')
        self._open_ledger, self._id, self._choice = open_ledger, campaign_id, _CHOICES[who]
        self._deleted = 0

    @cached_property
    def columns(self) -> tuple[str, ...]:
        with self._open_ledger() as ledger:
            return self._checked_header(self._record(ledger).columns)

    def fingerprint(self) -> str | None:
        return None

    def stat_mark(self) -> str | None:
        return None

    def remarks(self) -> list[str]:
        if not self._deleted:
            return []
        gone = counted(self._deleted, "row")
        return [f"{gone} of {self.label} have no data any more (purge, suppress forget), and stay out"]

    def _rows(self) -> Iterator[Row]:
        self._deleted, width, found = 0, len(self.columns), False
        with self._open_ledger() as ledger, ledger.reports.reading(self._record(ledger).no) as reading:
            for row in reading.rows(*self._choice.states):
                if row.key is None or not self._is_meant(row.came_back):
                    continue
                if row.data is None:
                    self._deleted += 1
                    continue
                found, cells = True, row.values
                yield row.row, (*cells, *[""] * (width - len(cells)))

        if self._deleted and not found:
            raise UserError(Problem("the cells of its rows were deleted (mailrunner purge)", self.label))

    def _is_meant(self, came_back: str) -> bool:
        return self._choice.bounced is None or self._choice.bounced is (came_back in _BOUNCES)

    def _record(self, ledger: Ledger) -> CampaignRecord:
        """The campaign; UserError where the ledger has none of that id, or not all of its rows."""
        record = ledger.campaigns.find(self._id)
        if record is None:
            raise self._missing(ledger)
        if record.phase is Phase.LOADING:
            raise UserError(Problem(f'the list of "{self._id}" is still being read', self.label))
        return record

    def _missing(self, ledger: Ledger) -> UserError:
        hint = did_you_mean(self._id, [record.id for record in ledger.campaigns.all()])
        message = f'no run has begun a campaign "{self._id}"'
        return UserError(Problem(message, key="recipients.from_campaign", hint=hint))


class StoredRows(LedgerRows):
    """The rows that a program gave, as they stand in the campaign's own snapshot."""

    def __init__(self, open_ledger: OpenLedger, campaign_id: str) -> None:
        super().__init__(open_ledger, campaign_id, "all")
        self.label = "the rows of its program"

    def _missing(self, ledger: Ledger) -> UserError:
        hint = f'run it from the program: Project().campaign("{self._id}", recipients=…).run()'
        return UserError(Problem("its recipients come from a program", key="recipients.program", hint=hint))
