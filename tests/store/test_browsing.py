"""Pages of the ledger by indexes alone; every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection

from mailrunner.model.delivery import State
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.quota import Limit
from mailrunner.store import CampaignRecord, Ledger, browsing, statistics
from mailrunner.store.quota_usage import UsageLog, account_scope
from mailrunner.store.raw_sql import run
from mailrunner.store.schema import CAMPAIGN_SHIFT
from tests.support.clocks import START, ManualClock
from tests.support.large_ledger import fill
from tests.support.ledger_builder import load_campaign

NUMBER = 20_000
FINAL = (State.SENT, State.FAILED, State.SUPPRESSED, State.SKIPPED, State.IN_DOUBT)
QUARTERS = [START - timedelta(minutes=15) * n for n in range(97)]
Look = Callable[[Ledger, CampaignRecord], object]

PAGES: dict[str, Look] = {
    "newest": lambda ledger, c: ledger.browsing.newest(c.no, FINAL, most=20),
    "newest behind": lambda ledger, c: ledger.browsing.newest(
        c.no, [State.FAILED], most=50, before=(START - timedelta(minutes=5), 2**60)
    ),
    "in order": lambda ledger, c: ledger.browsing.in_order(c.no, after=12_000, most=50),
    "beginning with": lambda ledger, c: ledger.browsing.beginning_with(c.no, "person19", most=50),
    "one": lambda ledger, c: ledger.browsing.one(c.no, 17),
    "of key": lambda ledger, c: ledger.browsing.of_key("person17@club.example"),
    "data": lambda ledger, c: ledger.browsing.data((c.no << CAMPAIGN_SHIFT) + 17),
    "number in doubt": lambda ledger, c: ledger.browsing.number(c.no, State.IN_DOUBT),
    "number lately": lambda ledger, c: ledger.browsing.number(
        c.no, State.SENT, since=START - timedelta(minutes=5)
    ),
    "oldest queued": lambda ledger, c: ledger.browsing.oldest_queued(c.no),
    "events of": lambda ledger, c: ledger.browsing.events_of(1, "person17@club.example", most=50),
    "latest events": lambda ledger, c: ledger.browsing.latest_events(most=20),
    "runs": lambda ledger, c: ledger.browsing.runs(most=20),
    "suppressed": lambda ledger, c: ledger.browsing.suppressed("person", most=50),
    "returning": lambda ledger, c: ledger.browsing.returning(
        c.account_no, Limit.parse("500/24h"), UTC, START, step=timedelta(minutes=30), steps=48
    ),
    "used": lambda ledger, c: ledger.browsing.used(c.account_no, QUARTERS),
    "tally since": lambda ledger, c: ledger.statistics.tally_since(c.no, START - timedelta(minutes=5)),
    "keys": lambda ledger, c: ledger.statistics.domains(c.no, "person19"),
    "returned": lambda ledger, c: ledger.statistics.returned(c.no),
    "newest return": lambda ledger, c: ledger.statistics.newest_return(),
}
SCANS = {
    "sqlite": re.compile(r"SCAN (deliveries|recipients|a)\b|SEARCH (deliveries|recipients|a)\b(?! USING)"),
    "postgresql": re.compile(r"Seq Scan on (deliveries|recipients)"),
}


@pytest.fixture
def campaign(ledger: Ledger) -> CampaignRecord:
    """The second of three campaigns of 20,000."""
    fill(ledger, "winter", NUMBER)
    found = fill(ledger, "spring", NUMBER)
    fill(ledger, "autumn", NUMBER)
    return found


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plans of the statements that run from here on."""
    found: list[str] = []

    def explained(connection: Connection, statement: str, values: Sequence[Any] = ()) -> Any:
        how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        rows = run(connection, f"{how} {statement}", values).fetchall()
        found.append(statement + "\n".join(str(row[-1]) for row in rows))
        return run(connection, statement, values)

    monkeypatch.setattr(browsing, "run", explained)
    monkeypatch.setattr(statistics, "run", explained)
    return found


def test_no_page_scans_deliveries_or_recipients(
    ledger: Ledger, campaign: CampaignRecord, plans: list[str]
) -> None:
    scan = SCANS["sqlite" if ledger.database.is_sqlite else "postgresql"]
    for name, look in PAGES.items():
        plans.clear()
        look(ledger, campaign)
        assert plans, name
        assert [plan for plan in plans if scan.search(plan)] == [], name


def test_a_scan_would_be_seen(ledger: Ledger, campaign: CampaignRecord, plans: list[str]) -> None:
    with ledger.database.read() as connection:
        vars(browsing)["run"](connection, "SELECT max(finished_at) FROM deliveries")
    (plan,) = plans
    assert SCANS["sqlite" if ledger.database.is_sqlite else "postgresql"].search(plan)


def test_the_pages_of_one_state_are_walked_from_the_newest_to_the_oldest(
    ledger: Ledger, campaign: CampaignRecord
) -> None:
    seen, before = [], None
    while page := ledger.browsing.newest(campaign.no, [State.FAILED], most=150, before=before):
        seen += page
        before = (page[-1].moment, page[-1].id)
    assert len(seen) == len({one.id for one in seen}) == 400
    assert [one.moment for one in seen] == sorted((one.moment for one in seen), reverse=True)
    assert {one.state for one in seen} == {State.FAILED}
    assert seen[0].address == seen[0].key and seen[0].answer.startswith(("550", "452"))


def test_several_states_are_one_list(ledger: Ledger, campaign: CampaignRecord) -> None:
    found = ledger.browsing.newest(campaign.no, FINAL, most=100)
    assert {one.state for one in found} == {State.SENT, State.FAILED, State.SUPPRESSED, State.IN_DOUBT}
    assert found[0].moment == max(one.moment for one in found)


def test_the_list_is_walked_in_its_order_and_stays_in_its_campaign(
    ledger: Ledger, campaign: CampaignRecord
) -> None:
    found = ledger.browsing.in_order(campaign.no, after=NUMBER - 10, most=50)
    assert [one.place for one in found] == list(range(NUMBER - 9, NUMBER + 1))
    assert {one.campaign_no for one in found} == {campaign.no}


@pytest.mark.parametrize(
    ("place", "row"), [(17, 18), (0, None), (-1, None), (NUMBER + 1, None), (2**50, None)]
)
def test_a_recipient_is_found_by_place(
    ledger: Ledger, campaign: CampaignRecord, place: int, row: int | None
) -> None:
    found = ledger.browsing.one(campaign.no, place)
    assert (found.row if found else None) == row


def test_recipients_are_found_by_the_beginning_of_their_address(
    ledger: Ledger, campaign: CampaignRecord
) -> None:
    found = ledger.browsing.beginning_with(campaign.no, "person1999", most=50)
    assert sorted(one.key or "" for one in found) == sorted(
        f"person{n}@{'yahoo' if n % 5 == 0 else 'club'}.example" for n in (1999, *range(19990, 20000))
    )
    assert ledger.browsing.beginning_with(campaign.no, "person1_", most=50) == []
    assert ledger.browsing.beginning_with(campaign.no, "%", most=50) == []


def test_a_recipient_is_found_in_all_campaigns(ledger: Ledger, campaign: CampaignRecord) -> None:
    found = ledger.browsing.of_key("person17@club.example")
    assert [one.campaign_no for one in found] == [campaign.no + 1, campaign.no, campaign.no - 1]


def test_the_tally_of_a_campaign_is_its_counts(ledger: Ledger, campaign: CampaignRecord) -> None:
    counts = ledger.deliveries.counts(campaign.no)
    total, tally = ledger.statistics.tally(campaign.no, START + timedelta(seconds=1))
    assert sum(row.number for row in tally if row.state is State.SENT) == counts.sent == NUMBER * 960 // 1000
    assert total == counts.total == NUMBER
    assert len({row.quarter for row in tally if row.state is State.SENT}) == 3  # 20,000 in 1,000 seconds


def test_what_is_new_is_counted_since_a_moment(ledger: Ledger, campaign: CampaignRecord) -> None:
    since = START - timedelta(minutes=5)
    found = ledger.statistics.tally_since(campaign.no, since)
    lately = {state: sum(row.number for row in found if row.state is state) for state in State}
    assert lately[State.SENT] == ledger.browsing.number(campaign.no, State.SENT, since=since)
    assert sum(lately.values()) == sum(
        ledger.browsing.number(campaign.no, state, since=since) for state in statistics.DONE
    )
    before = ledger.statistics.tally(campaign.no, since).done
    whole = ledger.statistics.tally(campaign.no, START + timedelta(seconds=1)).done
    assert sum(row.number for row in before) + sum(lately.values()) == sum(row.number for row in whole)
    assert 0 < lately[State.FAILED] < lately[State.SENT] < NUMBER // 2


def test_domains_are_counted_a_part_at_a_time(
    ledger: Ledger, campaign: CampaignRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "KEYS_AT_ONCE", 3_000)
    found, last = ledger.statistics.domains(campaign.no, "")
    parts = 1
    while last:
        more, last = ledger.statistics.domains(campaign.no, last)
        found += more
        parts += 1
    assert (found, parts) == ({"club.example": 16_000, "yahoo.example": 4_000}, 7)
    assert ledger.statistics.failed_domains(campaign.no, most=5) == [
        ("club.example", 320),
        ("yahoo.example", 80),
    ]


def test_reasons_leave_the_servers_words_out(ledger: Ledger, campaign: CampaignRecord) -> None:
    found = {
        (cause.state, cause.reason): cause.number for cause in ledger.statistics.reasons(campaign.no, most=9)
    }
    assert sum(found.values()) == 600
    assert not any("no such user 9" in reason for _, reason in found)


def test_inbound_events_are_counted_by_day_and_found_by_recipient(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["ana@example.org", "bo@example.org"])
    first = (campaign.no << CAMPAIGN_SHIFT) + 1
    for delivery in (first, first + 1):
        event = InboundEvent(
            kind=EventKind.COMPLAINED, source="ses", delivery=delivery, happened_at=START, detail="spam"
        )
        ledger.inbound_events.ingest([event])
    assert [(row.kind, row.number) for row in ledger.statistics.returned(campaign.no)] == [
        (EventKind.COMPLAINED, 2)
    ]
    (found,) = ledger.browsing.events_of(first, "ana@example.org", most=9)
    assert (found.kind, found.key, found.source) == (EventKind.COMPLAINED, "ana@example.org", "ses")
    assert [one.no for one in ledger.browsing.latest_events(most=9)] == [2, 1]
    assert ledger.statistics.newest_return() == 2


def test_used_slots_are_told_at_each_moment(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, [])
    with ledger.database.write() as connection:
        log = UsageLog(connection, account_scope(campaign.account_no))
        log.add(START - timedelta(hours=2), 5)
        log.add(START - timedelta(hours=1), 7)
    moments = [START - timedelta(hours=hours) for hours in (3, 2, 1, 0)]
    assert ledger.browsing.used(campaign.account_no, moments) == [0, 5, 12, 12]


@pytest.mark.parametrize("written", ["500/24h", "500/1h", "500/48h", "500/day", "500/month"])
def test_slots_come_back_when_the_limit_says(ledger: Ledger, clock: ManualClock, written: str) -> None:
    """Each step's number is what the room of the limit gains when the clock is turned by the step."""
    zone, limit, step = ZoneInfo("Europe/Bucharest"), Limit.parse(written), timedelta(hours=1)
    account = load_campaign(ledger, ["ana@example.org"], identity="smtp/x").account_no
    with ledger.database.write() as connection:
        log = UsageLog(connection, account_scope(account))
        for hour in range(39, -1, -3):
            log.add(START - timedelta(hours=hour, minutes=20), hour + 1)

    def used() -> int:
        (room,) = ledger.accounts.rooms("smtp/x", limits=[limit], reserve=0, zone=zone)
        return room.used

    told = ledger.browsing.returning(account, limit, zone, START, step=step, steps=26)
    seen, before = [], used()
    for _ in range(26):
        clock.turn(step)
        seen.append(before - used())
        before = used()
    assert told == seen
    assert any(told) is (written != "500/month")


def test_slots_of_a_clock_that_was_ahead_come_back_in_the_end(ledger: Ledger) -> None:
    account = load_campaign(ledger, ["ana@example.org"]).account_no
    with ledger.database.write() as connection:
        log = UsageLog(connection, account_scope(account))
        log.add(START + timedelta(minutes=10), 7)
        log.add(START, 2)  # and this one set back: they have no time that can be trusted
    step = timedelta(hours=1)
    told = ledger.browsing.returning(account, Limit.parse("500/24h"), UTC, START, step=step, steps=24)
    assert told == [0] * 23 + [9]


def test_a_window_below_an_hour_gives_nothing_to_draw(ledger: Ledger) -> None:
    told = ledger.browsing.returning(1, Limit.parse("14/second"), UTC, START, step=timedelta(1), steps=3)
    assert told == [0, 0, 0]


def test_suppressed_names_are_found_by_their_beginning(ledger: Ledger) -> None:
    from mailrunner.model.suppression import SuppressionReason

    keys = ["ana@example.org", "anabel@example.org", "bo@example.org"]
    ledger.suppressions.add(keys, reason=SuppressionReason.MANUAL, source="test")
    assert [entry.key for entry in ledger.browsing.suppressed("ana", most=9)] == keys[:2]
    assert [entry.key for entry in ledger.browsing.suppressed("ana", most=1)] == keys[:1]
