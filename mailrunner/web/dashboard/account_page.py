"""The page of one account: its limits, the slots that come back, and what the provider was heard to say."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from mailrunner.errors import Problem, UserError
from mailrunner.model.quota import Limit
from mailrunner.report.charts import Chart, ChartSeries, over_time
from mailrunner.web.dashboard.overview import rooms
from mailrunner.web.dashboard.page_parts import AccountState, Desk

_QUARTER = timedelta(minutes=15)
_QUARTERS = 96
_DAY = timedelta(days=1)


def account_page(desk: Desk, name: str) -> dict[str, Any]:
    """The values of an account's page; raises UserError where mailrunner.toml has none of that name."""
    state = next((one for one in desk.accounts() if one.account.name == name), None)
    if state is None:
        raise UserError(Problem(f"there is no account {name} in mailrunner.toml"))
    used, back = _charts(desk, state)
    campaigns = [one for one in desk.ledger.campaigns.all() if one.account_name == name][-10:]
    return {
        "state": state,
        "rooms": rooms(desk, state),
        "used": used,
        "back": back,
        "refused": len(state.record.refused) if state.record else 0,
        "campaigns": campaigns,
        "states": {one.id: desk.state_of(one) for one in campaigns},
    }


def rolling_day(limits: list[Limit]) -> Limit | None:
    """The limit of a rolling day, of which the drawing tells when its slots return; None without."""
    return next((limit for limit in limits if limit.period == _DAY and not limit.calendar), None)


def _charts(desk: Desk, state: AccountState) -> tuple[Chart | None, Chart | None]:
    """Slots used in the last 24 hours, and those of a rolling day that return in the next."""
    if state.record is None:
        return None, None
    browsing, zone, now = desk.ledger.browsing, state.account.timezone, _floor(desk.ledger.clock.now())
    moments = [now - _DAY + _QUARTER * n for n in range(_QUARTERS + 1)]
    totals = browsing.used(state.record.no, [*moments, desk.ledger.clock.now()])
    used = _points(moments, [after - before for before, after in pairwise(totals)])
    drawn = over_time("Slots used in the last 24 hours", [ChartSeries("used", "sent")], used, zone=zone)
    limit = rolling_day(list(state.account.limits))
    if limit is None:
        return drawn, None
    back = browsing.returning(state.record.no, limit, zone, now, step=_QUARTER, steps=_QUARTERS)
    title = "Slots that come back in the next 24 hours"
    points = _points([moment + _DAY for moment in moments], back)
    return drawn, over_time(title, [ChartSeries("come back", "queued")], points, zone=zone)


def _points(moments: list[datetime], numbers: list[int]) -> list[tuple[datetime, int, int]]:
    return [(moment, 0, number) for moment, number in zip(moments, numbers, strict=False) if number]


def _floor(moment: datetime) -> datetime:
    return moment - (moment - moment.replace(minute=0, second=0, microsecond=0)) % _QUARTER
