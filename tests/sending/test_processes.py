"""The real command, in a process of its own where it is killed or interrupted, or two run at a time."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mailrunner.cli import commands
from tests.support.campaigns import LETTER, CampaignInProcess, people
from tests.support.patience import PATIENCE
from tests.support.smtp_server import Rule, SmtpServer, delay

ENVIRON = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
PROGRAM = ("-m", "mailrunner")
# SQLite waits for a lock for 15 seconds itself, which is no concern of a test.
IMPATIENT = (
    "-c",
    "from mailrunner.store import opening; opening._BUSY_SECONDS = 0.2; "
    "from mailrunner.cli import main; main()",
)


def start(
    mailing: CampaignInProcess, *words: str, cwd: Path | None = None, program: Sequence[str] = PROGRAM
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *program, *words],
        cwd=cwd or mailing.folder,
        env=ENVIRON,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def command(mailing: CampaignInProcess, *words: str, cwd: Path | None = None) -> tuple[int, str, str]:
    """The same in this process, which is begun already."""
    with chdir(cwd or mailing.folder):
        result = CliRunner().invoke(commands(), words, env={"NO_COLOR": "1", "COLUMNS": "200"})
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, result.stdout, result.stderr


def answer(mailing: CampaignInProcess, *words: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = command(mailing, *words, "--json")
    return code, json.loads(out)


def test_run_answers_with_the_contracts_json(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(3) + "person0@example.org,Again\nnonsense,Bad\n", limits='"2/24h"')
    code, out, _ = finish(start(mailing, "run", "spring", "--json"))
    found = json.loads(out)
    assert code == 75
    assert found["counts"] == {
        "queued": 1,
        "in_flight": 0,
        "sent": 2,
        "failed": 0,
        "in_doubt": 0,
        "suppressed": 0,
        "skipped": 2,
    }
    assert (found["campaign"], found["state"], found["total"], found["sent_now"]) == (
        "spring",
        "waiting",
        5,
        2,
    )
    assert found["resume_at"].endswith("Z") and found["finish_at"] >= found["resume_at"]
    assert (found["notices"], found["problems"]) == ([], [])
    code, status = answer(mailing, "status")
    assert code == 0
    (campaign,), (account,) = status["campaigns"], status["accounts"]
    assert (campaign["campaign"], campaign["state"], campaign["counts"]) == (
        "spring",
        "waiting",
        found["counts"],
    )
    assert account["name"] == "relay" and account["paused_until"] is None
    (limit,) = account["limits"]
    assert (limit["limit"], limit["used"], limit["left"]) == ("2/24h", 2, 0)
    assert limit["next_slot_at"] == found["resume_at"]


def test_before_the_first_run_status_is_new_and_nothing_is_written(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2))
    code, found = answer(mailing, "status", "spring")
    (campaign,) = found["campaigns"]
    assert (code, campaign["state"], campaign["total"]) == (0, "new", 0)
    assert not (mailing.folder / "data" / "mailrunner.db").exists()


def test_check_and_dry_run_change_nothing_and_name_the_rows_that_would_fail(
    mailing: CampaignInProcess,
) -> None:
    letter = LETTER.replace("Hello", "{% if name == 'Name 1' %}{{ nothing }}{% endif %}")
    mailing.write(csv=people(3), letter=letter)
    for words in (("check", "spring"), ("run", "spring", "--dry-run")):
        code, out, _ = command(mailing, *words)
        assert code == 1
        assert "row 3 (person1@example.org)" in out and "nothing" in out
    assert not (mailing.folder / "data" / "mailrunner.db").exists()
    assert not mailing.server.accepted


def test_all_problems_of_all_files_are_told_at_once(mailing: CampaignInProcess) -> None:
    mailing.write(
        csv=people(1), account='reserv = 5\nprovider2 = "x"', message='subjekt = "x"', letter="{% if %}"
    )
    code, out, err = command(mailing, "run", "spring")
    assert (code, out) == (78, "")
    assert 'did you mean "reserve"' in err and 'did you mean "subject"' in err
    assert not mailing.server.accepted


def test_a_template_error_names_file_and_line(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(1), letter="<p>\n{{ unsubscribe_url }}\n{% if x %}")
    code, _, err = command(mailing, "check", "spring")
    assert code == 78
    assert "templates/letter.html" in err and "line 3" in err


def test_an_unknown_column_is_the_files_fault(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(1), letter=LETTER.replace("{{ name }}", "{{ nmae }}"))
    code, _, err = command(mailing, "run", "spring")
    assert code == 78 and '"nmae"' in err and 'did you mean "name"' in err


def test_it_works_from_another_folder_with_project(
    mailing: CampaignInProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mailing.write(csv=people(2))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert command(mailing, "run", "spring", cwd=elsewhere)[0] == 78
    assert command(mailing, "run", "spring", "--project", str(mailing.folder), cwd=elsewhere)[0] == 0
    assert len(mailing.server.accepted) == 2
    assert list(elsewhere.iterdir()) == []


def test_a_campaign_that_does_not_exist_is_78_with_a_guess(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(1))
    code, _, err = command(mailing, "run", "sprign")
    assert code == 78 and 'did you mean "spring"' in err


def test_a_read_only_ledger_and_a_file_that_is_none_are_sentences(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2))
    database = mailing.folder / "data" / "mailrunner.db"
    database.write_bytes(b"this is no database at all, not even a small one" * 100)
    code, _, err = command(mailing, "run", "spring")
    assert code == 74 and "is not a ledger" in err


def test_a_newer_ledger_is_refused(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(1))
    assert command(mailing, "run", "spring")[0] == 0
    with sqlite3.connect(mailing.folder / "data" / "mailrunner.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    code, _, err = command(mailing, "status")
    assert code == 74 and "newer mailrunner" in err


def test_pause_unpause_cancel_and_requeue(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(4))
    command(mailing, "run", "spring", "--limit", "1")
    assert command(mailing, "pause", "spring")[0] == 0
    code, found = answer(mailing, "run", "spring")
    assert (code, found["state"], found["sent_now"]) == (75, "paused", 0)
    assert answer(mailing, "resume")[1]["campaigns"] == []
    assert command(mailing, "unpause", "spring")[0] == 0
    code, found = answer(mailing, "resume")
    assert code == 0 and found["campaigns"][0]["counts"]["sent"] == 4
    mailing.write(csv=people(4), name="summer", letter=LETTER.replace("Hello", "Hi"))
    command(mailing, "run", "summer", "--limit", "1")
    assert command(mailing, "cancel", "summer")[0] == 0
    code, found = answer(mailing, "status", "summer")
    assert found["campaigns"][0]["state"] == "cancelled"
    assert found["campaigns"][0]["counts"]["skipped"] == 3
    command(mailing, "requeue", "summer", "--skipped", "person2@example.org")
    code, found = answer(mailing, "run", "summer")
    assert found["counts"]["sent"] == 2


def test_resume_never_starts_a_new_campaign(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2))
    code, found = answer(mailing, "resume")
    assert (code, found["campaigns"]) == (0, [])
    assert not mailing.server.accepted


def test_two_processes_share_one_campaign_and_send_to_each_once(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(300), limits='"250/24h"')
    assert command(mailing, "run", "spring", "--limit", "1")[0] == 75
    both = [start(mailing, "run", "spring") for _ in range(2)]
    codes = [finish(process)[0] for process in both]
    assert set(codes) == {75}
    assert len(mailing.copies()) == 250 and set(mailing.copies().values()) == {1}


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_wire_records_and_says_how_to_go_on(tmp_path: Path, signal_number: int) -> None:
    reached, go_on = threading.Event(), threading.Event()
    with SmtpServer(rules=[Rule("eod", nth=3, do=delay(go_on, reached))]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(20))
        process = start(mailing, "run", "spring")
        assert reached.wait(PATIENCE)
        process.send_signal(signal_number)
        assert process.stderr is not None
        while "finishing" not in process.stderr.readline():
            pass
        go_on.set()
        code, _, _ = finish(process)
        assert code == 130
        code, found = answer(mailing, "status", "spring")
        assert found["campaigns"][0]["counts"]["sent"] == len(server.accepted) in (3, 4)
        assert found["campaigns"][0]["counts"]["in_doubt"] == 0
        assert command(mailing, "resume")[0] == 0
        assert len(mailing.copies()) == 20 and set(mailing.copies().values()) == {1}


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_kill_leaves_at_most_two_a_connection_in_doubt_and_none_twice(tmp_path: Path, after: int) -> None:
    reached, go_on = threading.Event(), threading.Event()
    with SmtpServer(rules=[Rule("eod", nth=after, do=delay(go_on, reached))]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(20), connections=2)
        process = start(mailing, "run", "spring")
        assert reached.wait(PATIENCE)
        process.kill()
        process.communicate()
        go_on.set()
        code, found = answer(mailing, "run", "spring")
        counts = found["counts"]
        assert code == 1
        assert 1 <= counts["in_doubt"] <= 4  # the next message may ride behind the one on the wire
        assert counts["sent"] + counts["in_doubt"] == 20
        assert set(mailing.copies().values()) == {1}


def test_events_are_logged_as_json_lines_without_secrets(tmp_path: Path) -> None:
    with SmtpServer(auth=("ana", "canary-secret")) as server:
        mailing = CampaignInProcess(tmp_path, server).write(
            csv=people(2), account='user = "ana"\npassword = "canary-secret"'
        )
        code, out, err = command(mailing, "run", "spring", "--log-json", "events.jsonl")
        text = (mailing.folder / "events.jsonl").read_text()
    assert code == 0
    events = [json.loads(line) for line in text.splitlines()]
    assert [e["event"] for e in events] == ["run_begun", "answered", "answered", "inlined", "run_ended"]
    assert all(e["time"].endswith("Z") for e in events)
    assert "canary-secret" not in text + out + err


def test_a_test_message_is_marked_counted_and_not_recorded_as_sent(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(2), limits='"5/24h"')
    code, _, _ = command(
        mailing, "send-test", "spring", "--to", "ana@example.net", "--as", "person1@example.org"
    )
    assert code == 0
    (message,) = mailing.server.accepted
    assert message.recipient == "ana@example.net"
    assert b"Subject: [TEST] Name 1, spring is here" in message.data
    _, found = answer(mailing, "quota")
    assert found["accounts"][0]["limits"][0]["used"] == 1
    assert answer(mailing, "status", "spring")[1]["campaigns"][0]["total"] == 0


def test_a_ledger_locked_by_another_program_is_a_sentence(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(1))
    command(mailing, "run", "spring")
    holder = sqlite3.connect(mailing.folder / "data" / "mailrunner.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        code, _, err = finish(start(mailing, "pause", "spring", program=IMPATIENT))
    finally:
        holder.close()
    assert code == 74 and "locked by another process" in err


def test_purge_forgets_the_rows_and_keeps_the_outcomes(mailing: CampaignInProcess) -> None:
    mailing.write(csv=people(3))
    command(mailing, "run", "spring")
    code, out, _ = command(mailing, "purge", "spring")
    assert code == 0 and "3 rows were deleted" in out
    assert answer(mailing, "status", "spring")[1]["campaigns"][0]["counts"]["sent"] == 3
    assert command(mailing, "run", "spring")[0] == 0
    assert len(mailing.server.accepted) == 3
