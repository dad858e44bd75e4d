"""The numbers of a report: the same on the page, in JSON, in Parquet and in a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mailrunner.model.delivery import Counts
from mailrunner.model.inbound_event import EventKind
from mailrunner.report.charts import Chart, ChartSeries, over_time
from mailrunner.report.page import percent
from mailrunner.report.rates import event_counts
from mailrunner.store import Ledger
from tests.report.test_report import process_of, report, sent, tell
from tests.support.ledger_builder import load_campaign

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_json_has_every_number_of_the_page(tmp_path: Path) -> None:
    with sent(tmp_path) as mailing:
        tell(mailing, ana=EventKind.COMPLAINED, Bo=EventKind.UNSUBSCRIBED)
        answer = json.loads(report(tmp_path, "spring", "--format", "json").stdout)
    assert answer["over_time"] == [
        {"from": "2026-11-20T08:00:00Z", "state": state, "number": number}
        for state, number in (("failed", 1), ("in_doubt", 1), ("sent", 2))
    ]
    assert answer["domains"] == [
        {"domain": "example.org", "number": 5, "sent": 2, "failed": 1, "in_doubt": 1}
    ]
    assert sum(one["number"] for one in answer["reasons"]) == 5
    assert [(one["event"], one["number"], one["percent"]) for one in answer["events"]] == [
        ("complained", 1, 50.0),
        ("unsubscribed", 1, 50.0),
    ]
    assert {one["day"] for one in answer["events_by_day"]} == {"2026-11-21"}
    (day,) = answer["quota_by_day"]
    assert (day["day"], day["campaign"], day["account"]) == ("2026-11-20", 4, 4)
    assert answer["subject"] and answer["from"] and answer["begun_at"] == "2026-11-20T08:00:00Z"


def test_a_campaign_without_its_file_has_all_but_subject_and_sender(tmp_path: Path) -> None:
    with sent(tmp_path):
        pass
    (tmp_path / "campaigns/spring.toml").unlink()
    answer = json.loads(report(tmp_path, "spring", "--format", "json").stdout)
    assert (answer["subject"], answer["from"], answer["planned_finish_at"]) == ("", "", None)
    assert answer["over_time"] and answer["domains"] and answer["quota_by_day"]


def test_parquet_has_numbers_and_times_of_their_types(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with sent(tmp_path):
        result = report(tmp_path, "spring", "--out", str(tmp_path / "r.parquet"))
    assert result.exit_code == 0, result.stderr
    table = parquet.read_table(tmp_path / "r.parquet")
    dead = table.to_pylist()[2]
    assert (dead["address"], dead["code"], dead["row"]) == ("dead@example.org", 550, 4)
    assert dead["finished_at"] == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert table.num_rows == 7


def test_parquet_is_not_written_to_stdout(tmp_path: Path) -> None:
    result = report(tmp_path, "spring", "--format", "parquet")
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_a_terminal_gets_a_short_table_and_a_pipe_the_rows(tmp_path: Path) -> None:
    with sent(tmp_path):
        told = in_terminal("report", "spring", "--project", str(tmp_path))
        piped = report(tmp_path, "spring").stdout
    assert "spring: 2 of 7 rows of the list sent" in told
    assert re.search(r"1\s+in doubt\s+14\.3 %", told)
    assert re.search(r"1\s+of 4 to example.org, 25\.0 %", told)
    assert max(map(len, told.splitlines())) <= 80
    assert piped.startswith("address,")


def in_terminal(*words: str, **environ: str) -> str:
    """What a command prints where stdout is a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        env = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", **environ}
        process = subprocess.Popen(process_of(*words), stdout=theirs, stderr=theirs, env=env)
        os.close(theirs)
        shown = b""
        try:
            while part := screen.read(65536):
                shown += part
        except OSError:  # Linux: the other end is closed
            pass
        assert process.wait() == 0, shown
    return shown.decode()


def test_the_page_has_charts_with_their_numbers_as_tables(tmp_path: Path) -> None:
    with sent(tmp_path) as mailing:
        tell(mailing, ana=EventKind.COMPLAINED)
        page = report(tmp_path, "spring", "--format", "html").stdout
    assert page.count('role="img"') == page.count("The same as a table") == 3
    sentence = "Sent over time: 2 sent, 1 failed, 1 in doubt; at most 4 in a quarter of an hour"
    assert f'aria-label="{sentence}"' in page
    assert "above them" in page  # half of the messages were complained about


def test_numbers_over_time_are_of_the_campaign_alone(ledger: Ledger) -> None:
    other, campaign = (
        load_campaign(ledger, ["cy@example.org"], "autumn"),
        load_campaign(ledger, ["ana@a.example"]),
    )
    with ledger.reports.reading(campaign.no) as reading:
        assert [one.domain for one in reading.numbers.domains()] == ["a.example"]
        assert reading.numbers.answered() == []
        assert reading.numbers.begun() is None
    assert other.no != campaign.no


def test_shares_are_of_what_was_accepted() -> None:
    numbers = {EventKind.BOUNCED: 10, EventKind.COMPLAINED: 1, EventKind.UNSUBSCRIBED: 2}
    found = {one.kind: one for one in event_counts(numbers, Counts(sent=990, failed=510))}
    assert {kind: (one.percent, one.level) for kind, one in found.items()} == {
        EventKind.BOUNCED: (1.0, "below"),
        EventKind.COMPLAINED: (0.1, "near"),
        EventKind.UNSUBSCRIBED: (0.2, ""),
    }


def test_shares_have_digits_that_tell_something() -> None:
    assert [percent(1, 2_500), percent(1, 8), percent(0, 5), percent(3, 0)] == [
        "0.04 %",
        "12.5 %",
        "0.0 %",
        "0.0 %",
    ]


def test_a_chart_has_at_most_a_hundred_bars_and_all_its_numbers() -> None:
    points = [(NOON + timedelta(hours=7 * n), 0, n) for n in range(300)]
    chart = over_time("Sent", [ChartSeries("sent", "sent")], points, zone=UTC)
    assert chart is not None
    assert len(chart.values) <= 100
    assert sum(row[0] for row in chart.values) == sum(range(300))


def test_a_limit_is_a_line_within_the_frame() -> None:
    zone = ZoneInfo("Europe/Bucharest")
    chart = Chart(title="Quota", series=[ChartSeries("used", "sent")],
                  moments=[datetime(2026, 11, 20, tzinfo=zone)],
                  values=[(50,)], bucket="day", zone=zone, limit=200)  # fmt: skip
    assert (chart.highest, chart.limit_at, chart.label(0)) == (200, 0.0, "Fri 20 Nov 2026")
    assert chart.sentence.endswith("at most 50 in a day; the limit is 200")
    assert [bar.height for bar in chart.bars] == [30.0]
