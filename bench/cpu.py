"""CPU time of one message more, which a busy machine changes less than its rate: against others and ourselves.

    python -m bench.cpu [--rounds N] [--before COMMIT]

Contestants take turns in every round; each runs twice, with a short and a long list, and the difference is
what a message costs.  Of the kernel's work the client's half is in it, the sink's is not.

- mailrunner at 64, 4 and 1 connections, and, with `--before`, the tree of an earlier commit of this repository;
- a script with aiosmtplib (16 kept connections), Jinja and css-inline, which keeps no state;
- mailmerge: Jinja, a connection a message; it inlines nothing and keeps no state;
- nodemailer, handlebars and juice (a pool of 16 connections), where npm is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import machine, newsletter, peers
from bench.sink import smtp_sink

_LISTS = {64: (500, 8_500), 4: (200, 3_200), 1: (100, 1_600)}  # people, by connections
_PEER_LISTS = (100, 600)
Contestant = Callable[[int, int], machine.Use]


def mailrunner(port: int, people: int, *, connections: int, tree: Path) -> machine.Use:
    """One whole campaign by the package in `tree`."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        newsletter.write_project(Path(folder), port=port, people=people, connections=connections)
        words = ["run", "spring", "--yes", "--quiet", "--project", folder]
        environ = {**os.environ, "PYTHONPATH": str(tree)}
        return machine.run([sys.executable, "-m", "mailrunner", *words], environ=environ)


def earlier_tree(commit: str, folder: Path) -> Path:
    """The package as it was at a commit."""
    packed = subprocess.run(["git", "archive", commit, "mailrunner"], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    return folder


def contestants(before: Path | None) -> dict[str, tuple[Contestant, tuple[int, int]]]:
    """Each with the numbers of people of its short and its long list."""
    found: dict[str, tuple[Contestant, tuple[int, int]]] = {}
    for connections, people in _LISTS.items():
        for name, tree in {"mailrunner": Path.cwd(), "before": before}.items():
            if tree is not None:
                run = partial(mailrunner, connections=connections, tree=tree)
                found[f"{name}, {connections} connections"] = (run, people)
    python = peers.environment()
    found["aiosmtplib, Jinja, css-inline"] = (partial(peers.aiosmtplib, python=python), _PEER_LISTS)
    found["mailmerge"] = (partial(peers.mailmerge, python=python), _PEER_LISTS)
    if shutil.which("npm"):
        modules = peers.node_modules()
        found["nodemailer, handlebars, juice"] = (partial(peers.nodemailer, modules=modules), _PEER_LISTS)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", metavar="COMMIT")
    wanted = parser.parse_args()
    costs: dict[str, list[float]] = {}
    with smtp_sink() as port, tempfile.TemporaryDirectory() as folder:
        before = earlier_tree(wanted.before, Path(folder)) if wanted.before else None
        for _ in range(wanted.rounds):
            for name, (run, (few, many)) in contestants(before).items():
                cost = (run(port, many).cpu - run(port, few).cpu) / (many - few) * 1e6
                costs.setdefault(name, []).append(cost)
    _tell(costs, wanted.rounds)


def _tell(costs: dict[str, list[float]], rounds: int) -> None:
    """Medians with their range, and the ratio of the medians to mailrunner's with as many connections."""
    print(f"CPU of one message more, µs, {rounds} rounds, load {os.getloadavg()[0]:.0f}\n{machine.name()}")
    print("| what | CPU, µs | of it mailrunner takes |\n|---|---:|---:|")
    ours = {name: statistics.median(found) for name, found in costs.items() if name.startswith("mailrunner")}
    for name, found in costs.items():
        rival = name.replace("before", "mailrunner")
        share = ours.get(rival, ours["mailrunner, 64 connections"]) / statistics.median(found)
        print(f"| {name} | {machine.spread(found)} | {share:.3f} |")


if __name__ == "__main__":
    main()
