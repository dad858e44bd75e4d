"""The results of reading a mailbox, as text, as JSON and as problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mailrunner.cli.context import CommandContext
from mailrunner.cli.inbox_mailboxes import WatchedMailbox
from mailrunner.errors import Problem
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.number_and_noun import counted
from mailrunner.sending.python_api.status import problem_objects

if TYPE_CHECKING:
    from mailrunner.inbound.poll import PollTally


# The effect of each kind of inbound event; docs/bounces.md explains them.
_EFFECTS = {
    EventKind.BOUNCED: "hard bounces: suppressed for all lists",
    EventKind.COMPLAINED: "reported as spam: suppressed for all lists",
    EventKind.UNSUBSCRIBED: "unsubscribed from the list",
    EventKind.LIMIT_REACHED: "the account's limit is reached: it is paused",
    EventKind.SOFT_BOUNCED: "soft bounces: counted",
    EventKind.REFUSED: "refused because of the sender or the content: failed, not suppressed",
    EventKind.DELAYED: "delivery still being tried: recorded",
    EventKind.DELIVERED: "delivered",
    EventKind.AUTO_REPLIED: "absence notices: recorded",
    EventKind.ASKED: "requests in free text: wait for your decision, unread in the inbox",
}


def print_tally(context: CommandContext, mailbox: WatchedMailbox, tally: PollTally, *, looking: bool) -> None:
    """Print the number of inbound events of each kind in one mailbox, and their effect."""
    effect = "would be done" if looking else "done"
    messages = counted(tally.looked_at, "message")
    context.result(f"{mailbox.imap.user} ({mailbox.names}): {messages} looked at; {effect}:")
    numbers = [(tally.understood[kind], kind, meaning) for kind, meaning in _EFFECTS.items()]
    rows = [(f"{number:,}", kind.replace("_", " "), meaning) for number, kind, meaning in numbers if number]
    if tally.repeated:
        rows.append((f"{tally.repeated:,}", "known", "were recorded before"))
    if tally.tests:
        rows.append((f"{tally.tests:,}", "tests", "about test messages: nothing was changed"))
    rows.append((f"{tally.left:,}", "left", "not about our messages: left as they were"))
    for number, kind, meaning in rows:
        context.result(f"  {number:>7}  {kind:<13}  {meaning}")


def tally_object(mailbox: WatchedMailbox, tally: PollTally, problems: Sequence[Problem]) -> dict[str, Any]:
    """One mailbox as `inbox --json` shows it; the keys are a contract."""
    return {
        "account": mailbox.owner.name,
        "accounts": [account.name for account in mailbox.accounts],
        "looked_at": tally.looked_at,
        "understood": {str(kind): number for kind, number in sorted(tally.understood.items())},
        "repeated": tally.repeated,
        "tests": tally.tests,
        "left": tally.left,
        "problems": problem_objects(problems),
    }


def tally_problems(tally: PollTally) -> list[Problem]:
    """Messages that could not be read, and those that could not be filed."""
    found = [Problem(sentence) for sentence in tally.problems]
    if tally.cannot_move:
        hint = "they are marked as seen; move them by hand, or with a rule of the mailbox"
        found.append(Problem("this server cannot move messages, so all stay in INBOX", hint=hint))
    return found


def login_problem(mailbox: WatchedMailbox, error: Exception) -> Problem:
    """The problem for a refused IMAP login."""
    hint = (
        f"check user and password of {mailbox.owner.name} and of its imap table. {mailbox.owner.preset.note}"
    )
    return Problem(str(error), hint=hint.strip())
