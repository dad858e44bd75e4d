"""What is done to the machines, and what must hold afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from tests.crash.databases import FAST, IMMEDIATE, PostgresqlServer
from tests.machines.fleet import Fleet, Machine, fleet, until
from tests.support.smtp_server import Rule, stall

_PAUSE = 15.0  # seconds that the others may stand still
_FREE = 90.0  # seconds until a dead machine's claims are free


@dataclass
class Row:
    """One line of the table; `wrong` are the sentences for what does not hold."""

    name: str
    found: str = ""
    wrong: list[str] = field(default_factory=list)

    def check(self, holds: bool, sentence: str) -> None:
        if not holds:
            self.wrong.append(sentence)


def count(row: Row, ships: Fleet, *, expected: int | None = None) -> None:
    """No recipient twice, none lost, the ledger's books and the servers' agree."""
    copies, states = ships.copies, ships.states()
    twice = sum(number > 1 for number in copies.values())
    accepted, sent, doubt = len(copies), states.get("sent", 0), states.get("in_doubt", 0)
    row.check(twice == 0, f"{twice} got two copies")
    row.check(sent <= accepted <= sent + doubt, f"{accepted} accepted, {sent} sent, {doubt} in doubt")
    if expected is not None:
        row.check(sent + doubt == expected, f"{sent} sent and {doubt} in doubt of {expected}")
    each = "/".join(str(machine.sent) for machine in ships.machines)
    row.found = (
        f"{twice} twice, {sent:,} sent ({each}), {doubt} in doubt ({accepted - sent} of them accepted)"
    )


def the_cap_is_exact(
    folder: Path, postgresql: PostgresqlServer, recipients: int, *, seconds: int = 40, least: float = 0.2
) -> Row:
    """Three runs begin at one moment; the cap is three quarters of the list, `least` each one's share."""
    cap = recipients * 3 // 4
    row = Row(f"3 × `run` at one moment, {recipients:,} recipients, cap {cap:,}")
    with fleet(folder, postgresql, recipients=recipients, cap=cap, seconds=seconds) as ships:
        processes = [machine.start("run", "spring", "--yes", "--quiet") for machine in ships.machines]
        codes = [process.wait() for process in processes]
        count(row, ships, expected=cap)
        row.check(codes == [75, 75, 75], f"exit codes {codes}")
        row.check(len(ships.copies) == cap, f"{len(ships.copies)} of {cap}")
        fewest = min(machine.sent for machine in ships.machines)
        row.check(fewest >= cap * least, f"one machine sent {fewest}")
    return row


def one_dies_and_one_is_cut(folder: Path, postgresql: PostgresqlServer, recipients: int) -> Row:
    """Machine 2 loses its power, machine 3 its network, in the middle of a transaction."""
    row = Row(f"one machine killed, one cut in a transaction and healed, {recipients:,} recipients")
    with fleet(folder, postgresql, recipients=recipients, seconds=150) as ships:
        first, second, third = ships.machines
        for machine in ships.machines:
            machine.start("run", "spring", "--yes", "--quiet", "--wait")
        until(lambda: min(machine.sent for machine in ships.machines) > 0, "all three send")
        with longest_pause(first) as pause:
            second.server.rules = (Rule("eod", stall()),)
            until(lambda: held_by_dead(ships) > 0, "the second machine has something in flight")
            second.kill()
            killed = time.monotonic()
            met = cut_in_a_transaction(ships, third)
            until(lambda: not held_by_dead(ships), "the dead machine's claims are free")
            free = time.monotonic() - killed
            third.proxy.heal()
            first.processes[0].wait()
        third.processes[0].wait()
        count(row, ships, expected=recipients)
        doubt = ships.states().get("in_doubt", 0)
        row.check(doubt <= 2 * 2 * 8, f"{doubt} in doubt")
        row.check(pause() <= _PAUSE, f"the first machine stood still for {pause():.0f} s")
        row.check(free <= _FREE, f"claims free after {free:.0f} s")
        row.found += f"; longest pause {pause():.0f} s; claims of the dead free after {free:.0f} s"
        row.found += "; cut in a transaction" if met else "; no transaction was met"
    return row


def cut_in_a_transaction(ships: Fleet, machine: Machine) -> bool:
    """Cut it while one of its sessions holds a transaction open; False where that was not met."""
    question = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' "
        f"AND application_name = '{machine.name}'"
    )
    met = any(ships.ask(question) != [(0,)] for _ in range(300))
    machine.proxy.cut()
    return met


def held_by_dead(ships: Fleet) -> int:
    """How many deliveries the run of the second machine holds."""
    question = """
        SELECT count(*) FROM deliveries d JOIN runs r ON r.no = d.token >> 32
        WHERE d.state IN ('claimed', 'sending') AND r.pid = {pid}
    """
    (dead,) = ships.machines[1].processes
    return int(str(ships.ask(question.format(pid=dead.pid))[0][0]))


@contextmanager
def longest_pause(machine: Machine) -> Iterator[Callable[[], float]]:
    """The longest time in which nothing of a machine's was accepted while it had something to send."""
    longest, last, stop = [0.0], [time.monotonic()], Event()

    def watch() -> None:
        seen = machine.sent
        while not stop.wait(0.1) and machine.processes[-1].poll() is None:
            if machine.sent != seen:
                longest[0] = max(longest[0], time.monotonic() - last[0])
                seen, last[0] = machine.sent, time.monotonic()

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield lambda: longest[0]
    finally:
        stop.set()
        watcher.join()


def the_database_restarts_under_workers(folder: Path, postgresql: PostgresqlServer, recipients: int) -> Row:
    """Three workers, of which the second has no files of the campaign; PostgreSQL restarts three times."""
    row = Row(f"PostgreSQL restarted 3 times under 3 × `work`, {recipients:,} recipients")
    with fleet(folder, postgresql, recipients=recipients) as ships:
        first = ships.machines[0]
        assert first.start("run", "spring", "--workers", "--yes", "--quiet").wait() == 75
        for machine in ships.machines:
            machine.start("work", "--shares", "1")
        for place, mode in enumerate((FAST, IMMEDIATE, FAST), 1):
            goal = recipients * place // 5
            until(lambda goal=goal: len(ships.copies) >= goal, "the workers send")  # type: ignore[misc]
            postgresql.restart(mode)
        took = until(lambda: finished(ships), "the campaign is finished")
        count(row, ships, expected=recipients)
        alive = [machine.processes[-1].poll() is None for machine in ships.machines]
        row.check(all(alive), f"workers that live: {alive}")
        row.found += f"; nothing typed; done {took:.0f} s after the last"
    return row


def a_worker_dies(folder: Path, postgresql: PostgresqlServer, recipients: int) -> Row:
    """One of three workers is killed while it sends."""
    row = Row(f"one of 3 workers killed, {recipients:,} recipients")
    with fleet(folder, postgresql, recipients=recipients) as ships:
        assert ships.machines[0].start("run", "spring", "--workers", "--yes", "--quiet").wait() == 75
        for machine in ships.machines[1:]:
            machine.start("work", "--shares", "1")
        until(lambda: all(machine.sent for machine in ships.machines[1:]), "both send")
        ships.machines[1].kill()
        ships.machines[0].start("work", "--shares", "1")
        until(lambda: finished(ships), "the campaign is finished")
        count(row, ships, expected=recipients)
    return row


def finished(ships: Fleet) -> bool:
    try:
        return ships.ask("SELECT phase FROM campaigns") == [("finished",)]
    except Exception:  # it restarts
        return False


Scenario = Callable[[Path, PostgresqlServer, int], Row]
ALL: Sequence[Scenario] = (
    the_cap_is_exact,
    one_dies_and_one_is_cut,
    a_worker_dies,
    the_database_restarts_under_workers,
)
