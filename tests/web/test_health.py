"""Health: one look for many monitors, and what the recording of clicks has met."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mailrunner.errors import LedgerError
from mailrunner.inbound import EventKind, InboundEvent, IngestResult
from mailrunner.web.event_writer import REMEMBERED, STUCK, EventWriter
from mailrunner.web.health import FRESH, Health

CLICK = InboundEvent(kind=EventKind.UNSUBSCRIBED, source="web", delivery=1)


def test_many_monitors_share_one_look_until_it_is_old() -> None:
    looks, moment = [0], [0.0]

    def look() -> None:
        looks[0] += 1
        if looks[0] > 1:
            raise LedgerError("it is gone", "look for it")

    async def ask() -> None:
        health = Health(look, lambda: "", now=lambda: moment[0])
        assert await asyncio.gather(*(health.problem() for _ in range(60))) == [""] * 60
        moment[0] = FRESH - 0.1
        assert (await health.problem(), looks[0]) == ("", 1)
        moment[0] = FRESH
        assert ("gone" in await health.problem(), looks[0]) == (True, 2)

    asyncio.run(ask())


def test_a_click_that_was_not_recorded_is_trouble_until_one_is() -> None:
    moment, broken = [0.0], [True]

    def write(events: Sequence[InboundEvent]) -> list[IngestResult]:
        if broken[0]:
            raise LedgerError("the ledger is locked", "wait", passing=True)
        return [IngestResult.RECORDED] * len(events)

    async def click(writer: EventWriter) -> None:
        await asyncio.gather(writer.record([CLICK]), return_exceptions=True)

    async def clicks() -> None:
        writer = EventWriter(write, now=lambda: moment[0])
        assert writer.trouble() == ""
        await click(writer)
        assert "locked" in writer.trouble()
        moment[0] = REMEMBERED
        assert writer.trouble() == ""
        await click(writer)
        broken[0] = False
        await click(writer)
        assert writer.trouble() == ""
        await writer.close()

    asyncio.run(clicks())


def test_a_group_that_is_not_written_for_long_is_trouble() -> None:
    moment, troubles = [0.0], list[str]()
    writer: list[EventWriter] = []

    def write(events: Sequence[InboundEvent]) -> list[IngestResult]:
        for moment[0] in (STUCK, STUCK + 1):
            troubles.append(writer[0].trouble())
        return [IngestResult.RECORDED] * len(events)

    async def click() -> None:
        writer.append(EventWriter(write, now=lambda: moment[0]))
        await writer[0].record([CLICK])
        await writer[0].close()

    asyncio.run(click())
    assert troubles[0] == "" and "busy" in troubles[1]
