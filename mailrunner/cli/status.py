"""Where things stand: `status` and `quota`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailrunner.cli import app
from mailrunner.cli.context import CommandContext, command
from mailrunner.cli.options import JsonOption
from mailrunner.cli.output import account_object, campaign_object, local, problem_objects
from mailrunner.errors import MailrunnerError, Problem, UserError
from mailrunner.model.delivery import Counts

if TYPE_CHECKING:
    from mailrunner.store import CampaignRecord, Ledger


@command(app, "status")
def status(
    session: CommandContext,
    campaign: Annotated[
        str | None, typer.Argument(metavar="[CAMPAIGN]", help="A campaign's file or id; all without one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how far each campaign is, when it goes on and when it will be done."""
    with session.look_at_ledger() as ledger:
        campaigns = _campaigns(session, ledger, campaign)
        accounts = account_objects(session, ledger)
        about_the_clock = ledger.clock_warning
    if as_json:
        session.json({"campaigns": campaigns, "accounts": accounts})
        return
    if about_the_clock:
        session.say(about_the_clock)
    if not campaigns:
        session.result("No campaign was begun yet. To begin one: mailrunner run CAMPAIGN")
    for found in campaigns:
        _print_campaign(session, found)
    _print_accounts(session, [a for a in accounts if a["paused_until"] or campaigns])


@command(app, "quota")
def quota(session: CommandContext, as_json: JsonOption = False) -> None:
    """Say what each account's limits leave, and when the next slot comes back."""
    with session.look_at_ledger() as ledger:
        accounts = account_objects(session, ledger)
    if as_json:
        session.json({"accounts": accounts})
    else:
        _print_accounts(session, accounts)


def account_objects(session: CommandContext, ledger: Ledger) -> list[dict[str, Any]]:
    """Every account of mailrunner.toml that can be read, as JSON shows it."""
    found = []
    for name in session.project.account_names:
        account = session.project.accounts.get(name)
        if account is None:
            continue
        known = ledger.accounts.find(account.identity)
        rooms = ledger.accounts.rooms(
            account.identity, limits=account.limits, reserve=account.reserve, zone=account.timezone
        )
        now = ledger.clock.now()
        paused = known.paused_until if known and known.paused_until and known.paused_until > now else None
        reason = known.stop_reason or (known.pause_reason if paused else "") if known else ""
        found.append(
            account_object(name, paused_until=paused, reason=reason, rooms=rooms, reserve=account.reserve)
        )
    return found


# What the answers of commands without a campaign hold.
_PARTS = {"inbox": ("mailboxes",), "show": ("entries",), "history": ("history",)}


def failed_answer(
    session: CommandContext, command: str, given: Mapping[str, Any], problems: Sequence[Problem]
) -> dict[str, Any]:
    """The JSON answer of a command that failed, in the shape of its success, as far as it can be told."""
    name = given.get("campaign")
    if not isinstance(name, str):
        empty: dict[str, Any] = {part: [] for part in _PARTS.get(command, ("campaigns", "accounts"))}
        return empty | {"problems": problem_objects(problems)}
    try:
        with session.look_at_ledger() as ledger:
            (known,) = _campaigns(session, ledger, name)
    except MailrunnerError:
        known = campaign_object(name, state="new", counts=Counts())
    return known | {"reason": problems[0].message, "problems": problem_objects(problems)}


def _campaigns(session: CommandContext, ledger: Ledger, name: str | None) -> list[dict[str, Any]]:
    from mailrunner.cli.campaign_lookup import campaign_id, campaign_record

    if name is None:
        return [_object(session, ledger, record) for record in ledger.campaigns.all()]
    record = campaign_record(session, ledger, name)
    if record is None:
        return [campaign_object(campaign_id(session, ledger, name), state="new", counts=Counts())]
    return [_object(session, ledger, record)]


def _object(session: CommandContext, ledger: Ledger, record: CampaignRecord) -> dict[str, Any]:
    from mailrunner.store import Phase

    counts = ledger.deliveries.counts(record.no)
    if record.phase is Phase.LOADING:
        return campaign_object(record.id, state="new", counts=Counts(), reason="its list is being read")
    return campaign_object(
        record.id,
        state=_state(session, ledger, record),
        counts=counts,
        reason=record.reason if record.phase is not Phase.FINISHED else "",
        resume_at=record.resume_at if record.phase is Phase.BEGUN else None,
        finish_at=record.finished_at or _finish(session, ledger, record, counts.open),
    )


def _state(session: CommandContext, ledger: Ledger, record: CampaignRecord) -> str:
    """The contract's word for a phase: a begun campaign is running where a run of it lives."""
    from mailrunner.store import Phase

    if record.phase is not Phase.BEGUN:
        return record.phase.value
    if ledger.deliveries.is_being_run(record.no):
        return "running"
    account = session.project.accounts.get(record.account_name)
    known = ledger.accounts.find(account.identity) if account else None
    return "stopped" if known and known.stop_reason else "waiting"


def _finish(session: CommandContext, ledger: Ledger, record: CampaignRecord, number: int) -> Any:
    """The forecast, from the campaign's file where it can be read."""
    from mailrunner.campaign.campaign_file import load_campaign
    from mailrunner.model.forecast import forecast
    from mailrunner.sending.run import pace_of

    if not number:
        return None
    try:
        _, campaign, account = load_campaign(session.folder, record.file, os.environ)
    except UserError:
        return None
    return forecast(number, pace_of(campaign, account, ledger), ledger.clock.now()).finish_at


def _print_campaign(session: CommandContext, found: dict[str, Any]) -> None:
    counts, total = found["counts"], found["total"]
    numbers = ", ".join(
        f"{counts[name]:,} {name.replace('_', ' ')}"
        for name in ("in_flight", "failed", "in_doubt", "suppressed", "skipped")
        if counts[name]
    )
    line = f"{found['campaign']}: {found['state']}, {counts['sent']:,} of {total:,} sent"
    session.result(line + (f", {numbers}" if numbers else ""))
    if found["reason"] and found["state"] != "running":
        session.result(f"  {found['reason']}")
    if found["resume_at"] and found["state"] == "waiting":
        session.result(f"  goes on {_shown(found['resume_at'])}")
    if (counts["queued"] or counts["in_flight"]) and found["state"] in ("ready", "running", "waiting"):
        session.result(f"  all will have gone about {_shown(found['finish_at'])}")
    elif found["finish_at"] and found["state"] in ("finished", "cancelled"):
        session.result(f"  ended {_shown(found['finish_at'])}")


def _print_accounts(session: CommandContext, accounts: Iterable[dict[str, Any]]) -> None:
    for account in accounts:
        paused = f", paused until {_shown(account['paused_until'])}" if account["paused_until"] else ""
        reason = f": {account['reason']}" if account["reason"] else ""
        session.result(f"account {account['name']}{paused}{reason}")
        for limit in account["limits"]:
            left = "no limit" if limit["left"] is None else f"{limit['left']:,} left"
            then = f", the next slot {_shown(limit['next_slot_at'])}" if limit["next_slot_at"] else ""
            session.result(f"  {limit['limit']:<12} {limit['used']:,} used, {left}{then}")
        if account["reserve"]:
            session.result(f"  {account['reserve']:,} of a day's are kept for your own mail")


def _shown(moment: str | None) -> str:
    from datetime import datetime

    return local(datetime.fromisoformat(moment) if moment else None)
