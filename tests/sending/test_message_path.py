"""The way of one message through the package is short: a reader can follow it, and it costs little.

One message of a run in the steady state is followed from its rendering to that of the next one; by then
its predecessor's answer was read and recorded.  Counted are the calls of functions of the package and
the files in which they stand.
"""

from __future__ import annotations

import threading
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

import mailrunner
from mailrunner.sending.run import Callbacks
from tests.support.campaigns import CampaignInProcess, people
from tests.support.smtp_server import SmtpServer

PACKAGE = str(Path(mailrunner.__file__).parent)
MOST_FILES = 30
MOST_CALLS = 350


class Trace:
    """Calls in the package, a list of file names for each message; those in which a claim was made."""

    def __init__(self) -> None:
        self.messages: list[list[str]] = [[]]
        self.with_claim: list[list[str]] = []

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            self.messages[-1].append(frame.f_code.co_filename.removeprefix(PACKAGE))

    def step(self, step: str) -> None:
        if step == "rendered":
            self.messages.append([])
        elif step == "claimed":
            self.with_claim.append(self.messages[-1])


def test_a_message_in_the_steady_state_passes_through_few_files_and_calls(tmp_path: Path) -> None:
    trace = Trace()
    with SmtpServer() as server:
        campaign = CampaignInProcess(tmp_path, server).write(csv=people(60))
        threading.setprofile(trace.profile)  # for threads that begin from now on: the sending one
        try:
            campaign.run(callbacks=Callbacks(on_step=trace.step))
        finally:
            threading.setprofile(None)
    steady = trace.messages[15:50]
    claims = [message for message in steady if any(message is one for one in trace.with_claim)]
    assert len(steady) == 35 and claims
    assert max(len(set(message)) for message in steady) <= MOST_FILES
    # How often the loop turns for a message depends on how quickly the server answers.
    assert median(map(len, steady)) <= MOST_CALLS
    assert min(map(len, claims)) <= MOST_CALLS
