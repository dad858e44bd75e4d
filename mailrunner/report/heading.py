"""The heading of a report: from the ledger, and from the campaign's file where it can still be read."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mailrunner.errors import UserError
from mailrunner.report.summary import Heading

if TYPE_CHECKING:
    from mailrunner.campaign.campaign_file import Campaign
    from mailrunner.config.account import Account
    from mailrunner.config.project import Project
    from mailrunner.store import CampaignRecord
    from mailrunner.store.report_rows import Reading

_DAY = timedelta(days=1)


def report_heading(
    project: Project, campaign_id: str, record: CampaignRecord | None, reading: Reading
) -> Heading:
    """The heading of a campaign; of one that was never run, its id alone."""
    from mailrunner.campaign.campaign_file import load_campaign

    if record is None:
        return Heading(campaign=campaign_id, zone=UTC)
    known = Heading(
        campaign=record.id,
        zone=UTC,
        list_name=record.list_name,
        account=record.account_name,
        begun=reading.numbers.begun() or record.created_at,
        finished=record.finished_at,
    )
    try:
        _, campaign, account = load_campaign(project.folder, str(project.folder / record.file), os.environ)
    except UserError:
        return known
    return replace(
        known,
        zone=account.timezone,
        subject=campaign.message.subject,
        sender=campaign.message.from_,
        planned=_planned(campaign, account, reading, known.begun or record.created_at),
        day_limit=_day_limit(account),
    )


def _planned(campaign: Campaign, account: Account, reading: Reading, begun: datetime) -> datetime | None:
    """The end by limits and sending hours, had the account sent nothing else before."""
    from mailrunner.model.forecast import Pace, forecast

    counts, send = reading.counts(), campaign.send
    number = counts.sent + counts.failed + counts.in_doubt + counts.open
    pace = Pace(
        limits=account.limits,
        own=[send.limit] if send.limit else [],
        reserve=account.reserve,
        zone=account.timezone,
        schedule=send.schedule,
        connections=account.connections,
        history=(),
        not_before=send.start,
    )
    return forecast(number, pace, begun).finish_at if number else None


def _day_limit(account: Account) -> int | None:
    """The strictest limit of a day, less what is reserved; None without one."""
    usable = [limit.usable(account.reserve) for limit in account.limits if limit.period == _DAY]
    return min((number for number in usable if number is not None), default=None)
