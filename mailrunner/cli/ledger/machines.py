"""`mailrunner ledger machines`: the machines that send from this ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.ledger.group import ledger_app
from mailrunner.cli.options import JsonOption
from mailrunner.cli.output import local
from mailrunner.clock import rfc3339
from mailrunner.errors import Problem, UserError


@command(ledger_app, "machines", panel="Move")
def machines(
    context: CommandContext,
    gone: Annotated[
        str | None,
        typer.Option(
            "--gone",
            metavar="HOST",
            help="Wait no longer for this machine after the ledger was put back or failed over, as it is "
            "gone for good. Messages that it alone had begun may be sent again.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the machines on which a run was begun, the one seen last first."""
    with context.existing_ledger() as ledger:
        if gone is not None and not ledger.forget_machine(gone):
            raise UserError(
                Problem(
                    f'no run was ever begun on a machine "{gone}"', hint="see: mailrunner ledger machines"
                )
            )
        found = ledger.machines
    if as_json:
        context.json(
            {"machines": [{"host": m.host, "folder": m.folder, "seen_at": rfc3339(m.seen_at)} for m in found]}
        )
        return
    for machine in found:
        context.result(f"{machine}  seen {local(machine.seen_at)}")
    if not found:
        context.say("No run was begun on any machine yet.")
