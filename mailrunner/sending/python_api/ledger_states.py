"""Reads the states of campaigns and accounts from the ledger."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.clock import rfc3339
from mailrunner.config.account import Account
from mailrunner.config.project import Project
from mailrunner.errors import UserError
from mailrunner.model.quota import Limit
from mailrunner.sending.forecaster import Forecaster
from mailrunner.sending.python_api.lookup import campaign_id, campaign_record
from mailrunner.sending.python_api.status import AccountStatus, CampaignStatus, SlotReturns
from mailrunner.store import CampaignRecord, Ledger, Phase

_STEP, _STEPS = timedelta(minutes=30), 48  # 24 hours


def account_states(project: Project, ledger: Ledger) -> tuple[AccountStatus, ...]:
    """Every account of mailrunner.toml whose table is valid."""
    accounts = project.accounts
    return tuple(_account(ledger, accounts[name]) for name in project.account_names if name in accounts)


def _account(ledger: Ledger, account: Account) -> AccountStatus:
    known, now = ledger.accounts.find(account.identity), ledger.clock.now()
    rooms = ledger.accounts.rooms(
        account.identity, limits=account.limits, reserve=account.reserve, zone=account.timezone
    )
    paused = known.paused_until if known and known.paused_until and known.paused_until > now else None
    reason = known.stop_reason or (known.pause_reason if paused else "") if known else ""
    return AccountStatus(
        name=account.name,
        paused_until=paused,
        reason=reason,
        limits=tuple(rooms),
        reserve=account.reserve,
        returns=tuple(_returns(ledger, known.no if known else 0, account, room.limit) for room in rooms),
        learned=tuple(ledger.accounts.learned(account.identity)),
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
            "clock_ahead_seconds": round(machine.clock_ahead.total_seconds()),
            "sends": sorted({run.campaign for run in runs if run.host == machine.host and run.campaign}),
        }
        for machine in ledger.machines
    ]


def campaign_states(project: Project, ledger: Ledger, name: str | None = None) -> tuple[CampaignStatus, ...]:
    """The campaign `name`, or, for None, every campaign in the ledger; UserError if `name` is unknown."""
    if name is None:
        return tuple(_state_of(project, ledger, record) for record in ledger.campaigns.all())
    record = campaign_record(project, ledger, name)
    if record is None:
        return (CampaignStatus(campaign=campaign_id(project, ledger, name)),)
    return (_state_of(project, ledger, record),)


def _state_of(project: Project, ledger: Ledger, record: CampaignRecord) -> CampaignStatus:
    counts = ledger.deliveries.counts(record.no)
    if record.phase is Phase.LOADING:
        return CampaignStatus(campaign=record.id, reason="its list is being read")
    state = _word_for(project, ledger, record)
    # While a process runs it, the time of an earlier wait says nothing.
    resume_at = record.resume_at if record.phase is Phase.BEGUN and state != "running" else None
    return CampaignStatus(
        campaign=record.id,
        state=state,
        counts=counts,
        reason=record.reason if record.phase is not Phase.FINISHED else "",
        resume_at=resume_at,
        finish_at=record.finished_at or finish_at(project, ledger, record, counts.open, resume_at),
    )


def _word_for(project: Project, ledger: Ledger, record: CampaignRecord) -> str:
    """The value of `state` for a phase: a begun campaign is "running" while a process runs it."""
    if record.phase is not Phase.BEGUN:
        return record.phase.value
    if ledger.deliveries.is_being_run(record.no):
        return "running"
    account = project.accounts.get(record.account_name)
    known = ledger.accounts.find(account.identity) if account else None
    return "stopped" if known and known.stop_reason else "waiting"


def finish_at(
    project: Project, ledger: Ledger, record: CampaignRecord, number: int, resume_at: datetime | None
) -> datetime | None:
    """The forecast for `number` messages; None where the campaign's file cannot be read."""
    if not number:
        return None
    try:
        _, campaign, account = load_campaign(project.folder, str(project.folder / record.file), os.environ)
    except UserError:
        return None
    forecaster = Forecaster(campaign, account, ledger)
    return forecaster.forecast(number, campaign_no=record.no, resume_at=resume_at).finish_at
