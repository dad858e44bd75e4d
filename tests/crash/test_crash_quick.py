"""The short form of the crash tests: every moment, every fault, both databases, once each."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.books import Tally, judge
from tests.crash.databases import FAST, IMMEDIATE, PostgresqlServer, empty_database, postgresql_server
from tests.crash.faults import FAULTS
from tests.crash.http_faults import HTTP_FAULTS, HTTP_MOMENTS
from tests.crash.lives import COMMAND, CONTAINED, Command, can_contain, kill
from tests.crash.moments import ANY_TIME, MOMENTS, Moment
from tests.crash.table import table
from tests.crash.trial import SMTP, Plan, attempt
from tests.support.campaigns import CampaignInProcess, people
from tests.support.http_apis import READ
from tests.support.patience import PATIENCE
from tests.support.smtp_server import Rule, SmtpServer, delay

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a signal of Unix")
contained = pytest.mark.skipif(not can_contain(), reason="this user may not make process namespaces")


def assert_kept(tally: Tally, *, killed: bool = True) -> None:
    """No recipient got two copies, none is lost, no state is untrue, and a kill really happened."""
    assert tally.wrong == ()
    assert (tally.duplicates, tally.lost) == (0, 0)
    assert bool(tally.kills) is killed


@pytest.mark.parametrize("moment", MOMENTS[:-1], ids=str)
def test_a_kill_at_any_step_loses_no_message_and_sends_none_twice(moment: Moment, tmp_path: Path) -> None:
    number = MOMENTS.index(moment)
    plan = Plan(
        moment=moment,
        seed=number,
        messages=20,
        kills=2,
        connections=(1, 2, 5)[number % 3],
        batch=(1, 3, 10)[number % 3],
    )
    assert_kept(attempt(plan, tmp_path))


@pytest.mark.parametrize("fault", FAULTS[1:])
def test_a_kill_while_the_server_misbehaves_as_well_keeps_every_promise(fault: str, tmp_path: Path) -> None:
    moment = Moment("step", "claimed")
    plan = Plan(moment=moment, seed=4, fault=fault, messages=20, batch=2, kills=2, connections=2)
    assert_kept(attempt(plan, tmp_path))


def test_a_delivery_in_doubt_is_sent_again_where_the_campaign_says_so(tmp_path: Path) -> None:
    moment = Moment("wire", "eod", taken=True)
    tally = attempt(Plan(moment=moment, seed=3, messages=20, kills=2, resend=True), tmp_path)
    assert tally.wrong == ()
    assert (tally.kills, tally.lost, tally.in_doubt) == (2, 0, 0)
    assert tally.duplicates >= 2  # the one that the server took at the kill, and the one behind


@pytest.mark.parametrize("moment", HTTP_MOMENTS[3:-1], ids=str)
def test_a_kill_over_http_keeps_every_promise(moment: Moment, tmp_path: Path) -> None:
    number = HTTP_MOMENTS.index(moment)
    plan = Plan(
        moment=moment,
        seed=number,
        fault=HTTP_FAULTS[number % len(HTTP_FAULTS)],
        messages=20,
        kills=2,
        connections=(1, 2, 5)[number % 3],
        batch=3,
        preset=list(READ)[number % len(READ)],
    )
    assert_kept(attempt(plan, tmp_path))


@pytest.mark.parametrize("moment", [Moment("step", "sending"), Moment("wire", "eod", taken=True)], ids=str)
def test_a_kill_keeps_every_promise_on_postgresql(
    moment: Moment, tmp_path: Path, postgresql_database: str
) -> None:
    plan = Plan(moment=moment, seed=7, database=postgresql_database, connections=5, messages=20, kills=2)
    assert_kept(attempt(plan, tmp_path))


def test_a_kill_of_the_real_command_keeps_every_promise(tmp_path: Path) -> None:
    moment = Moment("wire", "eod", taken=True)
    assert_kept(attempt(Plan(moment=moment, seed=2, command=COMMAND, connections=2, kills=2), tmp_path))


def test_a_kill_at_any_time_keeps_every_promise(tmp_path: Path) -> None:
    # Without delay the first kill comes while the process begins, so that there surely is one.
    plan = Plan(moment=Moment("time", ANY_TIME), seed=3, fault="slow", kills=3, longest=0.05)
    assert_kept(attempt(plan, tmp_path))


def test_an_smtp_server_that_dies_and_comes_back_costs_no_copy_and_sends_none_twice(tmp_path: Path) -> None:
    moment = Moment("step", "sending")
    tally = attempt(Plan(moment=moment, seed=1, connections=2, kills=2, restarted=SMTP), tmp_path)
    assert_kept(tally)
    assert tally.restarts


@pytest.fixture(scope="module")
def own_postgresql() -> Iterator[PostgresqlServer]:
    """A server that no other test uses, as it is restarted."""
    with postgresql_server() as server:
        yield server


@pytest.mark.parametrize("mode", [FAST, IMMEDIATE])
def test_a_database_server_that_is_restarted_leaves_no_doubt_that_a_kill_does_not(
    mode: str, tmp_path: Path, own_postgresql: PostgresqlServer
) -> None:
    with empty_database(own_postgresql.url) as database:
        plan = Plan(
            moment=Moment("wire", "eod"), seed=2, connections=2, kills=1, database=database, restarted=mode
        )
        tally = attempt(plan, tmp_path, postgresql=own_postgresql)
    assert_kept(tally)
    assert tally.restarts


@contained
def test_a_dead_container_is_taken_over_at_once_though_process_numbers_say_nothing(tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()
    with SmtpServer(rules=[Rule("eod", nth=5, do=delay(go_on, reached))]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(25))
        dead = Command(CONTAINED, tmp_path)
        assert reached.wait(PATIENCE)
        kill(dead.pid)
        assert dead.ended(PATIENCE) == 137
        go_on.set()
        # 1: all done, one in doubt.  Were the claims not taken over, it would be 75.
        assert Command(CONTAINED, tmp_path).ended(PATIENCE) == 1
    assert set(mailing.copies().values()) == {1}
    # The sixth may have been on its way too, with no more than its envelope.
    assert len(mailing.copies()) >= 24


@contained
def test_a_living_container_keeps_its_claims_though_its_process_number_is_the_same(tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()
    with SmtpServer(rules=[Rule("eod", nth=5, do=delay(go_on, reached))]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(25))
        living = Command(CONTAINED, tmp_path)
        assert reached.wait(PATIENCE)
        assert Command(CONTAINED, tmp_path).ended(PATIENCE) == 75  # the other still works on its claims
        before = mailing.copies()
        go_on.set()
        assert living.ended(PATIENCE) == 0
    assert before.total() == 25 - 6  # five of the first batch of ten were under way or gone
    assert mailing.copies() == Counter({f"person{n}@example.org": 1 for n in range(25)})


@pytest.mark.parametrize(
    ("state", "copies", "duplicates", "lost", "wrong"),
    [
        ("sent", 1, 0, 0, 0),
        ("sent", 0, 0, 1, 1),
        ("sent", 2, 1, 0, 1),
        ("in_doubt", 0, 0, 0, 0),
        ("in_doubt", 1, 0, 0, 0),
        ("in_doubt", 3, 2, 0, 1),
        ("failed", 0, 0, 0, 0),
        ("failed", 1, 0, 0, 1),
        ("queued", 0, 0, 1, 1),
        ("sending", 1, 0, 0, 1),
    ],
)
def test_a_state_that_the_servers_record_denies_is_found(
    state: str, copies: int, duplicates: int, lost: int, wrong: int
) -> None:
    tally = judge(
        expected=["a@example.org"],
        states={"a@example.org": state},
        copies=Counter({"a@example.org": copies}),
        doubtful=Counter({"a@example.org": 1}),
        kills=1,
    )
    assert (tally.duplicates, tally.lost, len(tally.wrong)) == (duplicates, lost, wrong)


def test_a_doubt_without_a_cut_or_a_kill_and_a_recipient_out_of_the_ledger_are_found() -> None:
    tally = judge(
        expected=["a@example.org", "b@example.org"],
        states={"a@example.org": "in_doubt"},
        copies=Counter(),
        doubtful=Counter(),
        kills=0,
    )
    assert len(tally.wrong) == 2
    assert tally.lost == 1


def test_more_doubts_than_a_restart_can_have_cut_off_are_found() -> None:
    states = dict.fromkeys(("a@example.org", "b@example.org"), "in_doubt")

    def wrong(cut_off: int) -> int:
        none: Counter[str] = Counter()
        tally = judge(expected=states, states=states, copies=none, doubtful=none, kills=0, cut_off=cut_off)
        return len(tally.wrong)

    assert (wrong(cut_off=2), wrong(cut_off=1)) == (0, 2)


def test_the_table_adds_up() -> None:
    rows = {"first": Tally(campaigns=1, kills=3), "second": Tally(campaigns=2, kills=4)}
    assert table(rows).splitlines()[-1] == "| **all** | 3 | 0 | 7 | 0 | 0 | 0 | 0 | 0 | 0 |"
