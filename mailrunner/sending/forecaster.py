"""When a campaign will be done, as the plan, the progress bar, `status` and every JSON answer tell it."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailrunner.campaign.campaign_file import Campaign
from mailrunner.config.account import Account
from mailrunner.model.forecast import Forecast, Pace, forecast
from mailrunner.model.quota import Limit
from mailrunner.store import Ledger

_RATE_SEEN_IN = timedelta(days=1)  # how far back the server's speed is looked for


class Forecaster:
    """Forecasts one campaign by what its ledger knows at the moment: all that ask get one answer."""

    def __init__(self, campaign: Campaign, account: Account, ledger: Ledger) -> None:
        self._campaign, self._account, self._ledger = campaign, account, ledger

    def forecast(
        self, number: int, *, campaign_no: int | None = None, resume_at: datetime | None = None
    ) -> Forecast:
        """Forecast when the last of `number` messages will have been sent.

        `campaign_no` is the campaign's number in the ledger, if it is there; `resume_at` is what it waits
        for, if it waits.
        """
        due = self._ledger.deliveries.last_due(campaign_no) if campaign_no is not None else None
        return forecast(number, self._pace(resume_at, due), self._ledger.now())

    def _pace(self, resume_at: datetime | None, last_due: datetime | None) -> Pace:
        send, account = self._campaign.send, self._account
        known = self._ledger.accounts.find(account.identity)
        waits = (send.start, resume_at, known.paused_until if known else None)
        periods = [limit.period for limit in account.limits if limit.is_long]
        longest = max([_RATE_SEEN_IN, *periods])
        return Pace(
            limits=account.limits,
            own=own_limits(self._campaign),
            reserve=account.reserve,
            zone=account.timezone,
            schedule=send.schedule,
            connections=account.connections,
            history=self._ledger.accounts.history(account.identity, longest=longest),
            not_before=max((moment for moment in waits if moment), default=None),
            last_due=last_due,
        )


def own_limits(campaign: Campaign) -> list[Limit]:
    """The campaign's own limit, as a window of the ledger that its processes share."""
    limit = campaign.send.limit
    return [limit] if limit else []
