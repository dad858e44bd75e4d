"""`mailrunner work`: send what was handed over to the workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from mailrunner.cli.app import SERVICES, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.signals import SIGNALS


@command(app, "work", panel=SERVICES)
def work(
    context: CommandContext,
    shares: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            metavar="N",
            help="Work N shares at once on this machine. Default: `shares` of [workers], which is 2.",
        ),
    ] = None,
    drain: Annotated[
        bool,
        typer.Option("--drain", help="Stop when no share can be worked now. Default: wait for the next one."),
    ] = False,
) -> Exit | None:
    """Send the campaigns that were handed over with `run CAMPAIGN --workers`.

    Start it on as many machines as you like, by systemd or Kubernetes.
    """
    from mailrunner.sending.workers.worker import WorkerProcess
    from mailrunner.store.job_queue.queue import require_package

    require_package()
    settings = context.project.workers
    with context.event_log() as log:
        process = WorkerProcess(
            context.project,
            shares=shares or settings.shares,
            log=log,
            clock=context.clock,
            say=context.say,
            inbox=_inbox(context),
        )
        context.say(f"Working up to {shares or settings.shares} shares at once; Ctrl-C ends it in order")
        with SIGNALS.ending_by(process.stop, first="finishing the messages in flight"):
            process.run(drain=drain)
    return _left(context) if drain else None


def _inbox(context: CommandContext) -> Callable[[], None] | None:
    """What reads the mailboxes of the accounts; None where none has one."""
    if not any(account.imap for account in context.project.accounts.values()):
        return None

    def read() -> None:
        from mailrunner.cli.inbox import read_mailboxes

        for problem in read_mailboxes(context):
            context.say(str(problem))

    return read


def _left(context: CommandContext) -> Exit:
    """The exit code of `--drain`: is there more to send for workers, and is a user needed for it?"""
    from mailrunner.store import Phase
    from mailrunner.store.job_queue.queue import JobQueue

    with context.existing_ledger() as ledger:
        queue = JobQueue(ledger.database, context.project.workers.schema)
        handed_over = queue.bundles.campaigns()
        begun = [r for r in ledger.campaigns.all() if r.phase is Phase.BEGUN and r.no in handed_over]
        failed = [job for job in queue.jobs() if job.status == "failed"]
    if failed:
        return Exit.STOPPED
    return Exit.LATER if begun else Exit.DONE
