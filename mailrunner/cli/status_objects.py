"""The state of campaigns and accounts in the ledger, as JSON objects."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mailrunner.cli.campaign_lookup import campaign_id, campaign_record
from mailrunner.cli.json_objects import SlotReturns, account_object, campaign_object
from mailrunner.clock import rfc3339
from mailrunner.errors import UserError
from mailrunner.model.delivery import Counts

if TYPE_CHECKING:
    from mailrunner.cli.context import CommandContext
    from mailrunner.config.account import Account
    from mailrunner.model.quota import Limit
    from mailrunner.store import CampaignRecord, Ledger

_STEP, _STEPS = timedelta(minutes=30), 48  # 24 hours


def account_objects(context: CommandContext, ledger: Ledger) -> list[dict[str, Any]]:
    """Every account of mailrunner.toml whose table is valid."""
    accounts = context.project.accounts
    return [_account(ledger, accounts[name]) for name in context.project.account_names if name in accounts]


def _account(ledger: Ledger, account: Account) -> dict[str, Any]:
    known, now = ledger.accounts.find(account.identity), ledger.clock.now()
    rooms = ledger.accounts.rooms(
        account.identity, limits=account.limits, reserve=account.reserve, zone=account.timezone
    )
    paused = known.paused_until if known and known.paused_until and known.paused_until > now else None
    reason = known.stop_reason or (known.pause_reason if paused else "") if known else ""
    returns = [_returns(ledger, known.no if known else 0, account, room.limit) for room in rooms]
    return account_object(
        account.name,
        paused_until=paused,
        reason=reason,
        rooms=zip(rooms, returns, strict=True),
        reserve=account.reserve,
        learned=ledger.accounts.learned(account.identity),
    )


def _returns(ledger: Ledger, account_no: int, account: Account, limit: Limit) -> SlotReturns:
    now = ledger.clock.now()
    slots = ledger.browsing.returning(account_no, limit, account.timezone, now, step=_STEP, steps=_STEPS)
    return SlotReturns(now, _STEP, slots)


def machine_objects(ledger: Ledger) -> list[dict[str, Any]]:
    """The machines that use the ledger, the one seen last first, each with the campaigns it sends now."""
    runs = ledger.open_runs()
    return [
        {
            "host": machine.host,
            "folder": machine.folder,
            "seen_at": rfc3339(machine.seen_at),
            "sends": sorted({run.campaign for run in runs if run.host == machine.host and run.campaign}),
        }
        for machine in ledger.machines
    ]


def campaign_objects(context: CommandContext, ledger: Ledger, name: str | None) -> list[dict[str, Any]]:
    """The campaign `name`, or, for None, every campaign in the ledger; UserError if `name` is unknown."""
    if name is None:
        return [_object(context, ledger, record) for record in ledger.campaigns.all()]
    record = campaign_record(context, ledger, name)
    if record is None:
        return [campaign_object(campaign_id(context, ledger, name), state="new", counts=Counts())]
    return [_object(context, ledger, record)]


def _object(context: CommandContext, ledger: Ledger, record: CampaignRecord) -> dict[str, Any]:
    from mailrunner.store import Phase

    counts = ledger.deliveries.counts(record.no)
    if record.phase is Phase.LOADING:
        return campaign_object(record.id, state="new", counts=Counts(), reason="its list is being read")
    state = _state(context, ledger, record)
    # While a process runs it, the time of an earlier wait says nothing.
    resume_at = record.resume_at if record.phase is Phase.BEGUN and state != "running" else None
    return campaign_object(
        record.id,
        state=state,
        counts=counts,
        reason=record.reason if record.phase is not Phase.FINISHED else "",
        resume_at=resume_at,
        finish_at=record.finished_at or finish_at(context, ledger, record, counts.open, resume_at),
    )


def _state(context: CommandContext, ledger: Ledger, record: CampaignRecord) -> str:
    """The value of `state` for a phase: a begun campaign is "running" while a process runs it."""
    from mailrunner.store import Phase

    if record.phase is not Phase.BEGUN:
        return record.phase.value
    if ledger.deliveries.is_being_run(record.no):
        return "running"
    account = context.project.accounts.get(record.account_name)
    known = ledger.accounts.find(account.identity) if account else None
    return "stopped" if known and known.stop_reason else "waiting"


def finish_at(
    context: CommandContext, ledger: Ledger, record: CampaignRecord, number: int, resume_at: datetime | None
) -> datetime | None:
    """The forecast for `number` messages; None where the campaign's file cannot be read."""
    from mailrunner.campaign.campaign_file import load_campaign
    from mailrunner.sending.forecaster import Forecaster

    if not number:
        return None
    try:
        _, campaign, account = load_campaign(context.folder, str(context.folder / record.file), os.environ)
    except UserError:
        return None
    forecaster = Forecaster(campaign, account, ledger)
    return forecaster.forecast(number, campaign_no=record.no, resume_at=resume_at).finish_at
