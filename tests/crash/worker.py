"""One run of the campaign in a process that a fork server made, so that a kill costs no interpreter start.

It is what `mailrunner run` does, with a clock turned by hand (a retry in five minutes is due at the next
life) and an ear on each step.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.event_log import EventLog
from mailrunner.sending import loop
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.sending.run import Callbacks, CampaignRun, RunOptions
from mailrunner.store import Ledger
from tests.support.clocks import START, ManualClock, RunningClock

BETWEEN_LIVES = timedelta(hours=6)  # longer than any wait between two tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One run: of the project in `folder`, the `number`th there, claiming `batch` at once.

    It kills itself at the `nth` time that `step` is done; an empty `step` lets it live.  `moving`: its
    clock runs, as servers that are restarted take their time.
    """

    folder: Path
    number: int
    batch: int
    step: str = ""
    nth: int = 1
    moving: bool = False


def live(life: Life) -> None:
    """Run the campaign until nothing more can be sent now, or until the step at which it dies."""
    loop.BATCH = life.batch  # of this process alone
    clock = (RunningClock if life.moving else ManualClock)(START + life.number * BETWEEN_LIVES)
    job = PreparedCampaign.prepare(*load_campaign(life.folder, "spring", {}))
    url = job.project.database_url
    with Ledger.open(folder=life.folder, url=url, clock=clock) as ledger, EventLog(None, clock=clock) as log:
        CampaignRun(
            job,
            ledger=ledger,
            random=Random(life.number),
            log=log,
            options=RunOptions(),
            callbacks=_ears(_fatal(life)),
        ).run()


def _fatal(life: Life) -> Callable[[str], None]:
    reached = count(1)

    def on_step(step: str) -> None:
        if step == life.step and next(reached) == life.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_step


def _ears(on_step: Callable[[str], None]) -> Callbacks:
    """Every place at which a callback may listen is a step to die at."""

    def confirm(_: Any) -> bool:
        on_step("enrolled")
        return True

    return Callbacks(
        confirm=confirm,
        loading=lambda _: on_step("loading"),
        started=lambda *_: on_step("begun"),
        on_step=on_step,
    )
