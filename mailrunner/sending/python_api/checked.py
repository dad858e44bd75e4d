"""The result of a check: what a run would send now, what it would leave out, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mailrunner.config.account import Account
from mailrunner.config.account_checks import refuse_without_login
from mailrunner.errors import Problem
from mailrunner.model.delivery import Counts
from mailrunner.model.forecast import Forecast
from mailrunner.model.number_and_noun import counted
from mailrunner.sending.forecaster import Forecaster
from mailrunner.sending.left_out import LeftOutRow
from mailrunner.sending.preflight import Preflight, PreflightResult
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.sending.python_api.status import CampaignStatus
from mailrunner.store import Ledger, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCampaign:
    """The result of a check: what a run would do now.

    `status` is the campaign as it stands; its `notices` are what a user should look at, its `problems` the
    first rows that cannot become a message.  `found` has the numbers (sizes in octets), `plan` the calendar
    of days, `source` names the list.  `left_out` are the rows that would not be sent.
    """

    status: CampaignStatus
    source: str
    account: Account
    found: PreflightResult
    plan: Forecast
    left_out: tuple[LeftOutRow, ...] = ()

    @property
    def ok(self) -> bool:
        """True where every row that is not left out can become a message."""
        return not self.found.failing

    @property
    def to_send(self) -> int:
        """The number of messages that a run would send."""
        return self.found.to_send

    @property
    def would_fail(self) -> int:
        """The number of rows that cannot become a message."""
        return self.found.failing

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should look at before sending."""
        return self.status.notices

    def as_dict(self) -> dict[str, Any]:
        """The object of `check --json`."""
        found = self.found
        return {
            **self.status.as_dict(),
            "left_out": [
                {"row": r.row, "cell": r.cell, "address": r.address, "kind": r.kind, "reason": r.reason}
                for r in self.left_out
            ],
            "plan": {
                "rows": found.rows,
                "to_send": found.to_send,
                "would_fail": found.failing,
                "sent_before": found.done,
                "skipped": dict(found.skipped),
                "suppressed": dict(found.suppressed),
                "largest": found.largest,
                "variants": dict(found.variants),
                "days": [{"day": str(day), "messages": number} for day, number in self.plan.days],
            },
        }


def check_campaign(
    prepared: PreparedCampaign,
    ledger: Ledger,
    *,
    links: bool,
    on_left_out: Callable[[LeftOutRow], None] | None,
    progress: Callable[[int], None],
) -> CheckedCampaign:
    """Render every message; raises UserError for what is wrong for every row."""
    left_out: list[LeftOutRow] = []
    note = on_left_out or left_out.append
    found = Preflight(prepared, ledger, ledger.clock.now(), progress, on_left_out=note).inspect()
    if links:
        found.warnings += _dead_links(prepared)
    plan = _plan(prepared, ledger, found.to_send)
    refuse_without_login(prepared.account)
    return CheckedCampaign(
        status=_status(prepared, ledger, found, plan),
        source=prepared.source.label,
        account=prepared.account,
        found=found,
        plan=plan,
        left_out=tuple(left_out),
    )


def _status(
    prepared: PreparedCampaign, ledger: Ledger, found: PreflightResult, plan: Forecast
) -> CampaignStatus:
    record = ledger.campaigns.find(prepared.campaign.id)
    return CampaignStatus(
        campaign=prepared.campaign.id,
        state=record.phase.value if record else "new",
        counts=ledger.deliveries.counts(record.no) if record else Counts(),
        finish_at=plan.finish_at,
        notices=(*found.warnings, *_remarks(found)),
        problems=tuple(
            Problem(row.reason, prepared.source.label, f"row {row.row}", row.address)
            for row in found.failures
        ),
    )


def _remarks(found: PreflightResult) -> Iterator[str]:
    for f in found.findings.values():
        yield (
            f"{f.kind}{': ' + f.detail if f.detail else ''} "
            f"({counted(f.number, 'message')}, first row {f.row})"
        )


def _dead_links(prepared: PreparedCampaign) -> Iterator[str]:
    """Sentences on links that lead nowhere; a server on this machine may have its pages there, too."""
    from mailrunner.sending.link_check import LinkCheck, link_remarks

    base_url = prepared.project.unsubscribe.base_url
    check = LinkCheck(allow_private=prepared.account.is_local)
    yield from link_remarks(prepared.renderer.outline, [base_url] if base_url else [], check)


def _plan(prepared: PreparedCampaign, ledger: Ledger, number: int) -> Forecast:
    """The forecast as `status` tells it, where the campaign was begun and waits."""
    forecaster = Forecaster(prepared.campaign, prepared.account, ledger)
    record = ledger.campaigns.find(prepared.campaign.id)
    if record is None or record.phase is not Phase.BEGUN:
        return forecaster.forecast(number)
    return forecaster.forecast(number, campaign_no=record.no, resume_at=record.resume_at)
