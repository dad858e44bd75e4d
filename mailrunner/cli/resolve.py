"""The command that settles doubt: by a look into the account's Sent folder, or by a person's word."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli import app
from mailrunner.cli.context import CommandContext, command, complain
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import CampaignArgument
from mailrunner.cli.pause import Addresses, begun, keys_of
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.model.in_doubt import Resolution
    from mailrunner.store import CampaignRecord, Ledger
    from mailrunner.store.manual_actions import InDoubtDelivery

_TIMEOUT = 60.0  # seconds: a mailbox is asked while a person waits


@command(app, "resolve")
def resolve(
    session: CommandContext,
    campaign: CampaignArgument,
    addresses: Addresses = None,
    from_sent_folder: Annotated[
        bool, typer.Option("--from-sent-folder", help="Look for them in the account's Sent folder (IMAP).")
    ] = False,
    sent: Annotated[bool, typer.Option("--sent", help="They were sent.")] = False,
    resend: Annotated[
        bool, typer.Option("--resend", help="Send them again, with the same Message-ID.")
    ] = False,
) -> Exit:
    """Show the deliveries that are in doubt, or decide about them."""
    if from_sent_folder + sent + resend > 1:
        raise typer.BadParameter("--from-sent-folder, --sent and --resend exclude each other")
    with session.open_ledger() as ledger:
        record = begun(session, ledger, campaign)
        ledger.deliveries.recover()
        doubts = _chosen(ledger, record, addresses or ())
        if not doubts:
            session.result(f"Nothing of {record.id} is in doubt.")
            return Exit.DONE
        if from_sent_folder:
            return _ask(session, ledger, record, doubts)
        if sent or resend:
            return _decide(session, ledger, record, doubts, sent=sent)
        return _show(session, ledger, record, doubts)


def _chosen(ledger: Ledger, record: CampaignRecord, addresses: Collection[str]) -> list[InDoubtDelivery]:
    doubts = ledger.manual_actions.in_doubt(record.no)
    if not addresses:
        return doubts
    keys = keys_of(addresses)
    missing = keys - {doubt.key for doubt in doubts}
    UserError.collect(Problem(f"{key} is not in doubt in {record.id}") for key in sorted(missing))
    return [doubt for doubt in doubts if doubt.key in keys]


def _show(
    session: CommandContext, ledger: Ledger, record: CampaignRecord, doubts: Sequence[InDoubtDelivery]
) -> Exit:
    from mailrunner.event_log import rfc3339
    from mailrunner.model.tokens import message_id
    from mailrunner.sending.token_signer import token_signer

    signer = token_signer(session.project, ledger)
    for doubt in doubts:
        identity = message_id(signer, doubt.id, record.message_domain)
        tried = rfc3339(doubt.last_attempt_at) or ""
        session.result(f"{doubt.address}\t{tried}\t{identity}\t{doubt.reason}")
    complain(
        f"{len(doubts):,} in doubt: the server may have taken these, but its answer was not seen",
        f"mailrunner resolve {record.id} --from-sent-folder looks for them; or look for the Message-ID in "
        f"the server's log, then: {_by_hand(record)}",
    )
    return Exit.SOME_FAILED


def _decide(
    session: CommandContext,
    ledger: Ledger,
    record: CampaignRecord,
    doubts: Sequence[InDoubtDelivery],
    *,
    sent: bool,
) -> Exit:
    if sent:
        number = ledger.manual_actions.resolve_as_sent(doubts, reason="settled by a person")
        session.result(f"{number:,} recorded as sent")
    else:
        number = ledger.manual_actions.resolve_as_not_sent(record.no, doubts)
        session.result(f"{number:,} {_unsent(record)}. {_next_step(record)}")
    return Exit.DONE


def _ask(
    session: CommandContext, ledger: Ledger, record: CampaignRecord, doubts: Sequence[InDoubtDelivery]
) -> Exit:
    """Look for the doubtful messages, settle what is proved, say what is not and why."""
    from mailrunner.inbound.imap import ImapLoginRefusedError, ImapUnavailableError

    try:
        verdicts = _verdicts(session, ledger, record, doubts)
    except ImapUnavailableError as error:
        complain(f"the Sent folder cannot be asked now: {error}", "nothing was changed; try again later")
        return Exit.LATER
    except ImapLoginRefusedError as error:
        hint = f"nothing was changed; check user and password of {record.account_name} and of its imap table"
        complain(str(error), hint)
        return Exit.CREDENTIALS
    settled = [(doubt, _settled(ledger, record, doubt, verdict)) for doubt, verdict in verdicts]
    return _tell(session, record, settled)


def _verdicts(
    session: CommandContext, ledger: Ledger, record: CampaignRecord, doubts: Sequence[InDoubtDelivery]
) -> list[tuple[InDoubtDelivery, Resolution]]:
    from mailrunner.reconciliation.check import SentFolderCheck
    from mailrunner.reconciliation.sent_folder import SentFolder
    from mailrunner.sending.token_signer import token_signer

    account = session.project.account(record.account_name)
    if account.imap is None:
        raise _without_imap(session, record)
    timeout = min(account.timeout, _TIMEOUT)
    with SentFolder.open(account.imap, ca_file=account.ca_file, timeout=timeout) as folder:
        return SentFolderCheck(
            ledger=ledger,
            record=record,
            preset=account.preset,
            signer=token_signer(session.project, ledger),
            folder=folder,
        ).resolutions(doubts)


def _settled(
    ledger: Ledger, record: CampaignRecord, doubt: InDoubtDelivery, verdict: Resolution
) -> Resolution:
    """Record a verdict; return it, or one that says why it could not be carried out."""
    from mailrunner.model.in_doubt import Lookup, Resolution

    if verdict.lookup is Lookup.FOUND:
        done = ledger.manual_actions.resolve_as_sent([doubt], reason=verdict.reason)
    elif verdict.lookup is Lookup.ABSENT:
        done = ledger.manual_actions.resolve_as_not_sent(record.no, [doubt])
    else:
        return verdict
    if done:
        return verdict
    why = f"{verdict.reason}; nothing was changed, as it was settled meanwhile or its row was purged"
    return Resolution(lookup=Lookup.UNDECIDED, reason=why)


def _tell(
    session: CommandContext, record: CampaignRecord, verdicts: Sequence[tuple[InDoubtDelivery, Resolution]]
) -> Exit:
    from mailrunner.event_log import rfc3339
    from mailrunner.model.in_doubt import Lookup

    words = {Lookup.FOUND: "sent", Lookup.ABSENT: _unsent(record), Lookup.UNDECIDED: "in doubt"}
    for doubt, verdict in verdicts:
        again = f"; look again after {rfc3339(verdict.look_again_at)}" if verdict.look_again_at else ""
        session.result(f"{doubt.address}\t{words[verdict.lookup]}\t{verdict.reason}{again}")
    if any(verdict.lookup is Lookup.ABSENT for _, verdict in verdicts):
        session.say(_next_step(record))
    undecided = [verdict for _, verdict in verdicts if verdict.lookup is Lookup.UNDECIDED]
    if not undecided:
        return Exit.DONE
    complain(
        f"{len(undecided):,} of {len(verdicts):,} stay in doubt",
        f"to decide by hand: {_by_hand(record)}",
    )
    return Exit.LATER if any(verdict.look_again_at for verdict in undecided) else Exit.SOME_FAILED


def _unsent(record: CampaignRecord) -> str:
    return "skipped" if record.phase == "cancelled" else "queued again"


def _next_step(record: CampaignRecord) -> str:
    if record.phase == "cancelled":
        return f"{record.id} is cancelled. To send all the same: mailrunner requeue {record.id} --skipped"
    return f"To send: mailrunner run {record.id}"


def _by_hand(record: CampaignRecord) -> str:
    return f"mailrunner resolve {record.id} --sent ADDRESS…, or --resend ADDRESS…"


def _without_imap(session: CommandContext, record: CampaignRecord) -> UserError:
    return UserError(
        Problem(
            "this account has no IMAP mailbox whose Sent folder could be asked",
            file=session.project.file.name,
            key=f"accounts.{record.account_name}.imap",
            hint='write imap = { host = "imap.example.org" }, with user and password where they differ '
            f"from the account's; or decide by hand: {_by_hand(record)}",
        )
    )
