"""What accounts take over of an older ledger's shared identities; on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from mailrunner.config.identity import key_digest
from mailrunner.model.learned_fact import LearnedFact
from mailrunner.model.quota import Limit
from mailrunner.store import Ledger
from mailrunner.store.quota_usage import UsageLog, account_scope
from tests.store import test_migrations
from tests.store.test_migrations import MOMENT, connected, execute_all
from tests.support.clocks import START, ManualClock

released_ledger = test_migrations.released_ledger
LIMIT = Limit.parse("100/24h")
SHARED = "sendgrid/apikey"


def use(ledger: Ledger, identity: str, slots: int) -> None:
    account = ledger.accounts.ensure(identity)
    with ledger.database.write() as connection:
        UsageLog(connection, account_scope(account.no)).add(ledger.now(), slots)


def left(ledger: Ledger, identity: str) -> int | None:
    [room] = ledger.accounts.rooms(identity, limits=[LIMIT], reserve=0, zone=ZoneInfo("UTC"))
    return room.left


def test_two_accounts_that_were_one_each_take_over_all_that_was_used(
    ledger: Ledger, clock: ManualClock
) -> None:
    use(ledger, SHARED, 30)
    ledger.take_over_accounts([(SHARED, "sendgrid/a"), (SHARED, "sendgrid/b")])
    assert (left(ledger, "sendgrid/a"), left(ledger, "sendgrid/b")) == (70, 70)
    use(ledger, "sendgrid/a", 5)
    ledger.take_over_accounts([(SHARED, "sendgrid/a"), (SHARED, "sendgrid/b")])  # once only
    assert (left(ledger, "sendgrid/a"), left(ledger, "sendgrid/b")) == (65, 70)


def test_what_was_used_before_and_after_is_counted_at_its_time(ledger: Ledger, clock: ManualClock) -> None:
    use(ledger, "mailgun/postmaster@d", 10)
    clock.turn(timedelta(hours=20))
    use(ledger, "mailgun/news@d", 7)
    ledger.take_over_accounts([("mailgun/postmaster@d", "mailgun/d"), ("mailgun/news@d", "mailgun/d")])
    assert left(ledger, "mailgun/d") == 83
    clock.turn(timedelta(hours=5))
    assert left(ledger, "mailgun/d") == 93


def test_pauses_and_stops_go_with_it(ledger: Ledger, clock: ManualClock) -> None:
    old = ledger.accounts.ensure(SHARED)
    ledger.accounts.pause(old.no, until=clock.now() + timedelta(hours=3), reason="the limit is reached")
    ledger.accounts.stop(old.no, reason="wrong password", digest="d1")
    ledger.take_over_accounts([(SHARED, "sendgrid/a")])
    found = ledger.accounts.find("sendgrid/a")
    assert found is not None
    assert (found.pause_reason, found.stop_reason) == ("the limit is reached", "wrong password")
    assert found.refused == {"d1": "wrong password"}
    assert found.paused_until == (clock.now() + timedelta(hours=3)).astimezone(UTC)


def test_what_was_learned_goes_with_it_and_the_newer_counts(ledger: Ledger, clock: ManualClock) -> None:
    links = LearnedFact("links", False, "links are rewritten", clock.now())
    ledger.accounts.learn(
        SHARED, [links, LearnedFact("quota", True, "the provider allows 5/24h", clock.now())]
    )
    clock.turn(timedelta(days=1))
    kept = LearnedFact("links", True, "links arrive as they are", clock.now())
    ledger.accounts.learn("sendgrid/a", [kept])
    ledger.take_over_accounts([(SHARED, "sendgrid/a")])
    assert ledger.accounts.learned("sendgrid/a") == (
        replace(kept, at=clock.now().astimezone(UTC)),
        LearnedFact("quota", True, "the provider allows 5/24h", clock.now() - timedelta(days=1)),
    )
    ledger.accounts.learn("sendgrid/a", [links])  # learned last, whatever its time
    assert ledger.accounts.learned("sendgrid/a")[0] == links
    assert ledger.accounts.learned("sendgrid/never-used") == ()


def test_an_identity_that_the_ledger_does_not_know_is_nothing(ledger: Ledger) -> None:
    ledger.take_over_accounts([(SHARED, "sendgrid/a"), ("same", "same")])
    assert ledger.accounts.find("sendgrid/a") is None


def test_a_ledger_of_0_1_0_keeps_no_token_of_postmark_and_all_that_was_used(
    released_ledger: str, tmp_path: Path
) -> None:
    rows = f"""
INSERT INTO accounts (identity, pause_reason) VALUES ('postmark/canary-token', '');
INSERT INTO usage VALUES ('account:2', 'answers', 9, {MOMENT});
"""
    with connected(released_ledger) as connection:
        execute_all(connection, rows)
    clock = ManualClock(START)
    with Ledger.open(folder=tmp_path, url=released_ledger, clock=clock) as ledger:
        assert ledger.accounts.find("postmark/canary-token") is None
        found = ledger.accounts.find(f"postmark/{key_digest('canary-token')}")
        assert found is not None and found.no == 2
        kept = ledger.accounts.find("gmail/ana@gmail.com")
        assert kept is not None and kept.pause_reason == "the limit is reached"
