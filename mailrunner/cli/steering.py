"""Commands that steer a campaign: pause, unpause, cancel, requeue, resolve, purge."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from mailrunner.cli import app
from mailrunner.cli.exits import Exit
from mailrunner.cli.running import CampaignArgument
from mailrunner.cli.session import Session, command, complain
from mailrunner.errors import Problem, UserError

if TYPE_CHECKING:
    from mailrunner.store import CampaignRecord, Ledger
    from mailrunner.store.decisions import Doubt

Addresses = Annotated[list[str] | None, typer.Argument(metavar="[ADDRESS]...", help="Only these people.")]


@command(app, "pause")
def pause(session: Session, campaign: CampaignArgument) -> None:
    """Send nothing more of a campaign until `unpause`; running processes obey before their next message."""
    from mailrunner.store import Phase

    with session.open_ledger() as ledger:
        record = _begun(session, ledger, campaign)
        if record.phase in (Phase.FINISHED, Phase.CANCELLED):
            raise UserError(Problem(f"{record.id} is {record.phase}; there is nothing to pause"))
        ledger.campaigns.pause(record.no)
    session.result(f"{record.id} is paused. To go on: mailrunner unpause {record.id}")


@command(app, "unpause")
def unpause(session: Session, campaign: CampaignArgument) -> None:
    """Let a paused campaign go on with the next `run` or `resume`."""
    from mailrunner.store import Phase

    with session.open_ledger() as ledger:
        record = _begun(session, ledger, campaign)
        if record.phase is not Phase.PAUSED:
            raise UserError(Problem(f"{record.id} is not paused, it is {record.phase}"))
        ledger.campaigns.begin(record.no)
    session.result(f"{record.id} goes on with the next: mailrunner run {record.id}, or mailrunner resume")


@command(app, "cancel")
def cancel(
    session: Session,
    campaign: CampaignArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Exit:
    """Send nothing more of a campaign; who has it keeps it, the others are skipped."""
    with session.open_ledger() as ledger:
        record = _begun(session, ledger, campaign)
        left = ledger.deliveries.counts(record.no).open
        question = f"Cancel {record.id}? {left:,} people will not get it."
        if session.is_interactive and not yes and not typer.confirm(question, err=True):
            return Exit.INTERRUPTED
        skipped = ledger.campaigns.cancel(record.no)
    session.result(f"{record.id} is cancelled: {skipped:,} people will not get it.")
    return Exit.DONE


@command(app, "requeue")
def requeue(
    session: Session,
    campaign: CampaignArgument,
    addresses: Addresses = None,
    failed: Annotated[bool, typer.Option("--failed", help="Those who were refused.")] = False,
    suppressed: Annotated[bool, typer.Option("--suppressed", help="Those who had said no.")] = False,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="Those who left the list or were cancelled.")
    ] = False,
) -> Exit:
    """Queue people again for whom nothing was accepted, if they may be mailed now."""
    from mailrunner.delivery import State
    from mailrunner.suppression import ALL_LISTS

    chosen = {State.FAILED: failed, State.SUPPRESSED: suppressed, State.SKIPPED: skipped}
    states = [state for state, wanted in chosen.items() if wanted]
    if not states:
        raise typer.BadParameter("say which people: --failed, --suppressed or --skipped")
    with session.open_ledger() as ledger:
        record = _begun(session, ledger, campaign)
        known = session.project.lists.get(record.list_key)
        done = ledger.decisions.requeue(
            record.no,
            states=states,
            keys=_keys(addresses or ()),
            lists={record.list_key, *(known.formerly if known else ())} - {ALL_LISTS},
            transactional=record.kind == "transactional",
        )
    for address, why in done.refused[:20]:
        session.say(f"  not {address or 'a row without an address'}: {why}")
    if len(done.refused) > 20:
        session.say(f"  … and {len(done.refused) - 20:,} more")
    session.result(f"{done.number:,} queued again. To send: mailrunner run {record.id}")
    return Exit.DONE


@command(app, "resolve")
def resolve(
    session: Session,
    campaign: CampaignArgument,
    addresses: Addresses = None,
    sent: Annotated[bool, typer.Option("--sent", help="They were sent.")] = False,
    resend: Annotated[
        bool, typer.Option("--resend", help="Send them again, with the same Message-ID.")
    ] = False,
) -> Exit:
    """Show the deliveries that are in doubt, or decide about them."""
    if sent and resend:
        raise typer.BadParameter("--sent and --resend exclude each other")
    with session.open_ledger() as ledger:
        record = _begun(session, ledger, campaign)
        doubts = _chosen(ledger, record, addresses or ())
        if not (sent or resend):
            return _show(session, ledger, record, doubts)
        number = ledger.decisions.settle(record.no, [doubt.id for doubt in doubts], sent=sent)
    what = "recorded as sent" if sent else f"queued again. To send: mailrunner run {record.id}"
    session.result(f"{number:,} {what}")
    return Exit.DONE


@command(app, "purge")
def purge(session: Session, campaign: CampaignArgument) -> None:
    """Forget what a campaign's rows said; who got what stays known by key."""
    with session.open_ledger() as ledger:
        record = _begun(session, ledger, campaign)
        if ledger.deliveries.counts(record.no).open:
            hint = f"finish it, or: mailrunner cancel {record.id}"
            raise UserError(Problem(f"{record.id} still has people to mail, whose rows it needs", hint=hint))
        number = ledger.campaigns.forget_rows(record.no)
    session.result(f"The rows of {number:,} people were forgotten; keys and outcomes stay.")


def _begun(session: Session, ledger: Ledger, name: str) -> CampaignRecord:
    from mailrunner.cli.records import campaign_record

    record = campaign_record(session, ledger, name)
    if record is None:
        raise UserError(Problem(f"{name} was not begun yet", hint=f"to begin it: mailrunner run {name}"))
    return record


def _keys(addresses: Collection[str]) -> frozenset[str]:
    """The keys of addresses as a person types them; raises UserError naming all that are none."""
    from mailrunner.address import normalise

    keys, problems = set(), []
    for text in addresses:
        try:
            keys.add(normalise(text).key)
        except ValueError as error:
            problems.append(Problem(str(error), key=text))
    UserError.collect(problems)
    return frozenset(keys)


def _chosen(ledger: Ledger, record: CampaignRecord, addresses: Collection[str]) -> list[Doubt]:
    doubts = ledger.decisions.doubts(record.no)
    if not addresses:
        return doubts
    keys = _keys(addresses)
    missing = keys - {doubt.key for doubt in doubts}
    UserError.collect(Problem(f"{key} is not in doubt in {record.id}") for key in sorted(missing))
    return [doubt for doubt in doubts if doubt.key in keys]


def _show(session: Session, ledger: Ledger, record: CampaignRecord, doubts: list[Doubt]) -> Exit:
    from mailrunner.links import Signer, message_id
    from mailrunner.log import rfc3339

    if not doubts:
        session.result(f"Nothing of {record.id} is in doubt.")
        return Exit.DONE
    secret = session.project.unsubscribe.secret
    signer = Signer(ledger.link_secrets(secret.get_secret_value() if secret else None))
    for doubt in doubts:
        identity = message_id(signer, doubt.id, record.message_domain)
        tried = rfc3339(doubt.last_attempt_at) or ""
        session.result(f"{doubt.address}\t{tried}\t{identity}\t{doubt.reason}")
    complain(
        f"{len(doubts):,} in doubt: the server may have taken these, but its answer was not seen",
        f"look for the Message-ID in the account's Sent folder or the server's log, then: mailrunner resolve "
        f"{record.id} --sent ADDRESS…, or --resend ADDRESS…",
    )
    return Exit.SOME_FAILED
