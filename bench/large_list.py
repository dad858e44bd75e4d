"""A list of a million: its snapshot, a second run's way to its first message, and the start of commands.

    python -m bench.large_list [--people N] [--rounds N]

The snapshot's time is that of a first run that sends one message, less that of a second such run.  For
the way to the first message half of the campaign is marked as sent; the clock runs from the start of
the process until the server has taken a message.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench import machine, newsletter
from tests.support.smtp_server import SmtpServer

PROGRAM = [sys.executable, "-m", "mailrunner"]
_AGAIN = 75  # run again later: --limit


def one_message(home: Path) -> machine.Use:
    """A whole run that sends one message."""
    words = ["run", "spring", "--limit", "1", "--yes", "--quiet", "--project", str(home)]
    return machine.run([*PROGRAM, *words], codes=(_AGAIN,))


def send_half(home: Path) -> None:
    """Mark every second person as sent, as runs before this one would have left it."""
    with closing(sqlite3.connect(home / "data" / "mailrunner.db")) as connection, connection:
        connection.execute(
            "UPDATE deliveries SET state = 'sent', finished_at = not_before WHERE state = 'queued' AND id % 2"
        )


def to_first_message(home: Path, server: SmtpServer) -> float:
    """Seconds from the start of a run to the first message that the server took."""
    before, started = len(server.accepted), time.perf_counter()
    words = ["run", "spring", "--limit", "1", "--yes", "--quiet", "--project", str(home)]
    process = subprocess.Popen([*PROGRAM, *words], stderr=subprocess.DEVNULL)
    while len(server.accepted) == before:
        time.sleep(0.002)
        assert process.poll() in (None, _AGAIN), "the run ended without a message"
    passed = time.perf_counter() - started
    process.wait()
    return passed


def start_up(home: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds that commands take which do next to nothing."""
    commands = {"--help": ["--help"], "status": ["status", "--project", str(home)]}
    return {
        name: [machine.run([*PROGRAM, *words]).wall for _ in range(rounds)]
        for name, words in commands.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    rates, peaks, later = [], [], []
    with SmtpServer() as server:
        for turn in range(wanted.rounds):
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                home = Path(folder)
                newsletter.write_project(home, port=server.port, people=wanted.people, connections=1)
                first, second = one_message(home), one_message(home)
                rates.append(wanted.people / (first.wall - second.wall))
                peaks.append(first.peak)
                later.append(second.peak)
                if turn == wanted.rounds - 1:
                    send_half(home)
                    waits = [to_first_message(home, server) for _ in range(5)]
                    starts = start_up(home, 7)
    print(f"{wanted.people:,} people\n{machine.name()}")
    print("| what | median [range] |\n|---|---|")
    print(f"| snapshot, rows/s | {machine.spread(rates)} |")
    print(f"| peak memory of that run, MiB | {machine.spread(peaks)} |")
    print(f"| peak memory of a second run, MiB | {machine.spread(later)} |")
    print(f"| from `run` to the first message, half sent, s | {machine.spread(waits, 2)} |")
    for name, seconds in starts.items():
        print(f"| `mailrunner {name}`, s | {machine.spread(seconds, 2)} |")
    assert statistics.median(rates) > 0


if __name__ == "__main__":
    main()
