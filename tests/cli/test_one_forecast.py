"""The plan, the progress bar, `status` and `--json` tell one time at which a campaign will be done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.cli.context import CommandContext
from mailrunner.cli.inspection import inspect_campaign
from mailrunner.cli.output import local
from mailrunner.cli.progress import ProgressDisplay
from mailrunner.clock import rfc3339
from mailrunner.model.wait_reason import WaitReason
from mailrunner.sending.forecaster import Forecaster
from mailrunner.sending.recorder import RunTally
from mailrunner.sending.run import Callbacks, RunResult, SendPlan
from tests.support.campaigns import CampaignInProcess, people
from tests.support.smtp_server import Rule, SmtpServer, reply


@pytest.fixture
def mailing(tmp_path: Path) -> Iterator[CampaignInProcess]:
    with SmtpServer() as server:
        yield CampaignInProcess(tmp_path, server)


def status(mailing: CampaignInProcess) -> dict[str, Any]:
    context = CommandContext(mailing.folder, clock=mailing.clock)
    (found,) = context.handle.status("spring").campaigns
    return found.as_dict()


def moment(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


def shown_run(
    mailing: CampaignInProcess, *, terminal: bool, **options: Any
) -> tuple[RunResult, list[datetime | None], str]:
    """A run of which a display shows the progress: its result, the plan's forecasts, what was shown."""
    shown, plans = StringIO(), []
    console = Console(file=shown, force_terminal=terminal, width=200, highlight=False)
    _, campaign, account = load_campaign(mailing.folder, "spring", {})
    with mailing.ledger() as ledger:
        display = ProgressDisplay(
            console,
            clock=mailing.clock,
            quota_left=lambda: None,
            forecast=Forecaster(campaign, account, ledger).forecast,
        )

        def confirm(plan: SendPlan) -> bool:
            plans.append(plan.forecast.finish_at)
            return True

        def watch(tally: RunTally) -> None:
            display.watch(tally)
            if display._bar is not None:
                display._bar.refresh()

        with display:
            callbacks = Callbacks(
                confirm=confirm,
                started=lambda _loop, record, counts, suppressed: display.start(record, counts, suppressed),
                watch=watch,
            )
            result = mailing.run(callbacks=callbacks, **options)
    return result, plans, shown.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_run_of_three_days_is_told_so_everywhere(terminal: bool, mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(25), limits='"10/24h"')
    begin = mailing.clock.now()
    result, (plan,), shown = shown_run(mailing, terminal=terminal)
    assert result.wait.reason is WaitReason.QUOTA and plan is not None
    assert timedelta(days=2) <= plan - begin < timedelta(days=2, minutes=1)
    assert f"done about {local(plan)}" in shown
    assert "0:00:" not in shown  # nor does the bar tell anything of its own
    found = status(mailing)
    assert found["finish_at"] == rfc3339(result.finish_at) and result.finish_at is not None
    assert abs(result.finish_at - plan) < timedelta(minutes=1)


def test_status_and_check_tell_no_end_before_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = reply(421, "4.3.2 Service not available, closing transmission channel")
    with SmtpServer(rules=[Rule("connect", nth=range(1, 400), do=away)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(3))
        result = mailing.run()
        assert result.wait.until is not None and result.finish_at is not None
        found = status(mailing)
        assert found["finish_at"] == rfc3339(result.finish_at)
        assert moment(found["resume_at"]) <= moment(found["finish_at"])
        context = CommandContext(mailing.folder, clock=mailing.clock)
        inspect_campaign(context, "spring", as_json=True, dry_run=False)
        assert json.loads(capsys.readouterr().out)["finish_at"] == found["finish_at"]


def test_status_tells_no_end_before_the_last_retry(tmp_path: Path) -> None:
    rules = [
        Rule(
            "rcpt",
            recipient=f"person{n}@example.org",
            do=reply(451, f"4.7.1 Greylisted, try again in {n} hours"),
        )
        for n in (1, 3)
    ]
    with SmtpServer(rules=rules) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(4))
        result = mailing.run()
        assert result.wait.until is not None
        found = status(mailing)
        assert moment(found["finish_at"]) - moment(found["resume_at"]) > timedelta(hours=1)


def test_the_next_plan_has_learned_from_the_rate_seen(mailing: CampaignInProcess) -> None:
    """A message took four seconds: a hundred more take four hundred, where the guess was fifty."""
    mailing.write(csv=people(130))
    begin = mailing.clock.now()

    def take_four_seconds(step: str) -> None:
        if step == "answered":
            mailing.clock.turn(timedelta(seconds=4))

    mailing.run(callbacks=Callbacks(on_step=take_four_seconds), limit=30)
    now = mailing.clock.now()
    each = (now - begin) / 30
    finish_at = moment(status(mailing)["finish_at"])
    assert 80 * each < finish_at - now < 120 * each
