"""`mailrunner.Campaign`: what can be done with one campaign, before, while and after it is sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.errors import one_base_class
from mailrunner.event_log import EventLog
from mailrunner.sending.left_out import LeftOutRow
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.sending.python_api.actions import CampaignActions
from mailrunner.sending.python_api.checked import CheckedCampaign, check_campaign
from mailrunner.sending.python_api.eager_iterator import begun
from mailrunner.sending.python_api.ledger_states import campaign_states
from mailrunner.sending.python_api.lookup import campaign_id
from mailrunner.sending.python_api.outcomes import OpenReport, as_data_frame
from mailrunner.sending.python_api.preview_message import PreviewMessage, RowChoice, show_message
from mailrunner.sending.python_api.running import RunEnding, run_options, send
from mailrunner.sending.python_api.status import CampaignStatus
from mailrunner.sending.run import Callbacks
from mailrunner.store import Phase
from mailrunner.store.report_rows import NO_CAMPAIGN

if TYPE_CHECKING:
    import pandas as pd

    from mailrunner.sending.python_api.folder import ProjectFolder
    from mailrunner.sending.python_api.given_rows import GivenRows
    from mailrunner.sending.python_api.test_messages import SentTest


class CampaignHandle(CampaignActions):
    """One campaign of a project, by id or path; made by `Project.campaign`.

    Its methods raise what those of `Project` raise; a name that means no campaign is a `UserError`.
    """

    def __init__(self, project: ProjectFolder, name: str, given: GivenRows | None = None) -> None:
        self.project, self.name, self._given = project, name, given
        self._ending: RunEnding | None = None

    def __repr__(self) -> str:
        return f"Campaign({self.name!r})"

    @property
    def id(self) -> str:
        """The campaign's id, also where `name` is a path."""
        with one_base_class(), self.project.existing_ledger() as ledger:
            return campaign_id(self.project.settings, ledger, self.name)

    def check(
        self,
        *,
        links: bool = False,
        on_left_out: Callable[[LeftOutRow], None] | None = None,
        progress: Callable[[int], None] = lambda _: None,
        prepared: PreparedCampaign | None = None,
    ) -> CheckedCampaign:
        """Render every message and tell what a run would do now; nothing is sent or recorded.

        With `links` the links that are the same for all recipients are asked for.  `on_left_out` is called
        for each row that would not be sent, which is then not kept in the result; `progress` with the
        number of rows so far.  `prepared` is what `prepare` gave, where it was called before.
        """
        with one_base_class():
            ready = prepared or self.prepare()
            with self.project.existing_ledger() as ledger:
                return check_campaign(ready, ledger, links=links, on_left_out=on_left_out, progress=progress)

    def preview(self, row: RowChoice = None) -> PreviewMessage:
        """The message of one row: of the list's row of this number, or with this address.

        None is the first row that can be sent to; a mapping is a row that need not stand in the list.  Its
        links lead nowhere.  Raises UserError where there is no such row, or it cannot become a message.
        """
        from mailrunner.sending.python_api.given_rows import GivenRows

        with one_base_class():
            own = GivenRows([row]) if isinstance(row, Mapping) else None
            prepared = self.prepare(given=own)
            return show_message(prepared, None if isinstance(row, Mapping) else row, self.project.clock.now())

    def send_test(self, *addresses: str, row: str | None = None) -> tuple[SentTest, ...]:
        """Send the message of one row to addresses of your own, marked as a test; each takes a slot.

        `row` is the address of the row that is shown; None is the first that can be sent to.  It is not
        recorded as sent.
        """
        from mailrunner.sending.python_api.test_messages import send_tests

        with one_base_class():
            prepared = self.prepare()
            with self.project.open_ledger() as ledger:
                return tuple(send_tests(prepared, ledger, addresses, row=row))

    def run(
        self,
        *,
        limit: int | None = None,
        wait: bool = False,
        refresh: bool = False,
        accept_changes: bool = False,
        again: bool = False,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> CampaignStatus:
        """Send the campaign, or go on with it, as `mailrunner run` does; the options are called alike.

        Without `wait` it returns where it would have to wait for longer than a minute: `resume_at` is when to
        call it again.  `on_event` gets each event of `--log-json` in the thread that sends, so it should be
        quick; where it raises, the messages in flight are finished and recorded, and the error is raised
        again.  So it is with Ctrl-C, in the main thread of a program that has no handler of its own.
        """
        options = run_options(
            limit=limit, wait=wait, refresh=refresh, accept_changes=accept_changes, again=again
        )
        ending = self._ending = RunEnding(on_event)
        failures: list[str] = []
        with one_base_class():
            prepared = self.prepare(fresh_list=refresh)
            with (
                self.project.open_ledger() as ledger,
                self._event_log(ending if on_event else None) as log,
                ending.by_interrupt(),
                self.project.hooks(failures.append) as hooks,
            ):
                result = send(
                    prepared,
                    ledger=ledger,
                    log=log,
                    options=options,
                    callbacks=Callbacks(started=ending.started),
                    hooks=hooks,
                )
        ending.raise_again()
        status = CampaignStatus.of_run(result)
        return replace(status, notices=(*status.notices, *failures))

    def stop(self) -> None:
        """Let a run of this object end once the messages in flight are finished; from any thread."""
        if self._ending is not None:
            self._ending.stop()

    def status(self) -> CampaignStatus:
        """Its state and counts; state "new" before a run has begun it."""
        with one_base_class(), self.project.existing_ledger() as ledger:
            (found,) = campaign_states(self.project.settings, ledger, self.name)
            return found

    def rows(self) -> Iterator[dict[str, Any]]:
        """The outcome for each recipient, in the list's order: the columns of `mailrunner report`.

        Numbers are int or None, times RFC 3339 in UTC or None, all else is text.  All rows are of one
        instant, though a run may go on meanwhile.
        """
        return begun(self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        with one_base_class(), self.reading() as report:
            yield from report.rows()

    def report(self) -> pd.DataFrame:
        """`rows` as a DataFrame: numbers as Int64, times as UTC; UserError where pandas is not installed."""
        with one_base_class():
            return as_data_frame(self.rows())

    @contextmanager
    def reading(self) -> Iterator[OpenReport]:
        """The report, open for reading: rows, numbers, and rows as a list to send to again."""
        with self.project.existing_ledger() as ledger:
            settings = self.project.settings
            found = campaign_id(settings, ledger, self.name)
            record = ledger.campaigns.find(found)
            if record is not None and record.phase is Phase.LOADING:  # its list is still being read
                record = None
            with ledger.reports.reading(record.no if record else NO_CAMPAIGN) as reading:
                signer = self.project.signer(ledger)
                yield OpenReport(settings, found, record, reading=reading, signer=signer)

    def prepare(
        self,
        *,
        strict_inlining: bool = False,
        fresh_list: bool = True,
        same_ledger: bool = False,
        given: GivenRows | None = None,
        list_of: PreparedCampaign | None = None,
    ) -> PreparedCampaign:
        """The campaign with its files read, before the ledger is touched.

        The options are those of `PreparedCampaign.prepare`; `same_ledger` is for a list that is read from
        the ledger.  Raises UserError with all that is wrong in the files.
        """
        folder = self.project.folder
        self.project.settings, campaign, account = load_campaign(folder, self.name, os.environ)
        return PreparedCampaign.prepare(
            self.project.settings,
            campaign,
            account,
            strict_inlining=strict_inlining,
            fresh_list=fresh_list,
            stored_list=given or self._given,
            list_of=list_of,
            open_ledger=partial(self.project.existing_ledger, same=same_ledger),
        )

    def _event_log(self, ending: RunEnding | None) -> EventLog:
        return EventLog(
            None,
            clock=self.project.clock,
            secrets=self.project.settings.secrets(),
            listener=ending.hear if ending else None,
        )
