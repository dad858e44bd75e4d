"""Commands that steer a campaign: pause, unpause, cancel, requeue, purge."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli import app
from mailrunner.cli.context import CommandContext, command
from mailrunner.cli.exit_codes import Exit
from mailrunner.cli.options import CampaignArgument
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.store import CampaignRecord, Ledger

Addresses = Annotated[list[str] | None, typer.Argument(metavar="[ADDRESS]...", help="Only these people.")]


@command(app, "pause")
def pause(session: CommandContext, campaign: CampaignArgument) -> None:
    """Send nothing more of a campaign until `unpause`; running processes obey before their next message."""
    from mailrunner.store import Phase

    with session.open_ledger() as ledger:
        record = begun(session, ledger, campaign)
        if record.phase is not Phase.PAUSED and not ledger.campaigns.pause(record.no):
            raise UserError(Problem(f"{record.id} is {record.phase}: nothing is being sent that could pause"))
    session.result(f"{record.id} is paused. To go on: mailrunner unpause {record.id}")


@command(app, "unpause")
def unpause(session: CommandContext, campaign: CampaignArgument) -> None:
    """Let a paused campaign go on with the next `run` or `resume`."""
    from mailrunner.store import Phase

    with session.open_ledger() as ledger:
        record = begun(session, ledger, campaign)
        if not ledger.campaigns.begin(record.no, seen=Phase.PAUSED):
            raise UserError(Problem(f"{record.id} is not paused, it is {record.phase}"))
    session.result(f"{record.id} goes on with the next: mailrunner run {record.id}, or mailrunner resume")


@command(app, "cancel")
def cancel(
    session: CommandContext,
    campaign: CampaignArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Exit:
    """Send nothing more of a campaign; who has it keeps it, the others are skipped."""
    with session.open_ledger() as ledger:
        record = begun(session, ledger, campaign)
        if record.phase == "finished":
            raise UserError(Problem(f"{record.id} is finished; nobody is left to be mailed"))
        if record.phase == "loading":
            hint = "stop the run that reads it; a campaign whose list was not read to its end sends nothing"
            raise UserError(Problem(f"the list of {record.id} is still being read", hint=hint))
        left = ledger.deliveries.counts(record.no).open
        question = f"Cancel {record.id}? {left:,} people will not get it."
        if session.is_interactive and not yes and not typer.confirm(question, err=True):
            return Exit.INTERRUPTED
        skipped = ledger.campaigns.cancel(record.no)
    session.result(f"{record.id} is cancelled: {skipped:,} people will not get it.")
    return Exit.DONE


@command(app, "requeue")
def requeue(
    session: CommandContext,
    campaign: CampaignArgument,
    addresses: Addresses = None,
    failed: Annotated[bool, typer.Option("--failed", help="Those who were refused.")] = False,
    suppressed: Annotated[bool, typer.Option("--suppressed", help="Those who had said no.")] = False,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="Those who left the list or were cancelled.")
    ] = False,
) -> Exit:
    """Queue people again for whom nothing was accepted, if they may be mailed now."""
    from mailrunner.model.delivery import State
    from mailrunner.model.suppression import ALL_LISTS

    chosen = {State.FAILED: failed, State.SUPPRESSED: suppressed, State.SKIPPED: skipped}
    states = [state for state, wanted in chosen.items() if wanted]
    if not states:
        raise typer.BadParameter("say which people: --failed, --suppressed or --skipped")
    with session.open_ledger() as ledger:
        record = begun(session, ledger, campaign)
        known = session.project.lists.get(record.list_key)
        done = ledger.manual_actions.requeue(
            record.no,
            states=states,
            keys=keys_of(addresses or ()),
            lists={record.list_key, *(known.formerly if known else ())} - {ALL_LISTS},
            transactional=record.kind == "transactional",
        )
    for address, why in done.refused[:20]:
        session.say(f"  not {address or 'a row without an address'}: {why}")
    if len(done.refused) > 20:
        session.say(f"  … and {len(done.refused) - 20:,} more")
    session.result(f"{done.number:,} queued again. To send: mailrunner run {record.id}")
    return Exit.DONE


@command(app, "purge")
def purge(session: CommandContext, campaign: CampaignArgument) -> None:
    """Forget what a campaign's rows said; who got what stays known by key."""
    with session.open_ledger() as ledger:
        record = begun(session, ledger, campaign)
        if ledger.deliveries.counts(record.no).open:
            hint = f"finish it, or: mailrunner cancel {record.id}"
            raise UserError(Problem(f"{record.id} still has people to mail, whose rows it needs", hint=hint))
        number = ledger.campaigns.purge_rows(record.no)
    session.result(f"The rows of {number:,} people were forgotten; keys and outcomes stay.")


def begun(session: CommandContext, ledger: Ledger, name: str) -> CampaignRecord:
    """The campaign `name`, which a run has begun; raises UserError otherwise."""
    from mailrunner.cli.campaign_lookup import campaign_record

    record = campaign_record(session, ledger, name)
    if record is None:
        raise UserError(Problem(f"{name} was not begun yet", hint=f"to begin it: mailrunner run {name}"))
    return record


def keys_of(addresses: Collection[str]) -> frozenset[str]:
    """The keys of addresses as a person types them; raises UserError naming all that are none."""
    from mailrunner.model.address import normalise

    keys, problems = set(), []
    for text in addresses:
        try:
            keys.add(normalise(text).key)
        except ValueError as error:
            problems.append(Problem(str(error), key=text))
    UserError.collect(problems)
    return frozenset(keys)
