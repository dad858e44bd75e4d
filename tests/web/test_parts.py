"""The parts of the public server by themselves: buckets, and groups that are written together."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from mailrunner.clock import SystemClock
from mailrunner.errors import LedgerError
from mailrunner.event_log import EventLog
from mailrunner.inbound import EventKind, InboundEvent, IngestResult
from mailrunner.model.tokens import UNSUBSCRIBE, TokenSigner
from mailrunner.web.access_log import AccessLog
from mailrunner.web.batch_writer import GROUP, BatchWriter
from mailrunner.web.one_click import OneClick
from mailrunner.web.rate_limit import RateLimit, client_key

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


def click(delivery: int) -> InboundEvent:
    return InboundEvent(kind=EventKind.UNSUBSCRIBED, source="web", delivery=delivery)


class Paper:
    """Something to write on: keeps each group, and refuses what it is told to."""

    def __init__(self, *, refused: int | None = None, error: Exception | None = None) -> None:
        self.groups: list[list[int | None]] = []
        self.threads: set[str] = set()
        self._refused, self._error = refused, error or LedgerError("it cannot be kept")

    def write(self, facts: Sequence[InboundEvent]) -> list[IngestResult]:
        self.threads.add(threading.current_thread().name)
        numbers = [fact.delivery for fact in facts]
        self.groups.append(numbers)
        if self._refused in numbers:
            raise self._error
        return [
            IngestResult.TEST if number == 0 else IngestResult.RECORDED
            for number in numbers
            if number is not None
        ]


async def record_all(paper: Paper, numbers: Sequence[int]) -> list[list[IngestResult] | BaseException]:
    recorder = BatchWriter(paper.write)
    found = await asyncio.gather(
        *(recorder.record([click(number)]) for number in numbers), return_exceptions=True
    )
    await recorder.close()
    return found


def test_clicks_of_a_moment_are_one_group_and_each_gets_its_own_effect() -> None:
    paper = Paper()
    found = asyncio.run(record_all(paper, [0, 1, 2]))
    assert found == [[IngestResult.TEST], [IngestResult.RECORDED], [IngestResult.RECORDED]]
    assert paper.groups == [[0, 1, 2]]


def test_a_crowd_is_cut_into_groups_that_one_thread_writes() -> None:
    paper = Paper()
    asyncio.run(record_all(paper, range(2 * GROUP + 5)))
    assert [len(group) for group in paper.groups] == [GROUP, GROUP, 5]
    assert len(paper.threads) == 1


def test_one_that_cannot_be_kept_fails_alone() -> None:
    found = asyncio.run(record_all(Paper(refused=2), [1, 2, 3]))
    assert [isinstance(one, LedgerError) for one in found] == [False, True, False]


def test_a_ledger_that_is_locked_is_not_tried_again_for_each() -> None:
    paper = Paper(refused=2, error=LedgerError("locked", passing=True))
    found = asyncio.run(record_all(paper, [1, 2, 3]))
    assert all(isinstance(one, LedgerError) for one in found)
    assert paper.groups == [[1, 2, 3]]


def test_a_request_that_was_given_up_harms_nobody() -> None:
    async def scene() -> tuple[list[IngestResult], list[list[int | None]]]:
        paper = Paper()
        recorder = BatchWriter(paper.write)
        first = asyncio.create_task(recorder.record([click(1)]))
        second = asyncio.create_task(recorder.record([click(2)]))
        await asyncio.sleep(0)
        first.cancel()
        effects = await second
        await recorder.close()
        return effects, paper.groups

    assert asyncio.run(scene()) == ([IngestResult.RECORDED], [[1, 2]])


def test_closing_finishes_what_waits() -> None:
    async def scene() -> list[list[int | None]]:
        paper = Paper()
        recorder = BatchWriter(paper.write)
        task = asyncio.create_task(recorder.record([click(7)]))
        await asyncio.sleep(0)
        await recorder.close()
        await task
        return paper.groups

    assert asyncio.run(scene()) == [[7]]


# --- the short way of a click

SIGNER = TokenSigner((b"secret",))


async def ask(path: str, *bodies: dict[str, Any] | None) -> list[str]:
    """Post a body in these parts, None for one that does not come in time; who was asked, what was read."""
    seen: list[str] = []
    parts = list(bodies)

    async def receive() -> MutableMapping[str, Any]:
        part = parts.pop(0)
        if part is None:
            await asyncio.Event().wait()
        assert part is not None
        return {"type": "http.request", **part}

    async def send(message: MutableMapping[str, Any]) -> None:
        """Nobody reads the answer."""

    async def usual(scope: Scope, receive: Receive, send: Send) -> None:
        read = [(await receive())["body"].decode() for _ in range(sum(part is not None for part in bodies))]
        seen.append("usual: " + "".join(read))

    async def answer(request: Request, delivery: int) -> Response:
        seen.append(f"short: {delivery}")
        return Response()

    site = OneClick(usual, signer=SIGNER, answer=answer)
    await site({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    return seen


WHOLE = {"body": b"List-Unsubscribe=One-Click"}
LINK = f"/u/{SIGNER.token(UNSUBSCRIBE, 7)}"


@pytest.mark.parametrize(
    ("path", "bodies", "seen"),
    [
        (LINK, [WHOLE], "short: 7"),
        (LINK, [{"body": b"leave="}], "usual: leave="),
        (LINK, [{"body": b"One-", "more_body": True}, {"body": b"Click"}], "usual: One-Click"),
        (LINK, [None, WHOLE], "usual: List-Unsubscribe=One-Click"),
        ("/u/forged", [WHOLE], "usual: List-Unsubscribe=One-Click"),
        (f"/p/{SIGNER.token(UNSUBSCRIBE, 7)}", [WHOLE], "usual: List-Unsubscribe=One-Click"),
    ],
    ids=["a click", "a form", "in pieces", "late", "forged", "another page"],
)
def test_only_a_whole_click_on_a_genuine_link_goes_the_short_way(
    path: str, bodies: list[dict[str, Any] | None], seen: str
) -> None:
    assert asyncio.run(ask(path, *bodies)) == [seen]


# --- what an operator is told


def test_requests_are_summed_up_once_a_minute_and_at_the_end(tmp_path: Path) -> None:
    moment, lines = [0.0], list[str]()
    file = tmp_path / "events.jsonl"
    with EventLog(file, clock=SystemClock()) as log:
        register = AccessLog(log, line=lines.append, now=lambda: moment[0])
        for at, status in ((1, 200), (59, 200), (59.5, 429), (60, 200), (61, 404)):
            moment[0] = at
            register.answered("POST /u/…", status, 0.012)
        register.close()
        register.close()
    sums = [json.loads(line)["answers"] for line in file.read_text("utf-8").splitlines()]
    assert sums == [{"POST /u/… 200": 3, "POST /u/… 429": 1}, {"POST /u/… 404": 1}]
    assert lines[0] == "POST /u/… 200 12 ms" and len(lines) == 5


# --- buckets

STEPS = st.lists(st.floats(0, 5), min_size=1, max_size=60)


@given(STEPS, st.floats(0.1, 10), st.integers(1, 20))
def test_no_stretch_of_time_admits_more_than_burst_and_rate(
    steps: list[float], rate: float, burst: int
) -> None:
    throttle, now, admitted = RateLimit(rate=rate, burst=burst), 0.0, []
    for step in steps:
        now += step
        if throttle.admits("a", now):
            admitted.append(now)
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= burst + rate * (admitted[last] - start) + 1e-6


def test_one_client_does_not_use_up_anothers_patience() -> None:
    throttle = RateLimit(rate=1, burst=2)
    assert [throttle.admits("a", 0) for _ in range(3)] == [True, True, False]
    assert throttle.admits("b", 0)
    assert throttle.admits("a", 1)


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    throttle = RateLimit(rate=1, burst=1)
    assert [throttle.admits("a", now) for now in (5, 5, 4)] == [True, False, False]


def test_a_crowd_of_clients_does_not_fill_the_memory() -> None:
    throttle = RateLimit(rate=1, burst=1, clients=100)
    for number in range(1_000):
        throttle.admits(str(number), 0)
    assert len(throttle) == 100


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(host: str, key: str) -> None:
    assert client_key(host) == key
