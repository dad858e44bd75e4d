"""`mailrunner inbox`: bounces, complaints and unsubscribe requests in the mailboxes of the accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli.app import LIST_HYGIENE, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit, first_of
from mailrunner.cli.inbox_mailboxes import TIMEOUT, WatchedMailbox, poll_of, watched_mailboxes
from mailrunner.cli.inbox_output import login_problem, print_tally, tally_object, tally_problems
from mailrunner.cli.options import JsonOption
from mailrunner.cli.output import progress_bar, show_problems
from mailrunner.errors import Problem, UserError
from mailrunner.model.inbound_event import EventKind

if TYPE_CHECKING:
    from mailrunner.inbound.poll import MailboxPoll, PollTally


_SINCE = "30d"
_LONGEST_PERIOD = timedelta(days=36_500)


@command(app, "inbox", panel=LIST_HYGIENE)
def inbox(
    context: CommandContext,
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="NAME",
            help="Read the mailbox of this account only. Default: those of all accounts with an imap table.",
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Keep running and read messages as they arrive (IMAP IDLE), until Ctrl-C or SIGTERM.",
        ),
    ] = False,
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Read messages that arrived within this time: a number with s, m, h or d, e.g. 7d.",
        ),
    ] = _SINCE,
    junk: Annotated[bool, typer.Option("--junk", help="Read the spam folder as well.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print what would be done; change neither the ledger nor the mailbox."
        ),
    ] = False,
    review: Annotated[
        bool,
        typer.Option(
            "--review",
            help="Show the unsubscribe requests that were written in free text and wait for your decision; "
            "with --unsubscribe or --ignore, decide them.",
        ),
    ] = False,
    unsubscribe: Annotated[
        list[str] | None,
        typer.Option(
            "--unsubscribe",
            metavar="N,N…",
            help="With --review: unsubscribe the senders of these requests, by number, e.g. 3,5.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="N,N…", help="With --review: drop these requests, by number."),
    ] = None,
    as_json: JsonOption = False,
) -> Exit:
    """Read bounces, complaints and unsubscribe requests by IMAP.

    Example, for cron: mailrunner inbox --quiet
    """
    if (unsubscribe or ignore) and not review:
        raise typer.BadParameter("--unsubscribe and --ignore go with --review")
    if watch and (review or dry_run or as_json):
        raise typer.BadParameter("--watch goes with neither --review, --dry-run nor --json")
    if review:
        from mailrunner.cli import inbox_review

        return inbox_review.review(context, unsubscribe or (), ignore or (), as_json=as_json)
    mailboxes, invalid = watched_mailboxes(context, account)
    with context.existing_ledger() if dry_run else context.open_ledger() as ledger:
        polls = [
            (mailbox, poll_of(context, ledger, mailbox, _period(since), junk=junk, looking=dry_run))
            for mailbox in mailboxes
        ]
        if watch:
            from mailrunner.cli import inbox_watch

            with context.complaints(ledger) as complained:
                return inbox_watch.watch_mailboxes(context, polls, complained)
        code = _once(context, polls, as_json=as_json)
        if not dry_run:
            from mailrunner.sending.hooks.watch import tell_complaints

            with context.hooks:
                tell_complaints(ledger, context.hooks)
    return first_of([code, Exit.SETUP]) if invalid else code


def read_mailboxes(context: CommandContext) -> list[Problem]:
    """Read every mailbox once, as the command does, and print nothing; return what stood in the way."""
    mailboxes, problems = watched_mailboxes(context, None)
    with context.open_ledger() as ledger:
        for mailbox in mailboxes:
            poll = poll_of(context, ledger, mailbox, _period(_SINCE), junk=False, looking=False)
            problems += _read(mailbox, poll, lambda **_: None)[2]
    return problems


def _once(
    context: CommandContext, polls: Sequence[tuple[WatchedMailbox, MailboxPoll]], *, as_json: bool
) -> Exit:
    codes, objects, waiting = [], [], False
    for mailbox, poll in polls:
        with progress_bar(context.console, f"Reading the mailbox of {mailbox.names}") as update:
            code, tally, problems = _read(mailbox, poll, update)
        codes.append(code)
        objects.append(tally_object(mailbox, tally, problems))
        show_problems(problems)
        waiting = waiting or bool(tally.understood[EventKind.ASKED])
        if not as_json:
            print_tally(context, mailbox, tally, looking=poll.dry_run)
    if as_json:
        context.json({"mailboxes": objects})
    if waiting:
        context.say("To decide the requests in free text: mailrunner inbox --review")
    return first_of(codes)


def _read(
    mailbox: WatchedMailbox, poll: MailboxPoll, update: Callable[..., None]
) -> tuple[Exit, PollTally, list[Problem]]:
    """Read one mailbox; an error is returned, so that the others are read all the same."""
    from dataclasses import replace

    from mailrunner.inbound.imap import ImapLoginRefusedError, ImapMailbox, ImapUnavailableError
    from mailrunner.inbound.poll import PollTally

    where, owner = f"the mailbox of {mailbox.names}", mailbox.owner

    def progress(done: int, total: int) -> None:
        update(completed=done, total=total)

    try:
        with ImapMailbox.open(
            mailbox.imap, ca_file=owner.ca_file, timeout=min(owner.timeout, TIMEOUT)
        ) as box:
            tally = replace(poll, progress=progress).once(box)
    except ImapUnavailableError as error:
        hint = "nothing is lost; type the same command later, or let cron do so"
        return Exit.LATER, PollTally(), [Problem(f"{where} cannot be read now: {error}", hint=hint)]
    except ImapLoginRefusedError as error:
        return Exit.CREDENTIALS, PollTally(), [login_problem(mailbox, error)]
    except UserError as error:
        return Exit.SETUP, PollTally(), list(error.problems)
    return Exit.DONE, tally, tally_problems(tally)


def _period(text: str) -> timedelta:
    """The value of --since."""
    from mailrunner.model.schedule import duration

    try:
        return min(duration(text), _LONGEST_PERIOD)
    except ValueError as error:
        raise typer.BadParameter(f"--since: {error}") from None
