"""Errors of commands, and what libraries would say beside them."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import logging
from mailrunner.cli.context import CommandContext
from mailrunner.cli.failures import run_command

def command(context):
    for name in ("psycopg", "sqlalchemy.pool.impl.QueuePool", "asyncio"):
        logging.getLogger(name).error("a raw line")

run_command(CommandContext(None, True, None), "status", command, {})
"""


def test_what_libraries_log_is_not_shown_raw() -> None:
    """A driver whose server restarts logs what it met; Python prints that where no handler was set."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
