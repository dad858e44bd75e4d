"""`mailrunner doctor --send` and `--eml`: a real message to oneself, read as it arrived."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mailrunner.cli.context import CommandContext
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.config.account import Account, Imap
    from mailrunner.inbound.imap import ImapMailbox
    from mailrunner.sending.doctor.finding import Finding

_TRIES, _BETWEEN = 20, timedelta(seconds=3)
_TOKEN = re.compile(rb"^X-Mailrunner-Delivery: ([a-z2-7]{10,100})\r?$", re.MULTILINE)
_LARGEST = 64 << 20  # octets of a file


def of_file(file: Path) -> list[Finding]:
    """The findings for a message that a user saved; UserError where the file cannot be read."""
    from mailrunner.sending.doctor.arrival import arrival_findings

    try:
        with file.open("rb") as stream:
            octets = stream.read(_LARGEST)
    except OSError as error:
        raise UserError(Problem(f"{file} cannot be read: {error.strerror}", key="--eml")) from None
    return arrival_findings(octets)


def by_sending(context: CommandContext, account: Account, address: str) -> list[Finding]:
    """Send the test message of a campaign, and read it back where it arrives in the account's own mailbox."""
    from mailrunner.sending.doctor.finding import Finding, Level

    refusal, token = _sent(context, account, address)
    if refusal:
        return [Finding("arrival", Level.FAULT, f"no message was sent to {address}", refusal)]
    sent = Finding("arrival", Level.OK, f"a message was sent to {address}")
    remedy = f"save what arrives as .eml, then: mailrunner doctor {account.name} --eml FILE"
    if account.imap is None or address.casefold() not in (
        account.imap.user.casefold(),
        account.user.casefold(),
    ):
        what = f"mailrunner cannot read the mailbox of {address}"
        return [sent, Finding("arrival", Level.UNKNOWN, what, remedy=remedy)]
    found = _read_back(context, account, account.imap, token)
    return [
        sent,
        *(found or [Finding("arrival", Level.UNKNOWN, "it did not arrive in a minute", remedy=remedy)]),
    ]


def _sent(context: CommandContext, account: Account, address: str) -> tuple[str, str]:
    """Why nothing was sent ("" if it was), and the token of what was."""
    from mailrunner.model.outcome import OutcomeKind
    from mailrunner.sending.test_send import SendTest

    prepared = context.prepare(_campaign(context, account))
    with context.open_ledger() as ledger:
        test = SendTest(prepared, ledger, row=None)
        outcome = test.send(address)
    if outcome.kind is not OutcomeKind.SENT:
        return outcome.reason, ""
    match = _TOKEN.search(test.data)
    return "", match[1].decode() if match else ""


def _campaign(context: CommandContext, account: Account) -> str:
    from mailrunner.campaign.folder import tables

    for path, table in tables(context.project):
        if table.get("account") == account.name:
            return str(path)
    hint = "write one with: mailrunner new NAME"
    raise UserError(Problem(f"no campaign is sent through {account.name}", key="--send", hint=hint))


def _read_back(context: CommandContext, account: Account, imap: Imap, token: str) -> list[Finding]:
    """The findings for the message with that token; none where it does not arrive, or IMAP fails."""
    from mailrunner.inbound.imap import ImapLoginRefusedError, ImapMailbox, ImapUnavailableError
    from mailrunner.sending.doctor.arrival import arrival_findings
    from mailrunner.sending.doctor.finding import Finding, Level

    try:
        with ImapMailbox.open(imap, ca_file=account.ca_file, timeout=30) as mailbox:
            for _ in range(_TRIES):
                for use, octets in _copies(mailbox, token):
                    return arrival_findings(octets, folder=use)
                context.clock.wait(threading.Event(), context.clock.now() + _BETWEEN)
    except (ImapUnavailableError, ImapLoginRefusedError) as error:
        return [Finding("arrival", Level.UNKNOWN, "the mailbox could not be read", str(error))]
    return []


def _copies(mailbox: ImapMailbox, token: str) -> list[tuple[str, bytes]]:
    """The message from the inbox or the spam folder, with that folder's special use."""
    from mailrunner.inbound.imap import INBOX

    found = []
    for use, folder in (("", INBOX), *(("\\Junk", each) for each in mailbox.folders("\\Junk"))):
        mailbox.select(folder, readonly=True)
        uids = mailbox.search(f"HEADER X-Mailrunner-Delivery {token}")
        found += [(use, mailbox.message(uid)) for uid in uids[:1]]
    return found
