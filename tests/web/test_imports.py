"""The server is a process that runs for months beside others: it loads what it needs, and no more."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "campaign",
    "recipients",
    "rendering",
    "sending",
    "transports",
    "reconciliation",
    "preview",
    "report",
)


def test_it_loads_nothing_that_renders_or_sends() -> None:
    code = "import sys, mailrunner.web.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert [name for name in loaded if name.startswith(tuple(f"mailrunner.{room}" for room in HEAVY))] == []
    assert not {"premailer", "lxml", "pandas"} & set(loaded)
