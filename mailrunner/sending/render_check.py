"""The check that at least one row can become a message: else it is the file's fault, not the rows'."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from itertools import islice

from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.delivery import State
from mailrunner.model.suppression import governing
from mailrunner.sending.link_signer import token_signer
from mailrunner.sending.message_factory import MessageFactory
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.report_rows import ReportRow

_CHUNK = 500
_REASONS = 3


def check_one_renders(
    prepared: PreparedCampaign, ledger: Ledger, record: CampaignRecord, still_alive: Callable[[], object]
) -> None:
    """Raise UserError if none of the campaign's queued deliveries can become a message.

    Rendered is until the first that can, so that it costs a moment unless the file is wrong; those who
    are suppressed do not count.  Nothing is recorded.  `still_alive` is called between chunks.
    """
    factory = MessageFactory(
        prepared,
        columns=record.columns,
        signer=token_signer(prepared.project, ledger),
        domain=record.message_domain,
    )
    reasons: dict[str, str] = {}
    with closing(_mailable(prepared, ledger, record, still_alive)) as rows:
        for row in rows:
            try:
                prepared.renderer.render(factory.fields(row.id, row.address, row.values), ledger.now())
            except RowError as error:
                if len(reasons) < _REASONS:
                    reasons.setdefault(str(error), f"row {row.row}: {error}")
            else:
                return
    if reasons:
        raise UserError(nothing_renders(prepared, list(reasons.values())))


def nothing_renders(prepared: PreparedCampaign, reasons: Sequence[str]) -> Problem:
    """The problem of a list of which no row can become a message; `reasons` are those of the first."""
    return Problem(
        f"no row can become a message: {'; '.join(reasons)}",
        file=prepared.source.label,
        hint="this is wrong for every row; correct the template, the list or `defaults`",
    )


def _mailable(
    prepared: PreparedCampaign, ledger: Ledger, record: CampaignRecord, still_alive: Callable[[], object]
) -> Generator[ReportRow, None, None]:
    """The queued rows whose recipients no entry of the suppression list holds back."""
    with ledger.reports.reading(record.no) as reading:
        rows = reading.rows(State.QUEUED)
        while chunk := list(islice(rows, _CHUNK)):
            entries = ledger.suppressions.matching([row.key for row in chunk if row.key])
            for row in chunk:
                holding = entries.get(row.key or "", [])
                if not governing(holding, lists=prepared.lists, transactional=prepared.transactional):
                    yield row
            still_alive()
