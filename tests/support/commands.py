"""Running a command in this process and keeping everything that it says."""

from __future__ import annotations

import json
import traceback
from contextlib import chdir
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from mailrunner.cli import commands

CRASHED = "it crashed: "


def said(folder: Path, *words: str) -> tuple[int, str]:
    """The exit code of a command typed in `folder`, and its words; of a crash, after `CRASHED`, the trace."""
    result = _result(folder, *words)
    error = result.exception
    trace = "" if error is None else "".join(traceback.format_exception(error))
    crash = "" if isinstance(error, SystemExit | None) else CRASHED
    return result.exit_code, result.output + crash + trace


def answered(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON object of a command."""
    result = _result(folder, *words, "--json")
    return result.exit_code, json.loads(result.stdout)


def _result(folder: Path, *words: str) -> Result:
    with chdir(folder):
        return CliRunner().invoke(commands(), words)
