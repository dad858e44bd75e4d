"""The JSON of a command that failed tells what it did, and its times are instants in UTC."""

from __future__ import annotations

import ast
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mailrunner.clock import rfc3339, utc_day, utc_minute
from tests.support.campaigns import CampaignInProcess, people
from tests.support.commands import answered
from tests.support.patience import PATIENCE
from tests.support.smtp_server import Rule, SmtpServer

if TYPE_CHECKING:
    from tests.support.smtp_dialogue import Dialogue

SOURCE = Path(__file__).parents[2] / "mailrunner"
NEW_YORK = timezone(-timedelta(hours=5))


@pytest.mark.parametrize("words", [("run", "spring"), ("resume",)])
def test_a_run_that_ends_with_74_tells_how_many_it_sent(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The ledger's table goes away while the fourth message of this command is on the wire."""

    def harm(_: Dialogue) -> None:
        with closing(sqlite3.connect(tmp_path / "data/mailrunner.db", timeout=PATIENCE)) as connection:
            connection.execute("ALTER TABLE deliveries RENAME TO gone")

    with SmtpServer(rules=[Rule("eod", harm, nth=5)]) as server:
        CampaignInProcess(tmp_path, server).write(csv=people(20))
        assert answered(tmp_path, "run", "spring", "--limit", "1")[0] == 75
        code, answer = answered(tmp_path, *words)
    assert code == 74
    campaign = answer if words[0] == "run" else answer["campaigns"][0]
    sent = campaign["sent_now"]  # the answer of the message before may wait for its commit, too
    assert (campaign["campaign"], campaign["state"], campaign["total"]) == ("spring", "waiting", 20)
    assert 2 <= sent <= 3 and campaign["counts"]["sent"] == 1 + sent
    assert answer["problems"][0]["message"]


@pytest.mark.usefixtures("impatient_visits")
def test_a_file_that_cannot_be_written_has_its_json_answer_too(tmp_path: Path) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(2))
        (tmp_path / "data/mailrunner.db").mkdir()
        code, answer = answered(tmp_path, "run", "spring")
    assert (code, answer["campaign"], answer["sent_now"]) == (74, "spring", 0)
    assert answer["problems"][0]["message"] == answer["reason"] != ""


def test_times_of_another_zone_are_the_same_instants_in_json_and_log(tmp_path: Path) -> None:
    """`start` is written with an offset; what is shown is that instant in UTC."""
    start = datetime.now(NEW_YORK).replace(hour=23, minute=30, second=0, microsecond=0) + timedelta(days=2)
    with SmtpServer() as server:
        send = f"start = {start.isoformat()}"
        CampaignInProcess(tmp_path, server).write(csv=people(2), send=send)
        code, answer = answered(tmp_path, "run", "spring", "--log-json", str(tmp_path / "log"))
    assert code == 75
    assert datetime.fromisoformat(answer["resume_at"]) == start
    assert answer["resume_at"].endswith("T04:30:00Z")
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    ended = next(event for event in events if event["event"] == "run_ended")
    assert ended["resume_at"] == answer["resume_at"]


@pytest.mark.parametrize(
    ("write", "text"),
    [(rfc3339, "2026-11-02T04:30:00Z"), (utc_minute, "2026-11-02 04:30 UTC"), (utc_day, "2026-11-02")],
)
def test_an_instant_is_written_in_utc_and_a_time_without_a_zone_is_refused(write, text) -> None:  # type: ignore[no-untyped-def]
    assert write(datetime(2026, 11, 1, 23, 30, tzinfo=NEW_YORK)) == text
    assert write(datetime(2026, 11, 2, 4, 30, tzinfo=UTC)) == text
    with pytest.raises(ValueError, match="has no zone"):
        write(datetime(2026, 11, 1, 23, 30))  # noqa: DTZ001


# Days of a calendar and the reader's own time, which are no instants in UTC; names of files; cells of lists;
# the forms that providers ask for.
OWN_FORMS = {
    "cli/campaign_run.py",
    "cli/inspection.py",
    "cli/output.py",
    "clock.py",
    "recipients/cell.py",
    "report/charts.py",
    "report/page.py",
    "store/send_journal.py",
    "store/which_ledger.py",
    "transports/apis/mandrill.py",
    "transports/apis/ses.py",
    "transports/apis/smtp2go.py",
    "transports/apis/sparkpost.py",
    "web/dashboard/campaign_statistics.py",
    "web/dashboard/templating.py",
}


def test_no_other_module_writes_an_instant_in_a_form_of_its_own() -> None:
    found = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            is_call = isinstance(node, ast.Attribute) and node.attr in ("strftime", "isoformat")
            is_form = isinstance(node, ast.FormattedValue) and "%" in ast.unparse(node.format_spec or node)
            if is_call or (is_form and "%Y" in ast.unparse(node)):
                found.add(file.relative_to(SOURCE).as_posix())
    assert found <= OWN_FORMS


@pytest.mark.parametrize(
    ("words", "array"),
    [
        (("inbox", "--review"), "requests"),
        (("suppress", "list"), "entries"),
        (("suppress", "list", "--imports"), "imports"),
    ],
)
def test_a_failure_has_the_array_that_the_options_ask_for(
    tmp_path: Path, words: tuple[str, ...], array: str
) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(2))
        (tmp_path / "data/mailrunner.db").mkdir()
        code, answer = answered(tmp_path, *words)
    assert (code, answer[array]) == (74, [])
    assert set(answer) == {array, "reason", "problems"}
