"""`mailrunner resolve`: deliveries in doubt, looked up in the Sent folder or decided by the user."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli.app import AFTER_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import AddressesArgument, CampaignArgument, keys_of
from mailrunner.cli.output import complain
from mailrunner.errors import Problem, UserError
from mailrunner.sending.python_api.lookup import begun_campaign

if TYPE_CHECKING:
    from mailrunner.model.in_doubt import Resolution
    from mailrunner.store import CampaignRecord, Ledger
    from mailrunner.store.manual_actions import InDoubtDelivery


_TIMEOUT = 60.0  # seconds: a user waits for the answer of the mailbox


@command(app, "resolve", panel=AFTER_SENDING)
def resolve(
    context: CommandContext,
    campaign: CampaignArgument,
    addresses: AddressesArgument = None,
    from_sent_folder: Annotated[
        bool,
        typer.Option(
            "--from-sent-folder",
            help="Look the messages up in the account's Sent folder over IMAP, and resolve what it proves.",
        ),
    ] = False,
    from_provider: Annotated[
        bool,
        typer.Option(
            "--from-provider",
            help="Ask the provider's HTTP API whether it took them, and resolve what its log proves.",
        ),
    ] = False,
    sent: Annotated[bool, typer.Option("--sent", help="Record these deliveries as sent.")] = False,
    resend: Annotated[
        bool,
        typer.Option(
            "--resend",
            help="Queue these deliveries again with the same Message-ID; recipients may get a second copy.",
        ),
    ] = False,
) -> Exit:
    """Show the deliveries in doubt, look them up, or decide about them.

    In doubt are messages that the server may have accepted, though its answer was not seen.
    Example: mailrunner resolve newsletter --from-sent-folder
    """
    if from_sent_folder + from_provider + sent + resend > 1:
        exclusive = "--from-sent-folder, --from-provider, --sent and --resend exclude each other"
        raise typer.BadParameter(exclusive)
    with context.existing_ledger() as ledger:
        record = begun_campaign(context.project, ledger, campaign)
        ledger.deliveries.recover()
        doubts = _chosen(ledger, record, addresses or ())
        if not doubts:
            context.result(f"Nothing of {record.id} is in doubt.")
            return Exit.DONE
        if from_sent_folder:
            return _resolve_by_lookup(context, ledger, record, doubts)
        if from_provider:
            return _resolve_by_api(context, ledger, record, doubts)
        if sent or resend:
            return _decide(context, ledger, record, doubts, sent=sent)
        return _show(context, ledger, record, doubts)


def _chosen(ledger: Ledger, record: CampaignRecord, addresses: Collection[str]) -> list[InDoubtDelivery]:
    doubts = ledger.manual_actions.in_doubt(record.no)
    if not addresses:
        return doubts
    keys = keys_of(addresses)
    missing = keys - {doubt.key for doubt in doubts}
    UserError.collect(Problem(f"{key} is not in doubt in {record.id}") for key in sorted(missing))
    return [doubt for doubt in doubts if doubt.key in keys]


def _show(
    context: CommandContext, ledger: Ledger, record: CampaignRecord, doubts: Sequence[InDoubtDelivery]
) -> Exit:
    from mailrunner.clock import rfc3339
    from mailrunner.model.tokens import message_id

    signer = context.signer(ledger)
    for doubt in doubts:
        identity = message_id(signer, doubt.id, record.message_domain)
        tried = rfc3339(doubt.last_attempt_at) or ""
        context.result(f"{doubt.address}\t{tried}\t{identity}\t{doubt.reason}")
    lookup = f"mailrunner resolve {record.id} {_lookup_option(context, record)}"
    complain(
        f"{len(doubts):,} in doubt: the server may have taken these, but its answer was not seen",
        f"{lookup} looks for them; or look for the Message-ID in the server's log, then: {_by_hand(record)}",
    )
    return Exit.SOME_FAILED


def _lookup_option(context: CommandContext, record: CampaignRecord) -> str:
    """How the account's doubts are looked up; its table may be gone by now."""
    account = context.project.accounts.get(record.account_name)
    is_api = account is not None and account.api is not None and account.imap is None
    return "--from-provider" if is_api else "--from-sent-folder"


def _decide(
    context: CommandContext,
    ledger: Ledger,
    record: CampaignRecord,
    doubts: Sequence[InDoubtDelivery],
    *,
    sent: bool,
) -> Exit:
    if sent:
        number = ledger.manual_actions.resolve_as_sent(doubts, reason="recorded as sent by the operator")
        context.result(f"{number:,} recorded as sent")
    else:
        number = ledger.manual_actions.resolve_as_not_sent(record.no, doubts)
        context.result(f"{number:,} {_unsent(record)}. {_next_step(record)}")
    return Exit.DONE


def _resolve_by_lookup(
    context: CommandContext, ledger: Ledger, record: CampaignRecord, doubts: Sequence[InDoubtDelivery]
) -> Exit:
    """Look the messages up, record what is proved, and print what is not and why."""
    from mailrunner.inbound.imap import ImapLoginRefusedError, ImapUnavailableError

    try:
        resolutions = _look_up(context, ledger, record, doubts)
    except ImapUnavailableError as error:
        complain(f"the Sent folder cannot be asked now: {error}", "nothing was changed; try again later")
        return Exit.LATER
    except ImapLoginRefusedError as error:
        hint = f"nothing was changed; check user and password of {record.account_name} and of its imap table"
        complain(str(error), hint)
        return Exit.CREDENTIALS
    recorded = [(doubt, _recorded(ledger, record, doubt, resolution)) for doubt, resolution in resolutions]
    return _print_resolutions(context, record, recorded)


def _resolve_by_api(
    context: CommandContext, ledger: Ledger, record: CampaignRecord, doubts: Sequence[InDoubtDelivery]
) -> Exit:
    """Ask the provider, record what is proved, and print what is not and why."""
    from mailrunner.sending.api_lookup import ask_provider
    from mailrunner.transports.apis import ApiUnavailableError

    account = context.project.account(record.account_name)
    try:
        resolutions = ask_provider(
            account, doubts, ledger=ledger, record=record, signer=context.signer(ledger), timeout=_TIMEOUT
        )
    except ApiUnavailableError as error:
        complain(f"the provider cannot be asked now: {error}", "nothing was changed; try again later")
        return Exit.LATER
    recorded = [(doubt, _recorded(ledger, record, doubt, resolution)) for doubt, resolution in resolutions]
    return _print_resolutions(context, record, recorded)


def _look_up(
    context: CommandContext, ledger: Ledger, record: CampaignRecord, doubts: Sequence[InDoubtDelivery]
) -> list[tuple[InDoubtDelivery, Resolution]]:
    from mailrunner.reconciliation.check import SentFolderCheck
    from mailrunner.reconciliation.sent_folder import SentFolder

    account = context.project.account(record.account_name)
    if account.imap is None:
        raise _without_imap(context, record)
    timeout = min(account.timeout, _TIMEOUT)
    with SentFolder.open(account.imap, ca_file=account.ca_file, timeout=timeout) as folder:
        return SentFolderCheck(
            ledger=ledger,
            record=record,
            preset=account.preset,
            signer=context.signer(ledger),
            folder=folder,
        ).resolutions(doubts)


def _recorded(
    ledger: Ledger, record: CampaignRecord, doubt: InDoubtDelivery, resolution: Resolution
) -> Resolution:
    """Record a resolution; return it, or UNDECIDED with the reason why it could not be recorded."""
    from mailrunner.model.in_doubt import Lookup, Resolution

    if resolution.lookup is Lookup.FOUND:
        done = ledger.manual_actions.resolve_as_sent([doubt], reason=resolution.reason)
    elif resolution.lookup is Lookup.ABSENT:
        done = ledger.manual_actions.resolve_as_not_sent(record.no, [doubt])
    else:
        return resolution
    if done:
        return resolution
    why = f"{resolution.reason}; nothing was changed, as it was resolved meanwhile or its row was purged"
    return Resolution(lookup=Lookup.UNDECIDED, reason=why)


def _print_resolutions(
    context: CommandContext, record: CampaignRecord, resolutions: Sequence[tuple[InDoubtDelivery, Resolution]]
) -> Exit:
    from mailrunner.clock import rfc3339
    from mailrunner.model.in_doubt import Lookup

    words = {Lookup.FOUND: "sent", Lookup.ABSENT: _unsent(record), Lookup.UNDECIDED: "in doubt"}
    for doubt, resolution in resolutions:
        again = f"; look again after {rfc3339(resolution.look_again_at)}" if resolution.look_again_at else ""
        context.result(f"{doubt.address}\t{words[resolution.lookup]}\t{resolution.reason}{again}")
    if any(resolution.lookup is Lookup.ABSENT for _, resolution in resolutions):
        context.say(_next_step(record))
    undecided = [resolution for _, resolution in resolutions if resolution.lookup is Lookup.UNDECIDED]
    if not undecided:
        return Exit.DONE
    complain(
        f"{len(undecided):,} of {len(resolutions):,} stay in doubt",
        f"to decide by hand: {_by_hand(record)}",
    )
    return Exit.LATER if any(resolution.look_again_at for resolution in undecided) else Exit.SOME_FAILED


def _unsent(record: CampaignRecord) -> str:
    return "skipped" if record.phase == "cancelled" else "queued again"


def _next_step(record: CampaignRecord) -> str:
    if record.phase == "cancelled":
        return f"{record.id} is cancelled. To send all the same: mailrunner requeue {record.id} --skipped"
    return f"To send: mailrunner run {record.id}"


def _by_hand(record: CampaignRecord) -> str:
    return f"mailrunner resolve {record.id} --sent ADDRESS…, or --resend ADDRESS…"


def _without_imap(context: CommandContext, record: CampaignRecord) -> UserError:
    return UserError(
        Problem(
            "this account has no IMAP mailbox whose Sent folder could be asked",
            file=context.project.file.name,
            key=f"accounts.{record.account_name}.imap",
            hint='write imap = { host = "imap.example.org" }, with user and password where they differ '
            f"from the account's; or decide by hand: {_by_hand(record)}",
        )
    )
