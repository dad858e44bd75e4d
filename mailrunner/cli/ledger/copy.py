"""`mailrunner ledger copy`: move the ledger to another database."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.ledger.group import ledger_app
from mailrunner.errors import Problem, UserError
from mailrunner.model.number_and_noun import counted

UrlArgument = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="The empty database that is to hold the ledger: sqlite:///data/new.db, or "
        "postgresql+psycopg://user@host/name.",
    ),
]


@command(ledger_app, "copy", panel="Move")
def copy(context: CommandContext, url: UrlArgument) -> None:
    """Move the ledger to another database, SQLite or PostgreSQL.

    Every table is copied and compared; then the old ledger is closed, so that no run uses it, and is
    kept. It is refused while a run is going on.
    Example: mailrunner ledger copy postgresql+psycopg://mail@db.example.org/mailrunner
    """
    from mailrunner.store.ledger_copy import copy_ledger

    target = _absolute(context, url)
    done = copy_ledger(
        folder=context.folder, url=context.project.database_url, to=target, clock=context.clock
    )
    rows = sum(done.rows.values())
    context.result(
        f"moved to {done.place}: {counted(rows, 'row')} in {counted(len(done.rows), 'table')}, of which "
        f"{counted(done.rows['deliveries'], 'delivery', 'deliveries')} and "
        f"{counted(done.rows['suppressions'], 'suppression entry', 'suppression entries')}; "
        "both sides were compared"
    )
    context.result("the old ledger is closed; now set database in mailrunner.toml to the new place")


def _absolute(context: CommandContext, url: str) -> str:
    from mailrunner.config.database_url import absolute_database, ledger_url

    try:
        return absolute_database(ledger_url(url), context.folder)
    except ValueError as error:
        raise UserError(Problem(str(error), key="URL", hint="nothing was moved")) from None
