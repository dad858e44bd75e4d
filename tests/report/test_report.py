"""Reports of real runs: real files, a real ledger, a real SMTP server that refuses and hangs up."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from typer.testing import CliRunner, Result

from mailrunner.cli import commands
from mailrunner.errors import UserError
from mailrunner.model.delivery import Counts, State
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.outcome import Outcome, OutcomeKind, Reply, Scope, Stage
from mailrunner.model.outcome_policy import Decision
from mailrunner.model.suppression import SuppressionReason
from mailrunner.recipients.csv_injection import defused, restored
from mailrunner.recipients.formats import open_source
from mailrunner.recipients.reader import RecipientList
from mailrunner.report.output_file import bytes_to, text_to
from mailrunner.store import Ledger, Phase, PlainSnapshotRow
from tests.support.campaigns import CampaignInProcess, people
from tests.support.ledger_builder import begin_sending, claim, claim_terms, load_campaign, record
from tests.support.recipient_tables import Spec
from tests.support.smtp_server import Rule, SmtpServer, accept_then_cut, reply

FIRST_COLUMNS = [
    *("address", "normalised", "state", "reason", "code", "enhanced_code", "reply", "provider_id"),
    *("message_id", "attempts", "last_attempt_at", "finished_at"),
]
FORMULA = '=HYPERLINK("http://evil.example")'
LIST = """\
email,name,member_no
ana@example.org,Ana,00123
 Bo@Example.org ,"Bo, the second",00124
dead@example.org,<b>Dee</b>,"00125 or
00225"
doubt@example.org,Éva,00126
nobody,Gus,00127
bo@example.org,Bo again,00128
gone@example.org,Hal,00129
"""


@contextmanager
def sent(folder: Path) -> Iterator[CampaignInProcess]:
    """A campaign that ran: one of each state."""
    rules = [
        Rule("rcpt", recipient="dead", do=reply(550, f"5.1.1 {FORMULA}")),
        Rule("eod", recipient="doubt", do=accept_then_cut()),
    ]
    with SmtpServer(rules=rules) as server:
        mailing = CampaignInProcess(folder, server).write(csv=LIST)
        with mailing.ledger() as ledger:
            ledger.suppressions.add(["gone@example.org"], reason=SuppressionReason.MANUAL, source="a test")
        mailing.run()
        yield mailing


def report(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(commands(), ["report", *words, "--project", str(folder)])


def process_of(*words: str) -> list[str]:
    """The command line of a process of its own."""
    return [sys.executable, "-m", "mailrunner", *words]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["address"].partition("@")[0]: row for row in rows}


# --- CSV -------------------------------------------------------------------------------------------


def test_every_row_of_the_list_is_a_line_in_its_order(tmp_path: Path) -> None:
    with sent(tmp_path):
        result = report(tmp_path, "spring")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = rows_of(result.stdout)
    assert list(rows[0])[:12] == FIRST_COLUMNS
    assert [(row["address"], row["normalised"], row["state"], row["row"]) for row in rows] == [
        ("ana@example.org", "ana@example.org", "sent", "2"),
        ("Bo@Example.org", "bo@example.org", "sent", "3"),
        ("dead@example.org", "dead@example.org", "failed", "4"),
        ("doubt@example.org", "doubt@example.org", "in_doubt", "6"),
        ("nobody", "", "skipped", "7"),
        ("bo@example.org", "bo@example.org", "skipped", "8"),
        ("gone@example.org", "gone@example.org", "suppressed", "9"),
    ]


def test_a_refusal_keeps_code_and_words_of_the_server(tmp_path: Path) -> None:
    with sent(tmp_path):
        dead = by_name(rows_of(report(tmp_path, "spring").stdout))["dead"]
    assert (dead["code"], dead["enhanced_code"], dead["attempts"]) == ("550", "5.1.1", "1")
    assert dead["reason"]
    assert dead["last_attempt_at"] == dead["finished_at"] == "2026-11-20T08:00:00Z"


def test_the_message_id_is_the_one_that_went_over_the_wire(tmp_path: Path) -> None:
    with sent(tmp_path) as mailing:
        rows = by_name(rows_of(report(tmp_path, "spring").stdout))
        wire = {m.recipient: message_from_bytes(m.data)["Message-ID"] for m in mailing.server.accepted}
    assert {name: rows[name]["message_id"] for name in ("ana", "doubt")} == {
        "ana": wire["ana@example.org"],
        "doubt": wire["doubt@example.org"],
    }
    assert rows["nobody"]["message_id"] == rows["gone"]["message_id"] == ""


def test_formulas_are_defused_in_the_words_of_strangers_alone(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("rcpt", do=reply(550, f"5.1.1 {FORMULA}"))]) as server:
        CampaignInProcess(tmp_path, server).write(csv="email,name\n+ana@example.org,Ana\n").run()
        (row,) = rows_of(report(tmp_path, "spring").stdout)
    assert (row["address"], row["reply"]) == ("+ana@example.org", f"'{FORMULA}")


def test_no_cell_of_a_stranger_is_run_by_a_spreadsheet(tmp_path: Path) -> None:
    attack = "=cmd|'/C_calc'!A0@example.org"  # a valid address
    listed = f'email,name\n{attack},"=1+1,"\n"@SUM(1)",-2+3\n"'
    listed += """'=kept@example.org",+49 170 123\n"""
    rules = [Rule("rcpt", do=reply(550, f"5.1.1 {FORMULA}"))]
    with SmtpServer(rules=rules) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=listed)
        mailing.run()
        table = report(tmp_path, "spring").stdout
        again = report(tmp_path, "spring", "--failed").stdout
    for text in (table, again):
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert [cell for cell in cells if cell[:1] in "=@\t\r" and cell] == []
    assert [row["address"] for row in rows_of(table)] == [f"'{attack}", "'@SUM(1)", "''=kept@example.org"]
    (tmp_path / "again.csv").write_text(again, encoding="utf-8")
    source = open_source(Spec(csv="again.csv"), tmp_path)
    assert [row[1][:2] for row in source.rows()] == [
        (attack, "=1+1,"),
        ("'=kept@example.org", "+49 170 123"),
    ]


@given(st.text(alphabet="'=+-@\t\r\n1a. ＝", max_size=8) | st.text())
def test_every_cell_is_read_back_as_it_was(text: str) -> None:
    assert restored(defused(text)) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "'="])
def test_what_a_spreadsheet_would_run_is_defused(start: str) -> None:
    assert defused(f"{start}A1*2") == f"'{start}A1*2"
    assert defused(f"1{start}1") == f"1{start}1"


@pytest.mark.parametrize("cell", ["-5", "+49 170-45", "-1.5", "+ana@example.org", "@example.org", "-", ""])
def test_what_it_would_not_run_is_left_as_it_is(cell: str) -> None:
    assert defused(cell) == cell


def test_a_reader_that_has_enough_ends_the_report_quietly(tmp_path: Path) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(3_000)).run(limit=1)
    with subprocess.Popen(
        process_of("report", "spring", "--project", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith(b"address,")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


# --- the other formats -----------------------------------------------------------------------------


def test_json_is_one_object_with_the_same_keys(tmp_path: Path) -> None:
    with sent(tmp_path):
        result = report(tmp_path, "spring", "--format", "json")
    answer = json.loads(result.stdout)
    assert (list(answer)[:3], list(answer)[-1]) == (["campaign", "counts", "total"], "deliveries")
    assert (answer["campaign"], answer["total"]) == ("spring", 7)
    assert answer["counts"] == Counts(sent=2, failed=1, in_doubt=1, suppressed=1, skipped=2).as_dict()
    rows = by_name(answer["deliveries"])
    assert list(rows["ana"])[:12] == FIRST_COLUMNS
    assert (rows["dead"]["code"], rows["dead"]["reply"]) == (550, FORMULA)
    assert (rows["nobody"]["code"], rows["nobody"]["last_attempt_at"]) == (None, None)


def test_excel_has_text_cells_and_nothing_runs(tmp_path: Path) -> None:
    with sent(tmp_path):
        result = report(tmp_path, "spring", "--format", "xlsx", "--out", str(tmp_path / "r.xlsx"))
    assert (result.exit_code, result.stdout) == (0, "")
    sheet = load_workbook(tmp_path / "r.xlsx").active
    assert sheet is not None
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert cells[0][:12] == FIRST_COLUMNS
    assert len(cells) == 8
    dead = dict(zip(cells[0], cells[3], strict=True))
    assert (dead["reply"], dead["code"], dead["attempts"]) == (FORMULA, "550", "1")
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("B2", "A1:P8")
    assert sheet["A1"].font.bold


def test_excel_on_stdout_is_a_mistake_with_a_hint(tmp_path: Path) -> None:
    result = report(tmp_path, "spring", "--format", "xlsx")
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_the_ending_of_the_file_says_the_format(tmp_path: Path) -> None:
    with sent(tmp_path):
        report(tmp_path, "spring", "--out", str(tmp_path / "r.json"))
        report(tmp_path, "spring", "--out", str(tmp_path / "r.txt"))
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["total"] == 7
    assert (tmp_path / "r.txt").read_text("utf-8").startswith("address,")


def test_the_page_tells_the_failed_first_and_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    with sent(tmp_path):
        page = report(tmp_path, "spring", "--format", "html").stdout
    assert page.index("<h2>Failed") < page.index("<h2>In doubt") < page.index("<h2>All rows")
    assert "<b>2</b> of 7 rows" in page
    assert page.count("dead@example.org") == 2  # among the failed, and among everyone
    assert not re.search(r"<script|\bsrc=|\bhref=|url\(|@import", page)
    assert "=HYPERLINK(&#34;http://evil.example&#34;)" in page


def test_reasons_are_counted_without_what_is_particular_to_one_row(ledger: Ledger) -> None:
    again = [
        PlainSnapshotRow(n, "ana@example.org", "", "ana@example.org", ("ana@example.org",)) for n in (4, 5, 6)
    ]
    campaign = load_campaign(ledger, ["ana@example.org", "bo@example.org"], more=again)
    at = claim_terms(campaign, "500/24h")
    for delivery, enhanced in zip(claim(ledger, at, token=1), ("5.1.1", ""), strict=True):
        begin_sending(ledger, at, delivery)
        answer = Reply(Stage.RCPT, 550, enhanced, f"{delivery.address} is unknown")
        outcome = Outcome(OutcomeKind.REFUSED, Scope.RECIPIENT, f"there is no such address: {answer}", answer)
        settlement = Decision(outcome=outcome, state=State.FAILED, reason=outcome.reason)
        assert record(ledger, at, delivery, settlement)
    with ledger.reports.reading(campaign.no) as reading:
        assert reading.causes(State.SKIPPED, State.FAILED, most=5) == [
            (State.SKIPPED, "duplicate of another row", 3),
            (State.FAILED, "there is no such address", 2),
        ]


def test_the_page_gives_no_more_than_a_reader_can_use(tmp_path: Path) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(2_100)).run(limit=1)
    page = report(tmp_path, "spring", "--format", "html").stdout
    assert page.count("<tr><td") == 2_000
    assert "These are the first 2,000 of 2,100" in page


# --- what came back --------------------------------------------------------------------------------


def tell(mailing: CampaignInProcess, **what: EventKind) -> None:
    """A day later, let this come back from the people of these names."""
    mailing.clock.turn(timedelta(days=1))
    with mailing.ledger() as ledger:
        campaign = ledger.campaigns.find("spring")
        assert campaign is not None
        numbers = {row.address.partition("@")[0]: row.id for row in ledger.reports.rows(campaign.no)}
        said: dict[str, Any] = {"code": 550, "enhanced_code": "5.1.1", "detail": FORMULA}
        ledger.inbound_events.ingest(
            [
                InboundEvent(
                    kind=kind, source="inbox", delivery=numbers[name], fingerprint=f"{name} {kind}", **said
                )
                for name, kind in what.items()
            ]
        )


def test_what_came_back_stands_in_its_columns(tmp_path: Path) -> None:
    with sent(tmp_path) as mailing:
        tell(mailing, ana=EventKind.SOFT_BOUNCED, Bo=EventKind.UNSUBSCRIBED, doubt=EventKind.BOUNCED)
        tell(mailing, ana=EventKind.UNSUBSCRIBED, Bo=EventKind.AUTO_REPLIED)
        rows = by_name(rows_of(report(tmp_path, "spring").stdout))
    assert {name: (row["state"], row["came_back"], row["came_back_at"]) for name, row in rows.items()} == {
        "ana": ("sent", "unsubscribed", "2026-11-22T08:00:00Z"),
        "Bo": ("sent", "unsubscribed", "2026-11-21T08:00:00Z"),
        "dead": ("failed", "", ""),
        "doubt": ("failed", "bounced", "2026-11-21T08:00:00Z"),
        "nobody": ("skipped", "", ""),
        "bo": ("skipped", "", ""),
        "gone": ("suppressed", "", ""),
    }
    assert (rows["doubt"]["reason"], rows["doubt"]["reply"]) == (
        f"bounced: 550 5.1.1 {FORMULA}",
        f"'{FORMULA}",
    )


def test_an_unsubscription_taken_back_is_not_shown_as_one(tmp_path: Path) -> None:
    with sent(tmp_path) as mailing:
        tell(mailing, ana=EventKind.UNSUBSCRIBED)
        tell(mailing, ana=EventKind.RESUBSCRIBED)
        answer = json.loads(report(tmp_path, "spring", "--format", "json").stdout)
    assert by_name(answer["deliveries"])["ana"]["came_back"] == ""
    assert by_name(answer["deliveries"])["ana"]["came_back_at"] is None


def test_a_bounced_recipient_is_among_the_failed(tmp_path: Path) -> None:
    with sent(tmp_path) as mailing:
        tell(mailing, ana=EventKind.BOUNCED)
        rows = rows_of(report(tmp_path, "spring", "--failed").stdout)
    assert [row["email"] for row in rows] == ["ana@example.org", "dead@example.org"]
    assert rows[0]["mailrunner_reason"].startswith("bounced: 550")


def test_bounces_are_one_cause_whatever_the_servers_said(tmp_path: Path) -> None:
    with sent(tmp_path) as mailing:
        tell(mailing, ana=EventKind.BOUNCED, doubt=EventKind.BOUNCED)
        with mailing.ledger() as ledger:
            campaign = ledger.campaigns.find("spring")
            assert campaign is not None
            with ledger.reports.reading(campaign.no) as reading:
                assert reading.causes(State.FAILED, most=1) == [(State.FAILED, "bounced", 2)]


def test_the_page_has_a_small_table_of_what_came_back(tmp_path: Path) -> None:
    with sent(tmp_path) as mailing:
        assert "Bounces, complaints" not in report(tmp_path, "spring", "--format", "html").stdout
        tell(mailing, ana=EventKind.COMPLAINED, Bo=EventKind.UNSUBSCRIBED, doubt=EventKind.BOUNCED)
        page = report(tmp_path, "spring", "--format", "html").stdout
    table = page[page.index("<h2>Bounces, complaints") : page.index("<h2>Failed")]
    assert re.findall(r'class="why">(\w+)<.*messages?">(\d)</td>', table) == [
        ("bounced", "1"),
        ("complained", "1"),
        ("unsubscribed", "1"),
    ]
    assert page.count('<span class="said">complained, ') == 1
    assert page.count('<span class="said">bounced, ') == 0  # its reason says so


# --- one reading -----------------------------------------------------------------------------------


def test_a_reading_is_of_one_instant_though_a_run_goes_on(ledger: Ledger) -> None:
    campaign = load_campaign(ledger, ["ana@example.org", "bo@example.org"])
    with ledger.reports.reading(campaign.no) as reading:
        assert reading.counts() == Counts(queued=2)
        ledger.campaigns.cancel(campaign.no)
        assert [row.state for row in reading.rows()] == [State.QUEUED, State.QUEUED]
    assert [row.state for row in ledger.reports.rows(campaign.no)] == [State.SKIPPED, State.SKIPPED]


def test_a_reading_shows_one_campaign_and_the_states_asked_for(ledger: Ledger) -> None:
    other = load_campaign(ledger, ["cy@example.org"], "autumn")
    campaign = load_campaign(ledger, ["ana@example.org", "bo@example.org", "di@example.org"])
    ledger.campaigns.cancel(other.no)
    with ledger.reports.reading(campaign.no) as reading:
        assert [row.address for row in reading.rows(State.QUEUED, most=2)] == [
            "ana@example.org",
            "bo@example.org",
        ]
        assert list(reading.rows(State.SKIPPED)) == []


# --- lists again -----------------------------------------------------------------------------------


def test_the_failed_rows_are_a_list_again_word_for_word(tmp_path: Path) -> None:
    with sent(tmp_path):
        result = report(tmp_path, "spring", "--failed")
    (row,) = rows_of(result.stdout)
    assert list(row) == ["email", "name", "member_no", "mailrunner_reason"]
    assert (row["email"], row["name"], row["member_no"]) == (
        "dead@example.org",
        "<b>Dee</b>",
        "00125 or\n00225",
    )
    assert row["mailrunner_reason"]


def test_the_rows_in_doubt_are_read_back_as_a_list(tmp_path: Path) -> None:
    with sent(tmp_path):
        report(tmp_path, "spring", "--in-doubt", "--out", str(tmp_path / "people.csv"))
    spec = Spec(csv="people.csv")
    (chunk,) = RecipientList(open_source(spec, tmp_path), spec).chunks()
    assert [(entry.address, entry.values[1:3]) for entry in chunk] == [
        ("doubt@example.org", ("Éva", "00126"))
    ]


def test_a_reason_from_an_earlier_time_round_is_replaced(tmp_path: Path) -> None:
    with SmtpServer(rules=[Rule("rcpt", do=reply(550, "5.1.1 no such user"))]) as server:
        csv_text = "mailrunner_reason,email,name\nan old reason,ana@example.org,Ana\n"
        CampaignInProcess(tmp_path, server).write(csv=csv_text).run()
        (row,) = rows_of(report(tmp_path, "spring", "--failed").stdout)
    assert list(row) == ["email", "name", "mailrunner_reason"]
    assert row["mailrunner_reason"] != "an old reason"


def test_rows_that_were_forgotten_cannot_be_a_list_but_are_still_reported(tmp_path: Path) -> None:
    with sent(tmp_path) as mailing:
        with mailing.ledger() as ledger:
            campaign = ledger.campaigns.find("spring")
            assert campaign is not None
            ledger.campaigns.purge_rows(campaign.no)
        target = tmp_path / "failed.csv"
        result = report(tmp_path, "spring", "--failed", "--out", str(target))
        rows = rows_of(report(tmp_path, "spring").stdout)
    assert result.exit_code == 78
    assert "deleted" in result.stderr
    assert not target.exists()
    assert [row["address"] for row in rows] == [
        *("ana@example.org", "bo@example.org", "dead@example.org", "doubt@example.org"),
        *("", "", "gone@example.org"),
    ]


@pytest.mark.parametrize("words", [["--failed", "--in-doubt"], ["--failed", "--format", "json"]])
def test_lists_are_asked_for_one_at_a_time_and_are_csv(tmp_path: Path, words: list[str]) -> None:
    result = report(tmp_path, "spring", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert all(word in result.stderr for word in words[:1])


# --- which campaign --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["spring", "campaigns/spring.toml"])
@pytest.mark.parametrize("left", [None, "this is = = no TOML"])
def test_a_campaign_whose_file_is_gone_or_broken_still_has_its_report(
    tmp_path: Path, name: str, left: str | None
) -> None:
    with sent(tmp_path):
        pass
    file = tmp_path / "campaigns/spring.toml"
    file.unlink() if left is None else file.write_text(left)
    result = report(tmp_path, name)
    assert result.exit_code == 0
    assert len(rows_of(result.stdout)) == 7


def test_a_path_means_the_id_in_the_file(tmp_path: Path) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(1), head='id = "spring-2026"')
        mailing.run("spring-2026")
    answer = json.loads(report(tmp_path, "campaigns/spring.toml", "--format", "json").stdout)
    assert (answer["campaign"], answer["total"]) == ("spring-2026", 1)


def test_an_unknown_campaign_is_named_with_the_nearest_known(tmp_path: Path) -> None:
    with sent(tmp_path):
        result = report(tmp_path, "sprng")
    assert (result.exit_code, result.stdout) == (78, "")
    assert '"sprng"' in result.stderr and 'did you mean "spring"?' in result.stderr


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("csv", ",".join([*FIRST_COLUMNS, "row", "came_back", "came_back_at", "variant"]) + "\n"),
        ("html", "no run of this campaign has begun"),
    ],
)
def test_a_campaign_that_was_never_run_has_an_empty_report(tmp_path: Path, form: str, expected: str) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(2))
    result = report(tmp_path, "spring", "--format", form)
    assert result.exit_code == 0
    assert result.stdout == expected if form == "csv" else expected in result.stdout


def test_an_empty_report_in_json_has_all_numbers(tmp_path: Path) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(2))
    answer = json.loads(report(tmp_path, "spring", "--format", "json").stdout)
    assert {key: answer[key] for key in ("campaign", "counts", "total")} == {
        "campaign": "spring",
        "counts": Counts().as_dict(),
        "total": 0,
    }
    lists = ("reasons", "over_time", "domains", "events", "events_by_day", "quota_by_day", "deliveries")
    assert [answer[key] for key in lists] == [[]] * len(lists)


def test_a_list_that_is_still_being_read_is_not_shown(tmp_path: Path) -> None:
    with sent(tmp_path) as mailing, mailing.ledger() as ledger:
        campaign = ledger.campaigns.find("spring")
        assert campaign is not None
        ledger.campaigns.accept(campaign.no, phase=Phase.LOADING)
    assert rows_of(report(tmp_path, "spring").stdout) == []


# --- where it is written ---------------------------------------------------------------------------


def test_a_report_replaces_the_file_that_is_there(tmp_path: Path) -> None:
    target = tmp_path / "r.csv"
    target.write_text("an old report")
    with sent(tmp_path):
        result = report(tmp_path, "spring", "--out", str(target))
    assert (result.exit_code, result.stdout) == (0, "")
    assert str(target) in result.stderr
    assert len(rows_of(target.read_text("utf-8"))) == 7


def test_a_report_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "r.csv"
    target.write_text("an old report")
    with pytest.raises(RuntimeError), text_to(target) as stream:
        stream.write("half a rep")
        raise RuntimeError
    assert target.read_text() == "an old report"
    assert [file.name for file in tmp_path.iterdir()] == ["r.csv"]


@pytest.mark.parametrize(("where", "words"), [("data", "is a folder"), ("no/such/r.csv", "make the folder")])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, where: str, words: str) -> None:
    with sent(tmp_path):
        result = report(tmp_path, "spring", "--out", str(tmp_path / where))
    assert result.exit_code == 78
    assert str(tmp_path / where) in result.stderr and words in result.stderr


def test_a_link_stays_a_link_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    with bytes_to(tmp_path / "link.csv") as stream:
        stream.write(b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"new"


def test_a_device_is_written_to_and_not_replaced() -> None:
    with bytes_to(Path("/dev/null")) as stream:
        stream.write(b"x")
    assert Path("/dev/null").is_char_device()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("form", ["csv", "json", "xlsx", "html"])
def test_a_full_disk_is_a_sentence(tmp_path: Path, form: str) -> None:
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(2)).run()
    words = ("report", "spring", "--format", form, "--out", "/dev/full", "--project", str(tmp_path))
    ended = subprocess.run(process_of(*words), capture_output=True, text=True, check=False)
    assert ended.returncode == 74
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"), bytes_to(tmp_path / "file" / "r.csv"):
        pass
