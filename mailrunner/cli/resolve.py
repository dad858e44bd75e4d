"""`mailrunner resolve`: deliveries in doubt, looked up in the Sent folder or decided by the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli.app import AFTER_SENDING, app, command
from mailrunner.cli.context import CommandContext
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import AddressesArgument, CampaignArgument
from mailrunner.cli.output import complain
from mailrunner.model.delivery import State

if TYPE_CHECKING:
    from mailrunner.sending.python_api.doubts import DoubtDesk, Resolved
    from mailrunner.store.manual_actions import InDoubtDelivery

_WORDS = {
    State.SENT: "sent",
    State.QUEUED: "queued again",
    State.SKIPPED: "skipped",
    State.IN_DOUBT: "in doubt",
}


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
    with context.handle.campaign(campaign).doubts() as desk:
        doubts = desk.chosen(addresses or ())
        if not doubts:
            context.result(f"Nothing of {desk.campaign} is in doubt.")
            return Exit.DONE
        if from_sent_folder:
            return _resolve_by_lookup(context, desk, doubts)
        if from_provider:
            return _resolve_by_api(context, desk, doubts)
        if sent or resend:
            return _decide(context, desk, doubts, sent=sent)
        return _show(context, desk, doubts)


def _show(context: CommandContext, desk: DoubtDesk, doubts: Sequence[InDoubtDelivery]) -> Exit:
    from mailrunner.clock import rfc3339
    from mailrunner.sending.python_api.doubts import by_hand

    for doubt in desk.shown(doubts):
        tried = rfc3339(doubt.tried_at) or ""
        context.result(f"{doubt.address}\t{tried}\t{doubt.message_id}\t{doubt.reason}")
    option = "--from-provider" if desk.is_asked_by_api else "--from-sent-folder"
    complain(
        f"{len(doubts):,} in doubt: the server may have taken these, but its answer was not seen",
        f"mailrunner resolve {desk.campaign} {option} looks for them; or look for the Message-ID in the "
        f"server's log, then: {by_hand(desk.campaign)}",
    )
    return Exit.SOME_FAILED


def _decide(
    context: CommandContext, desk: DoubtDesk, doubts: Sequence[InDoubtDelivery], *, sent: bool
) -> Exit:
    if sent:
        context.result(f"{len(desk.record_as_sent(doubts)):,} recorded as sent")
    else:
        number = len(desk.send_again(doubts))
        context.result(f"{number:,} {_WORDS[desk.unsent]}. {_next_step(desk)}")
    return Exit.DONE


def _resolve_by_lookup(context: CommandContext, desk: DoubtDesk, doubts: Sequence[InDoubtDelivery]) -> Exit:
    """Look the messages up, record what is proved, and print what is not and why."""
    from mailrunner.inbound.imap import ImapLoginRefusedError, ImapUnavailableError

    try:
        resolved = desk.by_sent_folder(doubts)
    except ImapUnavailableError as error:
        complain(f"the Sent folder cannot be asked now: {error}", "nothing was changed; try again later")
        return Exit.LATER
    except ImapLoginRefusedError as error:
        hint = f"nothing was changed; check user and password of {desk.account} and of its imap table"
        complain(str(error), hint)
        return Exit.CREDENTIALS
    return _print_resolutions(context, desk, resolved)


def _resolve_by_api(context: CommandContext, desk: DoubtDesk, doubts: Sequence[InDoubtDelivery]) -> Exit:
    """Ask the provider, record what is proved, and print what is not and why."""
    from mailrunner.transports.apis import ApiUnavailableError

    try:
        resolved = desk.by_provider(doubts)
    except ApiUnavailableError as error:
        complain(f"the provider cannot be asked now: {error}", "nothing was changed; try again later")
        return Exit.LATER
    return _print_resolutions(context, desk, resolved)


def _print_resolutions(context: CommandContext, desk: DoubtDesk, resolved: Sequence[Resolved]) -> Exit:
    from mailrunner.clock import rfc3339
    from mailrunner.sending.python_api.doubts import by_hand

    for one in resolved:
        again = f"; look again after {rfc3339(one.look_again_at)}" if one.look_again_at else ""
        context.result(f"{one.address}\t{_WORDS[one.state]}\t{one.reason}{again}")
    if any(one.state is desk.unsent for one in resolved):
        context.say(_next_step(desk))
    undecided = [one for one in resolved if one.state is State.IN_DOUBT]
    if not undecided:
        return Exit.DONE
    complain(
        f"{len(undecided):,} of {len(resolved):,} stay in doubt",
        f"to decide by hand: {by_hand(desk.campaign)}",
    )
    return Exit.LATER if any(one.look_again_at for one in undecided) else Exit.SOME_FAILED


def _next_step(desk: DoubtDesk) -> str:
    if desk.unsent is State.SKIPPED:
        again = f"mailrunner requeue {desk.campaign} --skipped"
        return f"{desk.campaign} is cancelled. To send all the same: {again}"
    return f"To send: mailrunner run {desk.campaign}"
