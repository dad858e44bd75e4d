"""Campaign files: finding one, reading one, and all problems at once."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from mailrunner.campaign.campaign_file import find_campaign, load_campaign
from mailrunner.config.project import load_project
from mailrunner.errors import UserError
from mailrunner.model.quota import Limit
from mailrunner.model.schedule import ALWAYS, Schedule
from mailrunner.model.suppression import list_key
from tests.support.campaign_toml import (
    HEAD,
    MESSAGE,
    PROJECT,
    RECIPIENTS,
    SPRING,
    campaign_of,
    campaign_problems,
    write_campaign,
)
from tests.support.project_toml import write_project


def test_a_short_campaign_has_the_defaults_of_the_manual(folder: Path) -> None:
    found = campaign_of(folder, SPRING)
    assert (found.id, found.account, found.kind, found.list_name) == ("spring", "relay", "bulk", "Club news")
    assert found.list_key == list_key("club-NEWS")
    assert found.file == folder / "campaigns" / "spring.toml"
    assert found.message.from_ == "Ana Pop <ana@example.org>"
    assert (found.message.text, found.message.reply_to, found.message.attachments) == (None, None, ())
    assert (found.recipients.csv, found.recipients.email, found.recipients.name) == (
        "data/list.csv",
        "email",
        None,
    )
    send = found.send
    assert (send.start, send.schedule, send.per_second, send.limit) == (None, ALWAYS, None, None)
    assert (send.give_up_after, send.on_in_doubt, send.stop_if_failing) == (timedelta(hours=48), "hold", 0.10)


def test_a_file_with_every_kind_of_key_is_read(folder: Path) -> None:
    (folder / "templates" / "spring.txt").touch()
    found = campaign_of(
        folder,
        """
        id = "spring-2026"
        account = "gmail"
        list = "Club news"
        kind = "bulk"
        [message]
        from = "Ana Pop <ana@gmail.com>"
        reply_to = "office@example.org"
        subject = "{{ first_name }}, spring is here"
        html = "spring.html"
        text = "spring.txt"
        postal_address = '''Club
        1 Park Street, Cluj'''
        attachments = ["data/programme.pdf", "data/tickets/{{ member_no }}.pdf"]
        headers = { "X-Campaign" = "spring" }
        vars = { city = "Cluj", dates = [2026-12-01, 2026-12-02], price = 1.5 }
        [recipients]
        csv = "data/subscribers.csv"
        delimiter = ";"
        encoding = "cp1252"
        email = "E-mail"
        name = "full_name"
        defaults = { first_name = "friend", points = 0 }
        types = { points = "int", since = "date" }
        where = "country == 'RO' and points > 100"
        [send]
        start = 2026-12-01T08:00:00+02:00
        window = "Mon-Fri 08:00-20:00 Europe/Bucharest"
        per_second = 1
        give_up_after = "90m"
        on_in_doubt = "resend"
        stop_if_failing = "2.5%"
        """,
        environ={"GMAIL_APP_PASSWORD": "abcd efgh ijkl mnop"},
    )
    assert found.id == "spring-2026"
    assert found.message.attachments == ("data/programme.pdf", "data/tickets/{{ member_no }}.pdf")
    assert found.message.headers == {"X-Campaign": "spring"}
    assert found.message.vars == {
        "city": "Cluj",
        "dates": [date(2026, 12, 1), date(2026, 12, 2)],
        "price": 1.5,
    }
    assert found.recipients.defaults == {"first_name": "friend", "points": 0}
    assert found.recipients.types == {"points": "int", "since": "date"}
    assert found.send.start == datetime(2026, 12, 1, 6, tzinfo=UTC)
    assert found.send.schedule == Schedule.parse("Mon-Fri 08:00-20:00 Europe/Bucharest")
    assert found.send.limit == Limit(1, timedelta(seconds=1))
    assert (found.send.give_up_after, found.send.on_in_doubt) == (timedelta(minutes=90), "resend")
    assert found.send.stop_if_failing == pytest.approx(0.025)


def test_a_query_names_its_database_by_a_variable_that_is_never_shown(folder: Path) -> None:
    crm = '[recipients]\nsql = "SELECT email FROM members"\ndatabase = "${CRM_URL}"\n'
    path = write_campaign(folder, HEAD + MESSAGE + crm)
    found = load_campaign(folder, str(path), {"CRM_URL": "postgresql://ana:canary@db/crm"})[1]
    assert found.recipients.database == "postgresql://ana:canary@db/crm"
    assert "canary" not in repr(found)
    assert found.recipients.secrets() == ("canary",)
    relative = load_campaign(folder, str(path), {"CRM_URL": "sqlite:///data/crm.db"})[1]
    assert relative.recipients.database == f"sqlite:///{folder}/data/crm.db"


def test_transactional_mail_needs_no_list(folder: Path) -> None:
    found = campaign_of(folder, 'account = "relay"\nkind = "transactional"\n' + MESSAGE + RECIPIENTS)
    assert (found.kind, found.list_name, found.list_key) == ("transactional", "", "")


def test_a_campaign_cannot_be_changed(folder: Path) -> None:
    found = campaign_of(folder, SPRING)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.id = "autumn"  # type: ignore[misc]


def test_all_mistakes_are_reported_together_with_key_and_hint(folder: Path) -> None:
    found = campaign_problems(
        folder,
        """
        id = "spring sale"
        acount = "relay"
        account = "rely"
        [message]
        from = "Ana, Pop <ana@gmail.com>"
        subject = 5
        html = "sprnig.html"
        text = "../mailrunner.toml"
        attachments = ["data/program.pdf", "data/{{ x }}.pdf", "../../{{ x }}.pdf", 5]
        headers = { "List-Id" = "x", "Bad Name" = "x", "X-Ok" = "a\\r\\nBcc: b@example.org" }
        [recipients]
        csv = "a.csv"
        sql = "select"
        sheet = "x"
        types = { points = "integer" }
        defaults = { name = [1] }
        [send]
        start = 2026-12-01T08:00:00
        window = "Mon-Fri 08:00-20:00"
        per_second = 0
        give_up_after = "2w"
        on_in_doubt = "resned"
        stop_if_failing = "often"
        """,
    )
    assert found["acount"].hint == 'did you mean "account"?'
    assert found["account"].hint == 'did you mean "relay"?'
    assert found["message.html"].hint == 'did you mean "spring.html"?'
    assert found["message.attachments[1]"].hint == 'did you mean "data/programme.pdf"?'
    assert found["send.on_in_doubt"].hint == 'did you mean "resend"?'
    assert "lies outside" in found["message.text"].message
    assert set(found) == {
        *(
            "id",
            "acount",
            "account",
            "list",
            "message.from",
            "message.subject",
            "message.html",
            "message.text",
        ),
        *("message.attachments[1]", "message.attachments[3]", "message.attachments[4]"),
        *("message.headers.List-Id", 'message.headers."Bad Name"', "message.headers.X-Ok"),
        *("recipients", "recipients.sheet", "recipients.types.points", "recipients.defaults.name"),
        *("recipients.database", "send.start", "send.window", "send.per_second", "send.give_up_after"),
        *("send.on_in_doubt", "send.stop_if_failing"),
    }


def test_a_slip_in_the_syntax_names_the_line(folder: Path) -> None:
    with pytest.raises(UserError, match=r"campaigns/spring\.toml: line 2, column"):
        campaign_of(folder, 'account = "relay"\nlist = Club\n')


def test_a_campaign_is_found_by_id_by_stem_and_by_path(folder: Path) -> None:
    spring, sale = write_campaign(folder, SPRING), write_campaign(folder, 'id = "sale-1"\n' + SPRING, "sale")
    found = load_project(folder, {})
    assert find_campaign(found, "spring") == spring
    assert find_campaign(found, "sale-1") == sale
    for name in ("sale.toml", "campaigns/sale.toml", "campaigns/sale", str(sale), os.path.relpath(sale)):
        assert find_campaign(found, name).resolve() == sale.resolve()


def test_for_an_unknown_campaign_the_nearest_is_named(folder: Path) -> None:
    write_campaign(folder, SPRING)
    write_campaign(folder, 'id = "summer-2026"\n' + SPRING, "june")
    found = load_project(folder, {})
    for name, hint in (
        ("sprnig", 'did you mean "spring"'),
        ("june", 'campaigns/june.toml has the id "summer-2026"'),
        ("campaigns/sprin.toml", 'did you mean "spring"'),
    ):
        with pytest.raises(UserError, match=f'there is no campaign "{name}"') as caught:
            find_campaign(found, name)
        assert hint in str(caught.value)


def test_without_any_campaign_the_command_that_makes_one_is_named(folder: Path) -> None:
    with pytest.raises(UserError, match="mailrunner new autumn"):
        find_campaign(load_project(folder, {}), "autumn")


@pytest.mark.parametrize("name", ["spring", "spring.toml", "copy.toml"])
def test_two_files_with_one_id_are_both_named(folder: Path, name: str) -> None:
    write_campaign(folder, SPRING)
    write_campaign(folder, 'id = "spring"\n' + SPRING, "copy")
    with pytest.raises(UserError) as caught:
        find_campaign(load_project(folder, {}), name)
    assert "campaigns/copy.toml" in str(caught.value)
    assert "campaigns/spring.toml" in str(caught.value)


def test_a_broken_neighbour_does_not_hide_a_campaign(folder: Path) -> None:
    spring, broken = write_campaign(folder, SPRING), write_campaign(folder, "id = ", "broken")
    assert find_campaign(load_project(folder, {}), "spring") == spring
    assert find_campaign(load_project(folder, {}), "broken") == broken


def test_project_campaign_and_account_come_together(folder: Path) -> None:
    write_campaign(folder, SPRING)
    found, campaign, account = load_campaign(folder, "spring", {})
    assert (found.folder, campaign.id, account.name) == (folder, "spring", "relay")


def test_the_problems_of_both_files_are_reported_at_once(folder: Path) -> None:
    write_project(folder, PROJECT + "reserv = 5\n")
    write_campaign(folder, SPRING.replace("relay", "gmial").replace("spring.html", "none.html"))
    with pytest.raises(UserError) as caught:
        load_campaign(folder, "spring", {})
    assert [(problem.file, problem.key) for problem in caught.value.problems] == [
        ("mailrunner.toml", "accounts.gmail.reserv"),
        ("campaigns/spring.toml", "account"),
        ("campaigns/spring.toml", "message.html"),
    ]


def test_a_missing_variable_of_the_account_is_reported_with_the_campaign(folder: Path) -> None:
    write_campaign(folder, SPRING.replace("relay", "gmail").replace("spring.html", "none.html"))
    with pytest.raises(UserError) as caught:
        load_campaign(folder, "spring", {})
    assert [problem.key for problem in caught.value.problems] == ["accounts.gmail.password", "message.html"]
    write_campaign(folder, SPRING)
    assert load_campaign(folder, "spring", {})[2].name == "relay"


def test_a_project_that_cannot_be_read_does_not_hide_the_campaign(folder: Path) -> None:
    write_project(folder, "[accounts")
    write_campaign(folder, SPRING.replace("spring.html", "none.html"))
    with pytest.raises(UserError) as caught:
        load_campaign(folder, "spring", {})
    assert [problem.file for problem in caught.value.problems] == ["mailrunner.toml", "campaigns/spring.toml"]
    with pytest.raises(UserError) as caught:
        load_campaign(folder, "sprnig", {})
    assert len(caught.value.problems) == 2
