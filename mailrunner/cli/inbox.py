"""The command that reads what comes back by mail: `inbox`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailrunner.cli import app
from mailrunner.cli.context import CommandContext, command, show_problems
from mailrunner.cli.exit_codes import Exit, first_of
from mailrunner.cli.options import JsonOption
from mailrunner.cli.output import problem_objects
from mailrunner.errors import Problem, UserError
from mailrunner.model.inbound_event import EventKind

if TYPE_CHECKING:
    from mailrunner.config.account import Account, Imap
    from mailrunner.inbound.poll import MailboxPoll, PollTally
    from mailrunner.store import Ledger

_LONGEST_LOOK = timedelta(days=36_500)
TIMEOUT = 60.0  # seconds for each answer of an IMAP server

# What each kind of fact does, in the words of the page on bounces.
_DOES = {
    EventKind.BOUNCED: "refused for good: struck off all lists",
    EventKind.COMPLAINED: "reported as spam: struck off all lists",
    EventKind.UNSUBSCRIBED: "taken off the list they left",
    EventKind.LIMIT_REACHED: "the account's limit is reached: it is paused",
    EventKind.SOFT_BOUNCED: "refused this time: counted",
    EventKind.REFUSED: "refused for the sender's or the content's sake: failed, nobody struck off",
    EventKind.DELAYED: "still being tried: kept for the record",
    EventKind.DELIVERED: "arrived",
    EventKind.AUTO_REPLIED: "absence notices: kept for the record",
    EventKind.ASKED: "wait for your decision, unread in the inbox",
}


@dataclass(frozen=True, slots=True)
class WatchedMailbox:
    """One mailbox, and the accounts whose mail comes back to it."""

    accounts: tuple[Account, ...]
    imap: Imap

    @property
    def owner(self) -> Account:
        """The account whose own mailbox it is, or the first."""
        user = self.imap.user.casefold()
        return next((one for one in self.accounts if one.user.casefold() == user), self.accounts[0])

    @property
    def names(self) -> str:
        return ", ".join(account.name for account in self.accounts)


@command(app, "inbox")
def inbox(
    session: CommandContext,
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="This account's mailbox alone.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and read whatever arrives.")] = False,
    since: Annotated[str, typer.Option(metavar="TIME", help="How far to look back.")] = "30d",
    junk: Annotated[bool, typer.Option("--junk", help="Look into the folder for spam, too.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    review: Annotated[
        bool, typer.Option("--review", help="Show what people wrote in their own words, and decide.")
    ] = False,
    unsubscribe: Annotated[
        list[str] | None, typer.Option("--unsubscribe", metavar="N,N…", help="With --review: take them off.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="N,N…", help="With --review: let them be.")
    ] = None,
    as_json: JsonOption = False,
) -> Exit:
    """Read what comes back by mail: bounces, complaints, unsubscriptions, notices of the provider."""
    if (unsubscribe or ignore) and not review:
        raise typer.BadParameter("--unsubscribe and --ignore go with --review")
    if watch and (review or dry_run or as_json):
        raise typer.BadParameter("--watch goes with neither --review, --dry-run nor --json")
    if review:
        from mailrunner.cli import inbox_review

        return inbox_review.review(session, unsubscribe or (), ignore or (), as_json=as_json)
    posts, unready = _posts(session, account)
    with session.look_at_ledger() if dry_run else session.open_ledger() as ledger:
        rounds = [
            (post, _collection(session, ledger, post, _length(since), junk=junk, looking=dry_run))
            for post in posts
        ]
        if watch:
            from mailrunner.cli import inbox_watch

            return inbox_watch.watch(session, rounds)
        code = _once(session, rounds, as_json=as_json)
    return first_of([code, Exit.SETUP]) if unready else code


def _once(
    session: CommandContext, rounds: Sequence[tuple[WatchedMailbox, MailboxPoll]], *, as_json: bool
) -> Exit:
    codes, objects, waiting = [], [], False
    for post, collection in rounds:
        with _progress(session, post) as advance:
            code, tally, problems = _collect(post, collection, advance)
        codes.append(code)
        objects.append(_object(post, tally, problems))
        show_problems(session, tuple(problems))
        waiting = waiting or bool(tally.understood[EventKind.ASKED])
        if not as_json:
            show(session, post, tally, looking=collection.dry_run)
    if as_json:
        session.json({"mailboxes": objects})
    if waiting:
        session.say("To decide what people asked for: mailrunner inbox --review")
    return first_of(codes)


def _collect(
    post: WatchedMailbox, collection: MailboxPoll, advance: Any
) -> tuple[Exit, PollTally, list[Problem]]:
    """Look through one mailbox; what keeps it from being read does not keep the others from it."""
    from dataclasses import replace

    from mailrunner.inbound.imap import ImapLoginRefusedError, ImapMailbox, ImapUnavailableError
    from mailrunner.inbound.poll import PollTally

    where, owner = f"the mailbox of {post.names}", post.owner
    try:
        with ImapMailbox.open(post.imap, ca_file=owner.ca_file, timeout=min(owner.timeout, TIMEOUT)) as box:
            tally = replace(collection, progress=advance).once(box)
    except ImapUnavailableError as error:
        hint = "nothing is lost; type the same command later, or let cron do so"
        return Exit.LATER, PollTally(), [Problem(f"{where} cannot be read now: {error}", hint=hint)]
    except ImapLoginRefusedError as error:
        return Exit.CREDENTIALS, PollTally(), [refused(post, error)]
    except UserError as error:
        return Exit.SETUP, PollTally(), list(error.problems)
    return Exit.DONE, tally, problems_of(tally)


def refused(post: WatchedMailbox, error: Exception) -> Problem:
    """What to say where a mailbox lets us not in."""
    hint = f"check user and password of {post.owner.name} and of its imap table. {post.owner.preset.note}"
    return Problem(str(error), hint=hint.strip())


def problems_of(tally: PollTally) -> list[Problem]:
    """What could not be read, and what could not be filed."""
    found = [Problem(sentence) for sentence in tally.problems]
    if tally.cannot_move:
        hint = "they are marked as seen; move them by hand, or with a rule of the mailbox"
        found.append(Problem("this server cannot move messages, so all stay in INBOX", hint=hint))
    return found


def show(session: CommandContext, post: WatchedMailbox, tally: PollTally, *, looking: bool) -> None:
    """One mailbox as a small table: how many of each kind, and what that did."""
    what = "would be done" if looking else "done"
    mails = "1 mail" if tally.looked_at == 1 else f"{tally.looked_at:,} mails"
    session.result(f"{post.imap.user} ({post.names}): {mails} looked at; {what}:")
    counted = [(tally.understood[kind], kind, does) for kind, does in _DOES.items()]
    rows = [(f"{number:,}", kind.replace("_", " "), does) for number, kind, does in counted if number]
    if tally.repeated:
        rows.append((f"{tally.repeated:,}", "known", "were recorded before"))
    if tally.tests:
        rows.append((f"{tally.tests:,}", "tests", "about test messages: nothing was changed"))
    rows.append((f"{tally.left:,}", "left", "not about our messages: left as they were"))
    for number, kind, does in rows:
        session.result(f"  {number:>7}  {kind:<13}  {does}")


def _object(post: WatchedMailbox, tally: PollTally, problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "account": post.owner.name,
        "accounts": [account.name for account in post.accounts],
        "looked_at": tally.looked_at,
        "understood": {str(kind): number for kind, number in sorted(tally.understood.items())},
        "repeated": tally.repeated,
        "tests": tally.tests,
        "left": tally.left,
        "problems": problem_objects(problems),
    }


def _posts(session: CommandContext, name: str | None) -> tuple[list[WatchedMailbox], list[Problem]]:
    """The mailboxes to read, each once, whatever the accounts that share it; UserError if there are none.

    With them what is wrong with other accounts, which was said and does not hold up these.
    """
    project = session.project
    names = [name] if name is not None else list(project.account_names)
    sharing: dict[tuple[str, int, str], WatchedMailbox] = {}
    without: list[Account] = []
    problems: list[Problem] = []
    for one in names:
        try:
            account = project.account(one)
        except UserError as error:
            problems += error.problems
            continue
        if account.imap is None:
            without.append(account)
        else:
            imap = account.imap
            key = (imap.host.casefold(), imap.port, imap.user.casefold())
            others = sharing[key].accounts if key in sharing else ()
            sharing[key] = WatchedMailbox((*others, account), imap)
    if not sharing:
        problems += [_no_mailbox(session, account) for account in without]
        raise UserError(*(problems or [_no_account(session)]))
    show_problems(session, tuple(problems))
    return list(sharing.values()), problems


def _no_mailbox(session: CommandContext, account: Account) -> Problem:
    hint = 'write imap = { host = "imap.example.org" }, with user and password where they differ'
    if account.preset.family == "microsoft":
        hint = (
            "Microsoft lets programs read mail by OAuth only, and a password is all that can be given here; "
            f"let bounces go to a mailbox elsewhere (return_path, mailto), and {hint}"
        )
    file, key = session.project.file.name, f"accounts.{account.name}.imap"
    return Problem("this account has no IMAP mailbox that could be read", file=file, key=key, hint=hint)


def _no_account(session: CommandContext) -> Problem:
    return Problem("there is no account", file=session.project.file.name, hint="add a table [accounts.NAME]")


def _collection(
    session: CommandContext,
    ledger: Ledger,
    post: WatchedMailbox,
    since: timedelta,
    *,
    junk: bool,
    looking: bool,
) -> MailboxPoll:
    from mailrunner.inbound.classify import PROVIDER_DOMAINS, MessageClassifier
    from mailrunner.inbound.poll import MailboxPoll
    from mailrunner.sending.token_signer import token_signer

    owner = post.owner
    classifier = MessageClassifier(
        signer=token_signer(session.project, ledger),
        identity=owner.identity,
        domains=PROVIDER_DOMAINS.get(owner.preset.family, ()),
        pause=owner.preset.quota_pause,
    )
    return MailboxPoll(ledger=ledger, classifier=classifier, since=since, junk=junk, dry_run=looking)


def _length(text: str) -> timedelta:
    from mailrunner.model.schedule import duration

    try:
        return min(duration(text), _LONGEST_LOOK)
    except ValueError as error:
        raise typer.BadParameter(f"--since: {error}") from None


@contextmanager
def _progress(session: CommandContext, post: WatchedMailbox) -> Iterator[Any]:
    """A bar on a terminal, nothing elsewhere; the function takes how many of how many are done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    shown = session.words.is_terminal and not session.quiet
    with Progress(*columns, console=session.words, transient=True, disable=not shown) as bar:
        task = bar.add_task(f"Reading the mailbox of {post.names}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
