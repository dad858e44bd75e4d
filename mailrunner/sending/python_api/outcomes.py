"""A report that is open for reading: the rows and numbers of one instant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mailrunner.config.project import Project
from mailrunner.errors import Problem, UserError
from mailrunner.model.delivery import State
from mailrunner.model.tokens import TokenSigner
from mailrunner.model.variants import names_in
from mailrunner.report.columns import COLUMNS, Columns
from mailrunner.report.heading import report_heading
from mailrunner.report.recipients_again import rows_again
from mailrunner.report.summary import Summary
from mailrunner.store import CampaignRecord
from mailrunner.store.report_rows import Reading, ReportRow

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = ("code", "attempts", "row")
_TIMES = ("last_attempt_at", "finished_at", "came_back_at")


class OpenReport:
    """The outcomes of one campaign; of one that was never run there are none.

    `record` is the campaign's in the ledger, `reading` the ledger as it stood when this was opened;
    `list_columns` are the list's own.
    """

    def __init__(
        self,
        project: Project,
        campaign: str,
        record: CampaignRecord | None,
        *,
        reading: Reading,
        signer: TokenSigner,
    ) -> None:
        self._project, self._signer = project, signer
        self.campaign, self.record, self.reading = campaign, record, reading
        self.list_columns = record.columns if record else ()

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row by the columns of the report."""
        domain = self.record.message_domain if self.record else ""
        variants = names_in(self.record.content) if self.record else ()
        columns = Columns(signer=self._signer, domain=domain, campaign=self.campaign, variants=variants)
        return map(columns.values, self.reading.rows())

    def summary(self) -> Summary:
        """The numbers, for the page, for JSON and for a terminal."""
        heading = report_heading(self._project, self.campaign, self.record, self.reading)
        return Summary.of(self.reading, heading, self.record)

    def rows_again(self, state: State) -> Iterator[ReportRow]:
        """The rows in `state`, with the cells of the list; UserError where `purge` has deleted them."""
        return rows_again(self.reading, state)


def as_data_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of a report as a DataFrame: numbers as Int64, times as datetimes in UTC."""
    try:
        import pandas as pd
    except ModuleNotFoundError:
        hint = "pip install pandas, or take rows()"
        raise UserError(Problem("a DataFrame needs pandas", hint=hint)) from None
    frame = pd.DataFrame.from_records(list(rows), columns=list(COLUMNS))
    for name in _NUMBERS:
        frame[name] = frame[name].astype("Int64")
    for name in _TIMES:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame
