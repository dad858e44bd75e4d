"""Kill each program once a campaign, begin it again, and count copies in the server's record."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.crash.books import Books
from tests.crash.peers.programs import Program, programs
from tests.support.smtp_dialogue import Dialogue
from tests.support.smtp_script import Answer, Rule
from tests.support.smtp_server import SmtpServer

_PEOPLE = 60
_THINKING = 0.01  # seconds that the server takes over a message; a real one takes longer
_PATIENCE = 120.0
_HEAD = (
    "| program | begun again with | people | kills | accepted | duplicates | in doubt | without a copy "
    "| of these not in doubt |",
    "|---|---|---:|---:|---:|---:|---:|---:|---:|",
)


@dataclass(frozen=True, slots=True)
class Count:
    """What became of the people of one or many campaigns."""

    people: int = 0
    kills: int = 0
    accepted: int = 0
    duplicates: int = 0
    in_doubt: int = 0
    without: int = 0
    untold: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*(getattr(self, name) + getattr(other, name) for name in Count.__slots__))


class Moment:
    """The server thinks over every message, and says when the fatal one has been begun."""

    def __init__(self, fatal: int) -> None:
        self.reached = threading.Event()
        self.rules = (Rule("mail", self._signal, nth=fatal), Rule("eod", self._think))

    def _signal(self, _: Dialogue) -> Answer | None:
        self.reached.set()
        return None

    def _think(self, dialogue: Dialogue) -> Answer | None:
        dialogue.server.stopping.wait(_THINKING)
        return None


def kill_once(program: Program, seed: int, folder: Path) -> Count:
    """One campaign: sent until a message drawn by lot has been begun, killed a little later, begun again."""
    random = Random(seed)
    moment = Moment(fatal=random.randint(1, _PEOPLE - 5))
    with SmtpServer(rules=moment.rules) as server:
        program.prepare(folder, server, _PEOPLE)
        victim = program.start(folder, program.words)
        if not moment.reached.wait(_PATIENCE):
            raise TimeoutError(f"{program.name} sends nothing: {(folder / 'output.txt').read_text()[-500:]}")
        threading.Event().wait(random.uniform(0.0, 2 * _THINKING))
        victim.kill()
        killed = victim.wait() == -9
        program.start(folder, program.again(folder, program.words)).wait(_PATIENCE)
    copies = Counter(message.recipient for message in server.accepted)
    without = {f"person{n}@example.org" for n in range(_PEOPLE)} - set(copies)
    doubts = _doubts(folder)
    return Count(
        people=_PEOPLE,
        kills=int(killed),
        accepted=copies.total(),
        duplicates=sum(copies.values()) - len(copies),
        in_doubt=len(doubts),
        without=len(without),
        untold=len(without - doubts),
    )


def _doubts(folder: Path) -> set[str]:
    """The recipients that the program itself names as uncertain; mailrunner alone has a word for it."""
    ledger = folder / "data" / "mailrunner.db"
    states = Books(f"sqlite:///{ledger}").states() if ledger.exists() else {}
    return {address for address, state in states.items() if state == "in_doubt"}


def count_all(program: Program, campaigns: int, seed: int) -> Count:
    total = Count()
    for number in range(campaigns):
        with tempfile.TemporaryDirectory(prefix="crash-peer-") as folder:
            total += kill_once(program, seed * 1_000 + number, Path(folder))
    return total


def main() -> None:
    """Print the table."""
    options = _options()
    chosen = programs(options.home.absolute())
    with ThreadPoolExecutor(options.jobs) as pool:
        counts = list(pool.map(lambda each: count_all(each, options.campaigns, options.seed), chosen))
    lines = [
        f"| {program.name} | {program.how} | {count.people:,} | {count.kills} | {count.accepted:,} | "
        f"{count.duplicates:,} | {count.in_doubt} | {count.without:,} | {count.untold:,} |"
        for program, count in zip(chosen, counts, strict=True)
    ]
    found = "\n".join((*_HEAD, *lines)) + "\n"
    sys.stdout.write(found)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(found, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.peers", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the environment with the other programs")
    parser.add_argument("--campaigns", type=int, default=20, help="of each; each is killed once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--report", type=Path, default=Path("build/crash-peers.md"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
