"""`mailrunner schedule`: let the machine type `mailrunner resume`, and `inbox`, every few minutes."""

from __future__ import annotations

from typing import Annotated

import typer

from mailrunner.cli.app import SEND, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.scheduling.entries import Scheduler
from mailrunner.errors import Problem, UserError


@command(app, "schedule", panel=SEND)
def schedule(
    context: CommandContext,
    *,
    scheduler: Annotated[
        Scheduler | None,
        typer.Option(
            "--for",
            metavar="|".join(Scheduler),
            help="Program that starts it. Default: the one of this machine (Windows: windows, else cron).",
        ),
    ] = None,
    every: Annotated[
        int, typer.Option(min=1, max=60, metavar="MINUTES", help="Minutes from one time to the next.")
    ] = 15,
    install: Annotated[
        bool, typer.Option("--install", help="Write the entry. Default: it is printed, and nothing changes.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take away what --install has written.")] = False,
) -> Exit:
    """Print the entry with which this machine continues every campaign that was begun.

    The entry names this project and this program by their whole paths, as cron and its like know no
    other. A second --install replaces the first. Example: mailrunner schedule --install
    """
    from mailrunner.cli.scheduling.entries import Job
    from mailrunner.cli.scheduling.install import install_entry, remove_entry

    if install and remove:
        raise UserError(Problem("--install and --remove exclude each other", hint="say one of them"))
    job = Job.of_project(context.project.folder, every=every)
    chosen = scheduler or Scheduler.of_this_machine()
    if remove:
        context.result(remove_entry(chosen, job))
    elif install:
        context.result(install_entry(chosen, job))
    else:
        for title, text in job.entry(chosen):
            context.say(title)
            context.result(text)
    return Exit.DONE
