"""The first page: what needs a user, the campaigns, the accounts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from mailrunner.model.delivery import Counts, State
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.number_and_noun import counted
from mailrunner.store import CampaignRecord, Phase
from mailrunner.web.dashboard.campaign_statistics import CampaignStatistics
from mailrunner.web.dashboard.page_parts import AccountState, Desk
from mailrunner.web.dashboard.templating import share

_MOST_CAMPAIGNS = 40
_PATIENT = 1.5  # seconds for the first statistics of all campaigns together
_OVERDUE = timedelta(minutes=15)
# Shares of what was sent: Gmail asks for complaints below 0.1 % and never 0.3 % (support.google.com/mail
# /answer/81126); Amazon SES reviews senders from 5 % bounces on, and asks for less than 2 %.
_COMPLAINTS = (0.001, 0.003)
_BOUNCES = (0.02, 0.05)
_ENOUGH = 100  # sent messages below which a share says nothing


class Need(NamedTuple):
    """One thing that a user must know or decide; `grave` where messages are not sent because of it."""

    grave: bool
    sentence: str
    href: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignLine:
    """One campaign in the list; `statistics` is None where its numbers are not counted yet."""

    record: CampaignRecord
    state: str
    counts: Counts
    statistics: CampaignStatistics | None
    rate: float
    finish_at: datetime | None


def campaign_href(record: CampaignRecord) -> str:
    """The relative address of a campaign's page, from the first page."""
    return f"c/{quote(record.id, safe='')}"


def overview(desk: Desk) -> dict[str, Any]:
    """The values of the first page."""
    records = desk.ledger.campaigns.all()
    shown = _shown([record for record in records if record.phase is not Phase.LOADING])
    until = time.monotonic() + _PATIENT
    lines = [campaign_line(desk, record, wait=max(0.0, until - time.monotonic())) for record in shown]
    accounts = desk.accounts()
    return {
        "needs": sorted(_needs(desk, lines, accounts), key=lambda need: not need.grave),
        "lines": lines,
        "left_out": len(records) - len(shown),
        "loading": [record.id for record in records if record.phase is Phase.LOADING],
        "accounts": accounts,
        "rooms": {state.account.name: rooms(desk, state) for state in accounts},
    }


def campaign_line(desk: Desk, record: CampaignRecord, *, wait: float) -> CampaignLine:
    """A campaign with its numbers, for which `wait` seconds may pass if there are none yet."""
    statistics, state = desk.keeper.of(record, wait=wait), desk.state_of(record)
    counts = desk.keeper.numbers(record, statistics).counts if statistics else Counts()
    is_over = record.phase in (Phase.FINISHED, Phase.CANCELLED)
    finish_at = record.finished_at if is_over else (statistics.finish_at if statistics else None)
    rate = desk.rate(record) if state == "running" else 0.0
    return CampaignLine(
        record=record, state=state, counts=counts, statistics=statistics, rate=rate, finish_at=finish_at
    )


def rooms(desk: Desk, state: AccountState) -> list[Any]:
    """What each limit of an account leaves."""
    account = state.account
    return desk.ledger.accounts.rooms(
        account.identity, limits=account.limits, reserve=account.reserve, zone=account.timezone
    )


def _shown(records: list[CampaignRecord]) -> list[CampaignRecord]:
    """Those that are not over first, then the newest."""
    over = (Phase.FINISHED, Phase.CANCELLED)
    newest = sorted(records, key=lambda record: (record.phase in over, -record.no))
    return newest[:_MOST_CAMPAIGNS]


def _needs(desk: Desk, lines: list[CampaignLine], accounts: list[AccountState]) -> Iterator[Need]:
    for line in lines:
        yield from _of_campaign(desk, line)
    for state in accounts:
        yield from _of_account(state)
    if waiting := len(desk.ledger.inbound_events.open_requests()):
        asked = counted(waiting, "request to unsubscribe waits", "requests to unsubscribe wait")
        yield Need(False, f"{asked} for your decision: mailrunner inbox --review", "log", "Look")


def _of_campaign(desk: Desk, line: CampaignLine) -> Iterator[Need]:
    record, href = line.record, campaign_href(line.record)
    doubts = desk.ledger.browsing.number(record.no, State.IN_DOUBT)
    if doubts:
        number = counted(doubts, "message is", "messages are")
        yield Need(True, f"{record.id}: {number} in doubt", f"{href}/recipients?state=in_doubt", "Decide")
    if line.state == "stopped":
        yield Need(True, f"{record.id} is stopped: {record.reason or 'the account is refused'}", href, "Look")
    elif line.state == "paused":
        yield Need(False, f"{record.id} is {record.reason or 'paused'}", href, "Look")
    elif line.state == "waiting" and _is_overdue(desk, record):
        go_on = f"{record.id} is not being sent; to go on: mailrunner run {record.id}"
        yield Need(True, go_on, href, "Look")
    yield from _of_rates(line, href)


def _is_overdue(desk: Desk, record: CampaignRecord) -> bool:
    """True where no run lives although its time has come, or no time is known."""
    return record.resume_at is None or record.resume_at < desk.ledger.clock.now() - _OVERDUE


def _of_rates(line: CampaignLine, href: str) -> Iterator[Need]:
    if line.statistics is None:
        return
    bounced = line.statistics.came_back(EventKind.BOUNCED)
    sent = line.counts.sent + bounced  # a message that bounced was sent before
    if sent < _ENOUGH:
        return
    for kind, noun, (near, beyond) in (
        (EventKind.COMPLAINED, "complaint", _COMPLAINTS),
        (EventKind.BOUNCED, "bounce", _BOUNCES),
    ):
        number = line.statistics.came_back(kind)
        if number >= near * sent:
            told = f"{line.record.id}: {counted(number, noun)}, {share(number, sent)} of what was sent"
            limit = f"; providers object from {beyond:.1%} on".replace("%", " %")
            yield Need(number >= beyond * sent, told + limit, href, "Look")


def _of_account(state: AccountState) -> Iterator[Need]:
    name, href = state.account.name, f"accounts/{quote(state.account.name, safe='')}"
    if state.record and state.record.stop_reason:
        yield Need(True, f"account {name} is stopped: {state.record.stop_reason}", href, "Look")
    elif state.paused_until:
        yield Need(False, f"account {name} is paused: {state.reason}", href, "Look")
