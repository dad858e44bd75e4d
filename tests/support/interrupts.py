"""Commands in processes of their own that a signal meets at a chosen point.

with holding(tmp_path, "status", "--json", at="sqlalchemy") as held:
    held.send(signal.SIGINT)
    held.go_on()
    code, out, err = held.end()
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailrunner.clock import nap
from tests.support.commands import CRASHED
from tests.support.patience import PATIENCE

ENVIRON = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
ROOT = Path(__file__).parents[2]

# The import of one module reaches its gate, and goes on when the test opens the other one.
_SITE = """
import sys

class Hold:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            open({reached!r}, "wb").close()  # a file
            open({go_on!r}, "rb").close()

sys.meta_path.insert(0, Hold())
"""


@dataclass(frozen=True)
class Interrupted:
    """A command in a process of its own, and the gates at which it is held."""

    process: subprocess.Popen[str]
    reached: Path
    gate: Path

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def go_on(self) -> None:
        """Let the import go on; nothing happens where the process has ended already."""
        while self.process.poll() is None:
            try:
                os.close(os.open(self.gate, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:  # it does not wait there any more, or not yet again
                nap(0.01)
                continue
            return

    def end(self) -> tuple[int, str, str]:
        """The exit code, stdout and stderr, without a trace of a crash."""
        out, err = self.process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err and CRASHED not in err, err
        return self.process.returncode, out, err


def started(folder: Path, *words: str, before: Path | None = None) -> subprocess.Popen[str]:
    """`mailrunner WORDS` in `folder`; modules of `before` come before all others."""
    path = os.pathsep.join(filter(None, [str(before or ""), str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-m", "mailrunner", *words],
        cwd=folder,
        env={**ENVIRON, "PYTHONPATH": path},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@contextmanager
def holding(folder: Path, *words: str, at: str) -> Iterator[Interrupted]:
    """The command, held where it imports the module `at`."""
    site = folder / "before"
    site.mkdir()
    reached, gate = site / "reached", site / "go-on"
    os.mkfifo(gate)
    text = _SITE.format(module=at, reached=str(reached), go_on=str(gate))
    (site / "sitecustomize.py").write_text(text)
    with started(folder, *words, before=site) as process:
        try:
            while not reached.exists():
                assert process.poll() is None, f"it ended before it imported {at}"
                nap(0.01)
            yield Interrupted(process, reached, gate)
        finally:
            process.kill()


def handles_signals(process: subprocess.Popen[str]) -> bool:
    """True once the process has taken SIGTERM; before that Python itself, or nothing, handles it."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return False
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> 14 & 1)  # SIGTERM is number 15
