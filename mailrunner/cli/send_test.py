"""`mailrunner send-test`: one row's message, sent to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli.app import BEFORE_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import CampaignArgument
from mailrunner.cli.output import complain

if TYPE_CHECKING:
    from mailrunner.model.outcome import Outcome


@command(app, "send-test", panel=BEFORE_SENDING)
def send_test(
    context: CommandContext,
    campaign: CampaignArgument,
    to: Annotated[
        list[str],
        typer.Option(
            "--to",
            metavar="ADDRESS",
            help="Address that gets the test message, e.g. your own; may be repeated.",
        ),
    ],
    row: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="Show the message of the row with this address. Default: the first row.",
            metavar="ADDRESS",
        ),
    ] = None,
) -> Exit:
    """Send the message of one row to yourself, marked as a test.

    It is not recorded as sent. Example: mailrunner send-test newsletter --to ana@example.org
    """
    from mailrunner.model.outcome import OutcomeKind

    code = Exit.DONE
    for address, shown, outcome in context.handle.campaign(campaign).send_test(*to, row=row):
        if outcome.kind is OutcomeKind.SENT:
            context.result(f"sent to {address} as {shown}: {outcome.reply}")
        else:
            complain(f"{address}: {outcome.reason}", "nothing was recorded as sent")
            code = _failure(outcome)
    return code


def _failure(outcome: Outcome) -> Exit:
    """The exit code for a test message that was not accepted."""
    from mailrunner.model.outcome import Scope

    codes = {
        Scope.CREDENTIALS: Exit.CREDENTIALS,
        Scope.CAMPAIGN: Exit.STOPPED,
        Scope.RECIPIENT: Exit.SOME_FAILED,
    }
    return codes.get(outcome.scope, Exit.LATER)
