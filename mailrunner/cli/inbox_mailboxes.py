"""The mailboxes of the accounts in mailrunner.toml, and how each is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mailrunner.cli.context import CommandContext
from mailrunner.cli.output import show_problems
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.config.account import Account, Imap
    from mailrunner.inbound.poll import MailboxPoll
    from mailrunner.store import Ledger


TIMEOUT = 60.0  # seconds for each answer of an IMAP server


@dataclass(frozen=True, slots=True)
class WatchedMailbox:
    """One mailbox, and the accounts whose bounces and replies arrive in it."""

    accounts: tuple[Account, ...]
    imap: Imap

    @property
    def owner(self) -> Account:
        """The account with the mailbox's user, or the first."""
        user = self.imap.user.casefold()
        return next((a for a in self.accounts if a.user.casefold() == user), self.accounts[0])

    @property
    def names(self) -> str:
        return ", ".join(account.name for account in self.accounts)


def watched_mailboxes(
    context: CommandContext, name: str | None
) -> tuple[list[WatchedMailbox], list[Problem]]:
    """The mailboxes to read, each once however many accounts share it, and the problems of other accounts.

    `name` is an account, None means all.  The problems were printed.  UserError if there is no mailbox.
    """
    project = context.project
    names = [name] if name is not None else list(project.account_names)
    sharing: dict[tuple[str, int, str], WatchedMailbox] = {}
    without: list[Account] = []
    problems: list[Problem] = []
    for account_name in names:
        try:
            account = project.account(account_name)
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
        problems += [_no_mailbox(context, account) for account in without]
        raise UserError(*(problems or [_no_account(context)]))
    show_problems(problems)
    return list(sharing.values()), problems


def _no_mailbox(context: CommandContext, account: Account) -> Problem:
    hint = 'write imap = { host = "imap.example.org" }, with user and password where they differ'
    if account.preset.family == "microsoft":
        hint = (
            'Microsoft lets programs read mail by OAuth only: write login = "oauth" (docs/login.md); or '
            f"let bounces go to a mailbox elsewhere (return_path, mailto), and {hint}"
        )
    file, key = context.project.file.name, f"accounts.{account.name}.imap"
    return Problem("this account has no IMAP mailbox that could be read", file=file, key=key, hint=hint)


def _no_account(context: CommandContext) -> Problem:
    return Problem("there is no account", file=context.project.file.name, hint="add a table [accounts.NAME]")


def poll_of(
    context: CommandContext,
    ledger: Ledger,
    mailbox: WatchedMailbox,
    since: timedelta,
    *,
    junk: bool,
    looking: bool,
) -> MailboxPoll:
    """Reads that mailbox; `looking` changes nothing, `junk` reads the spam folder as well."""
    from mailrunner.inbound.classify import PROVIDER_DOMAINS, MessageClassifier
    from mailrunner.inbound.poll import MailboxPoll

    owner = mailbox.owner
    classifier = MessageClassifier(
        signer=context.signer(ledger),
        identity=owner.identity,
        domains=PROVIDER_DOMAINS.get(owner.preset.family, ()),
        pause=owner.preset.quota_pause,
    )
    return MailboxPoll(ledger=ledger, classifier=classifier, since=since, junk=junk, dry_run=looking)
