"""From a row of a CSV file to a sink, everything on the way included, against what people use otherwise.

    python -m bench.end_to_end [--people N] [--connections N] [--rounds N]

Each contestant talks to the same smtp-sink, in turns:

- `smtp-source -d`: Postfix's own load generator with one fixed message of the same size, 16 connections;
- mailrunner: read the list, write the snapshot, render, inline, record durably (SQLite, synchronous=FULL);
- mailmerge from PyPI: renders with Jinja, opens a connection a message, inlines nothing, keeps no state;
- the usual script: Jinja, premailer, a new smtplib connection a message, no state.

mailrunner's rate and CPU are those of a message more (two list lengths are run and subtracted), so that
the start of the program is not among them; the whole of the longer run stands beside it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import machine, newsletter, peers
from bench.sink import program, smtp_sink

_SMALL = 2_000


def smtp_source(port: int, number: int) -> float:
    """Messages a second of Postfix's load generator."""
    sizes = ("-l", "26000", "-m", str(number), "-s", "16")
    use = machine.run([program("smtp-source"), "-d", *sizes, f"127.0.0.1:{port}"])
    return number / use.wall


def mailrunner(port: int, number: int, connections: int) -> machine.Use:
    """One whole run of a campaign to so many people."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        newsletter.write_project(home, port=port, people=number, connections=connections)
        return machine.run(
            [sys.executable, "-m", "mailrunner", "run", "spring", "--yes", "--quiet", "--project", folder]
        )


def marginal(port: int, number: int, connections: int) -> tuple[float, float, machine.Use]:
    """Messages a second and CPU µs of one message more, and the whole longer run."""
    small, large = mailrunner(port, _SMALL, connections), mailrunner(port, number, connections)
    more = number - _SMALL
    return more / (large.wall - small.wall), (large.cpu - small.cpu) / more * 1e6, large


def two_processes(port: int, number: int, connections: int) -> float:
    """Messages a second where the same command is typed in two terminals, half the connections each."""
    walls = []
    for people in (_SMALL, number):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            home = Path(folder)
            newsletter.write_project(home, port=port, people=people, connections=connections // 2)
            words = [
                sys.executable,
                "-m",
                "mailrunner",
                "run",
                "spring",
                "--yes",
                "--quiet",
                "--project",
                folder,
            ]
            machine.run([*words, "--limit", "1"], codes=(75,))  # the list is read by the first
            started = time.perf_counter()
            both = [subprocess.Popen(words, stderr=subprocess.DEVNULL) for _ in range(2)]
            assert all(process.wait() in (0, 75) for process in both)
            walls.append(time.perf_counter() - started)
    return (number - _SMALL) / (walls[1] - walls[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=32_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    python = peers.environment()
    sources, runs, pairs, merges, scripts = [], [], [], [], []
    with smtp_sink() as port:
        for _ in range(wanted.rounds):
            sources.append(smtp_source(port, wanted.people))
            runs.append(marginal(port, wanted.people, wanted.connections))
            pairs.append(two_processes(port, wanted.people, wanted.connections))
            merges.append(1_500 / peers.mailmerge(port, 1_500, python=python).wall)
            scripts.append(300 / peers.usual_script(port, 300, python=python).wall)
    others = {
        "mailrunner, two processes": pairs,
        "smtp-source -d -s 16": sources,
        "mailmerge": merges,
        "the usual script": scripts,
    }
    _tell(wanted, runs, others)


def _tell(
    wanted: argparse.Namespace,
    runs: list[tuple[float, float, machine.Use]],
    others: dict[str, list[float]],
) -> None:
    ours = [rate for rate, _, _ in runs]
    middle = statistics.median(ours)
    print(
        f"End to end, {wanted.people:,} people, {wanted.connections} connections, medians of {wanted.rounds}"
    )
    print(machine.name())
    print("| what | messages/s | mailrunner against it |\n|---|---|---|")
    print(f"| mailrunner | {machine.spread(ours)} | |")
    for title, rates in others.items():
        print(f"| {title} | {machine.spread(rates)} | {middle / statistics.median(rates):.2f} |")
    print(f"CPU of one message more: {machine.spread([cpu for _, cpu, _ in runs])} µs")
    walls = [wanted.people / use.wall for _, _, use in runs]
    peaks = [use.peak for _, _, use in runs]
    print(f"The whole run, start and list included: {machine.spread(walls)} messages/s")
    print(f"Peak memory: {machine.spread(peaks)} MiB")


if __name__ == "__main__":
    main()
