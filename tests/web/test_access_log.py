"""Counts of requests in the event log."""

from __future__ import annotations

import json
from pathlib import Path

from mailrunner.clock import SystemClock
from mailrunner.event_log import EventLog
from mailrunner.web.access_log import AccessLog


def test_requests_are_summed_up_once_a_minute_and_at_the_end(tmp_path: Path) -> None:
    moment, lines = [0.0], list[str]()
    file = tmp_path / "events.jsonl"
    with EventLog(file, clock=SystemClock()) as log:
        register = AccessLog(log, line=lines.append, now=lambda: moment[0])
        for at, status in ((1, 200), (59, 200), (59.5, 429), (60, 200), (61, 404)):
            moment[0] = at
            register.answered("POST /u/…", status, 0.012)
        register.close()
        register.close()
    sums = [json.loads(line)["answers"] for line in file.read_text("utf-8").splitlines()]
    assert sums == [{"POST /u/… 200": 3, "POST /u/… 429": 1}, {"POST /u/… 404": 1}]
    assert lines[0] == "POST /u/… 200 12 ms" and len(lines) == 5
