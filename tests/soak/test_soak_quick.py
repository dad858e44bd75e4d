"""The short form of the soak: fixed seeds, on both databases; and what its invariants must find."""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from tests.soak.invariants import broken, exit_code_is_wrong
from tests.soak.records import Copy
from tests.soak.soak import soak
from tests.soak.worker import Answer
from tests.soak.world import World
from tests.support.clocks import START

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a signal of Unix")


def test_random_operations_with_kills_and_odd_servers_break_no_promise() -> None:
    found = soak(31, 16)
    assert found.wrong == (), "\n".join(found.trace)
    assert found.accepted


def test_nor_do_they_on_postgresql(postgresql_database: str) -> None:
    found = soak(33, 8, postgresql=postgresql_database)
    assert found.wrong == (), "\n".join(found.trace)
    assert found.accepted


def test_a_broken_promise_is_found(tmp_path: Path) -> None:
    with World(tmp_path, Random(1)) as world:
        plan = world.plans["c0"]
        plan.resends = False
        key, server = plan.rows[0], world.servers[plan.account]
        answer = world.command("run", "c0", "--json")
        assert exit_code_is_wrong(answer, accepted=len(server.copies), counts=world.books.counts("c0")) == ""
        assert list(broken(world)) == []
        server.copies.append(Copy("c0", key, world.now, ""))
        world.told.add((key, ""))
        found = "\n".join(broken(world))
        assert f"{key} has 2 copies of c0, 1 at most" in found
        assert f"the suppression of {key} for all lists is gone" in found
        server.copies.clear()
        assert f"{key} of c0 is called sent and has no copy" in "\n".join(broken(world))
        server.copies += [Copy("c0", f"new{n}@example.org", START, "") for n in range(31)]
        found = "\n".join(broken(world))
        assert "new1@example.org of c0 has 1 copies and is nowhere" in found
        assert f"account {plan.account}: " in found


_SAID = json.dumps(
    {"state": "waiting", "reason": "", "total": 1, "sent_now": 0, "counts": {"failed": 0, "in_doubt": 0}}
)


@pytest.mark.parametrize(
    ("code", "text", "sentence"),
    [
        (3, "{}", "it ended with 3"),
        (78, '{"problems": []}', "78, 0 problems"),
        (0, _SAID, "0 and waiting"),
        (1, _SAID.replace("waiting", "finished"), "1 with 0 failed"),
        (75, _SAID.replace('"sent_now": 0', '"sent_now": 9'), "sent_now 9, accepted 1"),
        (75, _SAID, "it counted"),
    ],
)
def test_an_exit_code_that_does_not_fit_is_found(code: int, text: str, sentence: str) -> None:
    counts = Counter({"sent": 5})
    assert sentence in exit_code_is_wrong(Answer(code, text), accepted=1, counts=counts)


def test_a_cap_is_counted_over_every_window(tmp_path: Path) -> None:
    with World(tmp_path, Random(1)) as world:
        small = world.servers["small"]
        small.copies += [Copy("c0", "a", START + n * timedelta(minutes=210), "") for n in range(8)]
        assert small.over_the_cap(START) == ""
        small.copies.append(Copy("c0", "a", START + timedelta(hours=1), ""))
        assert "8 accepted between" in small.over_the_cap(START)
        assert small.over_the_cap(START + timedelta(hours=20)) == ""
