"""Actions on a campaign that was begun: pause, end, queue again, resolve doubt, delete rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mailrunner.errors import Problem, UserError, one_base_class
from mailrunner.model.delivery import State
from mailrunner.model.suppression import ALL_LISTS
from mailrunner.sending.python_api.lookup import begun_campaign
from mailrunner.sending.python_api.suppression_targets import address_keys
from mailrunner.store import Phase

if TYPE_CHECKING:
    from mailrunner.sending.python_api.doubts import Doubt, DoubtDesk, Resolved
    from mailrunner.sending.python_api.folder import ProjectFolder
    from mailrunner.store import CampaignRecord, Ledger
    from mailrunner.store.manual_actions import Requeued


class CampaignActions:
    """Each raises UserError where no run has begun the campaign, or its state has no room for the action."""

    project: ProjectFolder
    name: str

    def pause(self) -> None:
        """Stop sending until `unpause`; a run that is sending stops before its next message."""
        with self.begun() as (ledger, record):
            if record.phase is not Phase.PAUSED and not ledger.campaigns.pause(record.no):
                raise UserError(Problem(f"{record.id} is {record.phase}: there is nothing to pause"))

    def unpause(self) -> None:
        """Let the next `run` go on."""
        with self.begun() as (ledger, record):
            if not ledger.campaigns.begin(record.no, seen=Phase.PAUSED):
                raise UserError(Problem(f"{record.id} is not paused, it is {record.phase}"))

    def cancel(self) -> int:
        """End the campaign for good; return the number of recipients that are skipped by it."""
        with self.begun() as (ledger, record):
            refuse_to_cancel(record)
            return ledger.campaigns.cancel(record.no)

    def requeue(
        self, *addresses: str, failed: bool = False, suppressed: bool = False, skipped: bool = False
    ) -> Requeued:
        """Queue deliveries in these states again: those of `addresses`, or all.

        Those that may not be sent, as the recipient is still suppressed or the row was purged, stay as they
        are and are in `refused`, with the reason.
        """
        chosen = {State.FAILED: failed, State.SUPPRESSED: suppressed, State.SKIPPED: skipped}
        states = [state for state, wanted in chosen.items() if wanted]
        if not states:
            hint = "failed, suppressed or skipped"
            raise UserError(Problem("no state is chosen", key="requeue", hint=hint))
        with self.begun() as (ledger, record):
            known = self.project.settings.lists.get(record.list_key)
            return ledger.manual_actions.requeue(
                record.no,
                states=states,
                keys=address_keys(addresses),
                lists={record.list_key, *(known.formerly if known else ())} - {ALL_LISTS},
                transactional=record.kind == "transactional",
            )

    def purge(self) -> int:
        """Delete the cells of the rows; return their number.  Addresses and outcomes stay."""
        from mailrunner.store.job_queue.bundles import Bundles

        with self.begun() as (ledger, record):
            if ledger.deliveries.counts(record.no).open:
                hint = f"finish it, or: mailrunner cancel {record.id}"
                raise UserError(
                    Problem(f"{record.id} still has messages to send, which need their rows", hint=hint)
                )
            number = ledger.campaigns.purge_rows(record.no)
            if not ledger.database.is_sqlite:
                Bundles(ledger.database, self.project.settings.workers.schema).forget(record.no)
            return number

    def in_doubt(self, *addresses: str) -> tuple[Doubt, ...]:
        """The messages that the server may have taken, though its answer was not seen."""
        with self.doubts() as desk:
            return desk.shown(desk.chosen(addresses))

    def resolve(
        self,
        *addresses: str,
        sent: bool = False,
        resend: bool = False,
        from_sent_folder: bool = False,
        from_provider: bool = False,
    ) -> tuple[Resolved, ...]:
        """Decide about deliveries in doubt: those of `addresses`, or all; one way has to be chosen.

        `sent` records them as sent; `resend` queues them again, so that recipients may get a second copy;
        the other two look for them in the account's Sent folder (IMAP) or ask its HTTP API, and record what
        that proves.  Raises ImapUnavailableError, ImapLoginRefusedError or ApiUnavailableError, all of them
        MailrunnerError, where there is no answer; nothing was changed then.
        """
        if sent + resend + from_sent_folder + from_provider != 1:
            hint = "sent, resend, from_sent_folder or from_provider"
            raise UserError(Problem("one way has to be chosen", key="resolve", hint=hint))
        with self.doubts() as desk:
            doubts = desk.chosen(addresses)
            if from_sent_folder:
                return desk.by_sent_folder(doubts) if doubts else ()
            if from_provider:
                return desk.by_provider(doubts) if doubts else ()
            return desk.record_as_sent(doubts) if sent else desk.send_again(doubts)

    @contextmanager
    def doubts(self) -> Iterator[DoubtDesk]:
        """What is in doubt, with the ledger open."""
        from mailrunner.sending.python_api.doubts import DoubtDesk

        with self.begun() as (ledger, record):
            yield DoubtDesk(self.project.settings, ledger, record, self.project.signer(ledger))

    @contextmanager
    def begun(self) -> Iterator[tuple[Ledger, CampaignRecord]]:
        """The ledger, open, and the campaign's record in it; UserError where no run has begun it."""
        with one_base_class(), self.project.existing_ledger() as ledger:
            yield ledger, begun_campaign(self.project.settings, ledger, self.name)


def refuse_to_cancel(record: CampaignRecord) -> None:
    """Raise UserError where there is nothing to cancel, or not yet."""
    if record.phase is Phase.FINISHED:
        raise UserError(Problem(f"{record.id} is finished; there is nothing to cancel"))
    if record.phase is Phase.LOADING:
        hint = "stop the run that reads it; a campaign whose list was not read to its end sends nothing"
        raise UserError(Problem(f"the list of {record.id} is still being read", hint=hint))
