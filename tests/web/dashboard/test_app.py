"""The pages and actions of the dashboard, as a browser without script uses them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import event

from mailrunner.model.delivery import Counts, State
from mailrunner.model.suppression import SuppressionReason
from mailrunner.store import CampaignRecord, Phase, PlainSnapshotRow
from tests.support.clocks import START
from tests.support.dashboards import SAME, Board, ServedDashboard
from tests.support.ledger_builder import IN_DOUBT, claim, claim_terms, load_campaign, send
from tests.web.dashboard.conftest import ANA

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202eevil\u202c",
    "x" * 10_000,
    "nul\x00\x1b[31m",
)


def spring(board: Board) -> CampaignRecord:
    record = board.ledger.campaigns.find("spring")
    assert record is not None
    return record


def make_doubt(board: Board) -> None:
    """Ana's message is in doubt."""
    terms = claim_terms(spring(board))
    send(board.ledger, terms, claim(board.ledger, terms, token=1, most=1)[0], IN_DOUBT)


def counts(board: Board) -> Counts:
    return board.ledger.deliveries.counts(spring(board).no)


# -- Pages


def test_what_needs_a_user_stands_first(board: Board, served: ServedDashboard) -> None:
    make_doubt(board)
    page = served.get("/").text
    assert "spring: 1 message is in doubt" in page
    assert page.index('id="needs"') < page.index('id="campaigns"') < page.index('id="accounts"')
    board.ledger.accounts.pause(
        spring(board).account_no, until=START + timedelta(hours=8), reason="550 5.4.5 daily limit"
    )
    assert "account relay is paused: 550 5.4.5 daily limit" in served.get("/").text


def test_where_nothing_needs_a_user_the_page_says_so(board: Board, served: ServedDashboard) -> None:
    board.ledger.campaigns.cancel(spring(board).no)
    assert "Nothing needs you" in served.get("/").text


def test_the_numbers_of_a_campaign_are_those_of_the_ledger(board: Board, served: ServedDashboard) -> None:
    make_doubt(board)
    page = served.get("/c/spring").text
    assert re.search(r"0 of 2 sent, 0 failed, 1 in doubt, 0 suppressed or skipped, 1 to go", page)
    terms = claim_terms(spring(board))
    send(board.ledger, terms, claim(board.ledger, terms, token=2, most=1)[0])
    again = served.get("/c/spring").text
    assert re.search(r"1 of 2 sent, 0 failed, 1 in doubt, 0 suppressed or skipped, 0 to go", again)


def test_a_recipient_is_found_and_shown_with_everything_known(board: Board, served: ServedDashboard) -> None:
    make_doubt(board)
    found = served.get("/c/spring/recipients?q=ANA@Example.org").text
    assert "/c/spring/recipients/1" in found and "bo@example.org" not in found
    page = served.get("/c/spring/recipients/1").text
    assert ANA in page and "in doubt" in page and "Not suppressed." in page


def test_the_message_is_rendered_again_in_its_frame(lively_board: Board) -> None:
    with ServedDashboard(lively_board) as served:
        page = served.get("/c/spring-newsletter/recipients/17")
        frame = served.get("/c/spring-newsletter/recipients/17/frame")
        assert "Person 17, spring is here" in page.text and 'sandbox="allow-popups' in page.text
        assert "Spring is here, Person 17" in frame.text and '<base target="_blank">' in frame.text
        policy = frame.headers["content-security-policy"]
        assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
        assert "default-src 'none'; img-src data:" in policy and "allow-same-origin" not in policy


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/c/none", 404),
        ("/c/spring/recipients/3", 404),
        ("/c/spring/recipients/1", 200),
        ("/c/spring/recipients/1/frame", 404),  # its row has no cell that the template asks for
        ("/c/spring/recipients/99999999999999999999999", 404),
        ("/c/spring/recipients?state=nonsense&after=nonsense", 200),
        ("/c/spring/recipients?state=sent&after=99999999999999999999.1", 200),
        ("/c/spring/recipients?after=-5", 200),
        ("/c/spring/recipients?q=%00%ff", 200),
        ("/c/spring/confirm?do=nonsense", 404),
        ("/accounts/none", 404),
        ("/c/spring?done=nonsense&n=x", 200),
        ("/stream?see=nonsense", 404),
    ],
)
def test_an_odd_address_gets_a_page(served: ServedDashboard, path: str, status: int) -> None:
    assert served.get(path).status == status


def test_hostile_names_addresses_and_answers_are_text(board: Board) -> None:
    ledger = board.ledger
    rows = [
        PlainSnapshotRow(place, f"p{place}@example.org", "", f"p{place}@example.org", (f"p{place}", name))
        for place, name in enumerate(HOSTILE, 2)
    ]
    record = load_campaign(ledger, [], "hostile", more=rows, identity="127.0.0.1:2525")
    with ledger.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE deliveries SET state = 'failed', finished_at = 1, reply = ?, reason = ? "
            "WHERE campaign_no = ?",
            (HOSTILE[0] + HOSTILE[4], HOSTILE[1], record.no),
        )
        connection.exec_driver_sql(
            "UPDATE campaigns SET columns = '[\"email\", \"<b>name\"]', reason = ?, phase = 'stopped' "
            "WHERE no = ?",
            (HOSTILE[0], record.no),
        )
    with ServedDashboard(board) as served:
        paths = ["/", "/c/hostile", "/c/hostile/recipients?state=failed", "/log"]
        paths += [f"/c/hostile/recipients/{place}" for place in range(1, 6)]
        for path in [*paths, f"/suppressions?q={'%3Cscript%3E'}", "/c/hostile/recipients?q=%3Cscript%3E"]:
            page = served.get(path).text
            assert "<script>alert" not in page and "<img src=x" not in page and "<b>name" not in page, path
            assert not re.search(r"[\x00\x1b]", page), path
            assert len(page) < 60_000


def test_a_session_is_named_in_the_log_and_the_search_of_suppressions_too(served: ServedDashboard) -> None:
    served.get("/suppressions?q=an")
    assert served.desk.actions(9) == []
    served.get("/suppressions?q=ana")
    (action,) = served.desk.actions(9)
    assert (action.user, action.action, action.about) == (
        f"session {served.session[:4]}",
        "searched the suppression list",
        "ana",
    )
    assert "searched the suppression list" in served.get("/log").text


def test_suppressions_are_found_with_their_history(board: Board, served: ServedDashboard) -> None:
    board.ledger.suppressions.add([ANA], reason=SuppressionReason.MANUAL, source="she wrote")
    assert "three characters" in served.get("/suppressions?q=an").text
    assert ANA in served.get("/suppressions?q=ana").text
    page = served.get(f"/suppressions?name={ANA}").text
    assert "Suppressed now" in page and "she wrote" in page


def test_metrics_are_prometheus_text_without_addresses(board: Board, served: ServedDashboard) -> None:
    make_doubt(board)
    served.get("/c/spring")  # asks for the statistics
    answer = served.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'mailrunner_deliveries{campaign="spring",state="in_doubt"} 1.0' in answer.text
    assert 'mailrunner_quota_left{account="relay",limit="10000/24h"}' in answer.text
    assert "mailrunner_ledger_latency_seconds" in answer.text and "@" not in answer.text


# -- Actions


def test_pause_and_unpause(board: Board, served: ServedDashboard) -> None:
    answer = served.post("/c/spring/pause")
    assert (answer.status, spring(board).phase) == (303, Phase.PAUSED)
    assert answer.headers["location"] == "../../c/spring?done=paused&n=0"
    assert "Paused. A run that is sending stops" in served.get("/c/spring?done=paused&n=0").text
    assert served.post("/c/spring/unpause").status == 303
    assert spring(board).phase is Phase.BEGUN
    refused = served.post("/c/spring/unpause")
    assert refused.status == 409 and "spring is not paused" in refused.text
    assert [one.action for one in served.desk.actions(9)] == ["unpaused", "paused"]


def test_cancel_asks_and_carries_the_number(board: Board, served: ServedDashboard) -> None:
    page = served.get("/c/spring/confirm?do=cancel").text
    assert "2 recipients will not get it" in page and 'name="seen" value="2"' in page
    asked = served.post("/c/spring/cancel", seen=1)  # more are concerned than were seen
    assert asked.status == 409 and "has changed" in asked.text and spring(board).phase is Phase.BEGUN
    assert served.post("/c/spring/cancel").status == 409
    assert served.post("/c/spring/cancel", seen=3).status == 303  # one was sent meanwhile
    assert (spring(board).phase, counts(board)) == (Phase.CANCELLED, Counts(skipped=2))


@pytest.mark.parametrize(("how", "after"), [("sent", Counts(sent=1, queued=1)), ("resend", Counts(queued=2))])
def test_a_doubt_is_resolved(board: Board, served: ServedDashboard, how: str, after: Counts) -> None:
    make_doubt(board)
    page = served.get(f"/c/spring/confirm?do=resolve&as={how}&place=1").text
    assert 'name="seen" value="1"' in page and "cannot be undone" in page
    assert served.post("/c/spring/resolve", SAME, seen=2, **{"as": how}).status == 409
    assert counts(board).in_doubt == 1
    answer = served.post("/c/spring/resolve", SAME, seen=1, place=1, **{"as": how})
    assert answer.headers["location"].startswith("../../c/spring/recipients/1?done=re")
    assert counts(board) == after


def test_failed_messages_are_queued_again_but_not_to_those_who_are_suppressed(
    board: Board, served: ServedDashboard
) -> None:
    with board.ledger.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE deliveries SET state = 'failed', finished_at = 1, reason = 'refused'"
        )
    board.ledger.suppressions.add([ANA], reason=SuppressionReason.UNSUBSCRIBE, source="web")
    assert "2 failed messages" in served.get("/c/spring/confirm?do=requeue&state=failed").text
    assert served.post("/c/spring/requeue", state="failed", seen=2).headers["location"].endswith("n=1")
    assert counts(board) == Counts(failed=1, queued=1)
    assert served.post("/c/spring/requeue", state="sent", seen=0).status == 409


def test_a_recipient_is_suppressed_from_their_own_page(board: Board, served: ServedDashboard) -> None:
    assert "Suppress ana@example.org?" in served.get("/c/spring/confirm?do=suppress&place=1").text
    assert served.post("/c/spring/suppress", place=1, seen=1).status == 303
    (entry,) = board.ledger.suppressions.entries(ANA)
    assert (entry.reason, entry.source, entry.list_key) == (SuppressionReason.MANUAL, "dashboard", "")
    assert "Suppress…" not in served.get("/c/spring/recipients/1").text


def test_an_action_that_is_none_does_nothing(board: Board, served: ServedDashboard) -> None:
    assert served.post("/c/spring/delete", seen=2).status == 404
    assert served.post("/c/none/pause").status == 409
    assert served.post("/c/spring/pause", body="x" * 10_000).status == 413
    assert counts(board) == Counts(queued=2)
    assert board.ledger.browsing.number(spring(board).no, State.QUEUED) == 2


def test_a_page_that_refuses_has_its_style_and_a_heading_that_says_so(board: Board) -> None:
    with ServedDashboard(board) as served:
        away = {"X-Forwarded-For": "192.0.2.1"}
        assert "Not allowed</h1>" in served.get("/", away).text
        assert served.get("/static/dashboard.css", away).status == 200
        missing = served.get("/c/none")
        assert (missing.status, "Not found" in missing.text) == (404, True)


def test_cancelling_counts_what_is_open_and_reads_nothing_that_ended(board: Board) -> None:
    asked: list[str] = []
    with ServedDashboard(board) as served:
        engine = board.ledger.database.engine
        event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        page = served.get("/c/spring/confirm?do=cancel")
    assert (page.status, "recipients will not get it" in page.text) == (200, True)
    assert asked and not [statement for statement in asked if "GROUP BY" in statement]
