"""Where no row can become a message it is the file's fault: 78, and no row has failed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mailrunner.model import outcome_policy
from tests.support.campaigns import LETTER, CampaignInProcess, people
from tests.support.commands import answered, said
from tests.support.smtp_server import Rule, SmtpServer, reply

FORBIDDEN = LETTER.replace("Hello", "{{ ''.__class__.__mro__ }}")
ODD_ROWS = "person0@example.org,Again\nnonsense,Bad\n"


@pytest.mark.parametrize("rows", ["", ODD_ROWS])
def test_a_template_that_the_sandbox_refuses_for_every_row_is_78_and_records_nothing(
    tmp_path: Path, rows: str
) -> None:
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(5) + rows, letter=FORBIDDEN)
        code, answer = answered(tmp_path, "run", "spring")
        assert (code, answer["state"], answer["total"]) == (78, "new", 0)
        assert "no row can become a message" in answer["problems"][0]["message"]
        assert answered(tmp_path, "status")[1]["campaigns"] == []
        assert server.accepted == []
        mailing.write(csv=people(5) + rows)
        code, answer = answered(tmp_path, "run", "spring")
    assert (code, answer["counts"]["sent"], answer["counts"]["failed"]) == (0, 5, 0)


def test_a_suppressed_row_that_could_be_rendered_does_not_make_the_others_fail(tmp_path: Path) -> None:
    letter = LETTER.replace("Hello", "{% if name != 'Name 0' %}{{ ''.__class__ }}{% endif %}")
    with SmtpServer() as server:
        CampaignInProcess(tmp_path, server).write(csv=people(3), letter=letter)
        assert said(tmp_path, "suppress", "add", "person0@example.org")[0] == 0
        assert answered(tmp_path, "run", "spring")[0] == 78
        assert answered(tmp_path, "status")[1]["campaigns"] == []


def test_rows_fail_alone_where_another_can_be_rendered(tmp_path: Path) -> None:
    letter = LETTER.replace("Hello", "{% if name != 'Name 2' %}{{ ''.__class__ }}{% endif %}")
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(3), letter=letter)
        code, answer = answered(tmp_path, "run", "spring")
        assert (code, answer["counts"]["sent"], answer["counts"]["failed"]) == (1, 1, 2)
        assert list(mailing.copies()) == ["person2@example.org"]


def test_a_first_run_in_which_all_rows_fail_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_policy, "_OTHERS_FIRST", timedelta(milliseconds=50))
    refused = Rule("rcpt", reply(550, "5.1.1 user unknown"))
    with SmtpServer(rules=[refused]) as server:
        CampaignInProcess(tmp_path, server).write(csv=people(3))
        code, answer = answered(tmp_path, "run", "spring")
    assert (code, answer["state"], answer["counts"]["failed"]) == (1, "finished", 3)
    (campaign,) = answered(tmp_path, "status", "spring")[1]["campaigns"]
    assert (campaign["state"], campaign["reason"], campaign["resume_at"]) == ("finished", "", None)
    assert campaign["finish_at"] == answer["finish_at"] is not None
