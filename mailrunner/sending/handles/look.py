"""Reads the states of campaigns and accounts from the ledger."""

from __future__ import annotations

import os
from datetime import datetime

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.config.project import Project
from mailrunner.errors import UserError
from mailrunner.sending.forecaster import Forecaster
from mailrunner.sending.handles.lookup import campaign_id, campaign_record
from mailrunner.sending.handles.status import AccountStatus, CampaignStatus
from mailrunner.store import CampaignRecord, Ledger, Phase


def account_states(project: Project, ledger: Ledger) -> tuple[AccountStatus, ...]:
    """Every account of mailrunner.toml whose table is valid."""
    found = []
    for name in project.account_names:
        account = project.accounts.get(name)
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
            AccountStatus(
                name=name, paused_until=paused, reason=reason, limits=tuple(rooms), reserve=account.reserve
            )
        )
    return tuple(found)


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
