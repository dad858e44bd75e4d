"""`mailrunner --help` answers quickly: heavy libraries are loaded by the commands that need them."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"sqlalchemy", "pydantic", "jinja2", "lxml", "pandas", "premailer", "starlette", "imap_tools"}


def test_no_command_loads_a_heavy_library_before_it_runs() -> None:
    code = "import sys; from mailrunner.cli import commands; commands(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()
