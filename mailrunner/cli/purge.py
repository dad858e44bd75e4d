"""`mailrunner purge`: delete the personal data of a finished campaign's rows."""

from __future__ import annotations

from mailrunner.cli.app import AFTER_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.options import CampaignArgument
from mailrunner.errors import Problem, UserError
from mailrunner.model.counted import counted
from mailrunner.sending.python_api.lookup import begun_campaign


@command(app, "purge", panel=AFTER_SENDING)
def purge(context: CommandContext, campaign: CampaignArgument) -> None:
    """Delete the cells of a campaign's rows; addresses and outcomes stay.

    The campaign must be finished or cancelled.
    """
    from mailrunner.store.job_queue.bundles import Bundles

    with context.existing_ledger() as ledger:
        record = begun_campaign(context.project, ledger, campaign)
        if ledger.deliveries.counts(record.no).open:
            hint = f"finish it, or: mailrunner cancel {record.id}"
            raise UserError(
                Problem(f"{record.id} still has messages to send, which need their rows", hint=hint)
            )
        number = ledger.campaigns.purge_rows(record.no)
        if not ledger.database.is_sqlite:
            Bundles(ledger.database, context.project.workers.schema).forget(record.no)
    context.result(f"The cells of {counted(number, 'row')} were deleted; addresses and outcomes stay.")
