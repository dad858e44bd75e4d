"""What must hold after every step, whatever was done: sentences about what does not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.soak.records import Row
from tests.soak.worker import Answer
from tests.soak.world import KILLED, World

_SETUP = 78
_STATES = {
    0: {"finished", "cancelled"},
    1: {"finished", "cancelled"},
    75: {"waiting", "paused", "running", "ready"},
    76: {"stopped"},
    77: {"stopped"},
}


def broken(world: World) -> Iterator[str]:
    """A sentence for every promise that the ledger or a server's record denies."""
    rows = world.books.deliveries()
    copies = Counter(
        (copy.campaign, copy.key)
        for server in world.servers.values()
        for copy in server.copies
        if copy.at >= world.since
    )
    yield from _copies(world, copies)
    yield from _states(world, rows, copies)
    for name, server in world.servers.items():
        if sentence := server.over_the_cap(world.since):
            yield f"account {name}: {sentence}"
    missing = world.told - world.books.suppressed()
    yield from (f"the suppression of {key} for {scope or 'all lists'} is gone" for key, scope in missing)


def _copies(world: World, copies: Counter[tuple[str, str]]) -> Iterator[str]:
    for (campaign, key), number in copies.items():
        plan = world.plans[campaign]
        most = 1 + world.allowed[campaign, key]
        if number > most and not plan.resends:
            yield f"{key} has {number} copies of {campaign}, {most} at most"


def _states(world: World, rows: list[Row], copies: Counter[tuple[str, str]]) -> Iterator[str]:
    known = {(row.campaign, row.key): row for row in rows}
    for (campaign, key), row in known.items():
        if row.state == "sent" and not copies[campaign, key] and key not in world.erased:
            yield f"{key} of {campaign} is called sent and has no copy"
    answered = {"sent", "in_doubt", *(["sending"] * world.killed)}
    for (campaign, key), number in copies.items():
        if key in world.erased:
            continue
        found = known.get((campaign, key))
        state = found.state if found else "nowhere"
        # What was sent again may wait for its turn once more.
        again = number <= world.allowed[campaign, key] or world.plans[campaign].resends
        bounced = state == "failed" and (campaign, key) in world.bounced
        if state not in answered and not bounced and not again:
            yield f"{key} of {campaign} has {number} copies and is {state}"


def exit_code_is_wrong(answer: Answer, *, accepted: int, counts: Counter[str]) -> str:
    """A sentence if `run --json` ended otherwise than it may; `accepted` by the servers meanwhile."""
    if answer.fault or answer.code == KILLED:
        return answer.fault
    if answer.code == _SETUP:
        problems = json.loads(answer.stdout)["problems"]
        return "" if problems and not accepted else f"78, {len(problems)} problems, {accepted} accepted"
    if answer.code not in _STATES:
        return f"it ended with {answer.code}: {answer.stderr[-300:]}"
    said = json.loads(answer.stdout)
    return _denied(said, answer.code, accepted) or _miscounted(said, counts)


def _denied(said: dict[str, Any], code: int, accepted: int) -> str:
    bad = said["counts"]["failed"] + said["counts"]["in_doubt"]
    if said["state"] not in _STATES[code]:
        return f"{code} and {said['state']}: {said['reason']}"
    if code in (0, 1) and bool(bad) is not bool(code):
        return f"{code} with {bad} failed or in doubt"
    if said["sent_now"] > accepted:
        return f"sent_now {said['sent_now']}, accepted {accepted}"
    return ""


def _miscounted(said: dict[str, Any], counts: Counter[str]) -> str:
    told = said["counts"]
    real = {name: counts[name] for name in told if name != "in_flight"}
    real["in_flight"] = counts["claimed"] + counts["sending"]
    if told != real or said["total"] != counts.total():
        return f"it counted {told}, in all {said['total']}; the ledger has {dict(counts)}"
    return ""
