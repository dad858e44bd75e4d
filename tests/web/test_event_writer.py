"""Groups that are written together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from mailrunner.errors import LedgerError
from mailrunner.inbound import EventKind, InboundEvent, IngestResult
from mailrunner.web.event_writer import GROUP_SIZE, EventWriter


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
    recorder = EventWriter(paper.write)
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
    asyncio.run(record_all(paper, range(2 * GROUP_SIZE + 5)))
    assert [len(group) for group in paper.groups] == [GROUP_SIZE, GROUP_SIZE, 5]
    assert len(paper.threads) == 1


def test_one_that_cannot_be_kept_fails_alone() -> None:
    found = asyncio.run(record_all(Paper(refused=2), [1, 2, 3]))
    assert [isinstance(one, LedgerError) for one in found] == [False, True, False]


def test_a_ledger_that_is_locked_is_not_tried_again_for_each() -> None:
    paper = Paper(refused=2, error=LedgerError("locked", passing=True))
    found = asyncio.run(record_all(paper, [1, 2, 3]))
    assert all(isinstance(one, LedgerError) for one in found)
    assert paper.groups == [[1, 2, 3]]


def test_a_request_that_was_given_up_harms_no_other() -> None:
    async def scene() -> tuple[list[IngestResult], list[list[int | None]]]:
        paper = Paper()
        recorder = EventWriter(paper.write)
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
        recorder = EventWriter(paper.write)
        task = asyncio.create_task(recorder.record([click(7)]))
        await asyncio.sleep(0)
        await recorder.close()
        await task
        return paper.groups

    assert asyncio.run(scene()) == [[7]]
