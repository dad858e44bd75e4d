"""Campaign files: finding them, reading them, and all that can be wrong with them at once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.campaign.campaign_file import Campaign, find_campaign, load_campaign
from mailrunner.campaign.tables import SendSpec
from mailrunner.config.project import Project, load_project
from mailrunner.config.toml_table import validate
from mailrunner.errors import Problem, UserError
from mailrunner.model.quota import Limit
from mailrunner.model.schedule import ALWAYS, Schedule
from mailrunner.model.suppression import list_key

PROJECT = """
[accounts.relay]
provider = "smtp"
host = "127.0.0.1"
port = 2525
tls = "none"
[accounts.gmail]
provider = "gmail"
user = "ana@gmail.com"
password = "${GMAIL_APP_PASSWORD}"
"""
HEAD = 'account = "relay"\nlist = "Club news"\n'
MESSAGE = (
    '[message]\nfrom = "Ana Pop <ana@example.org>"\nsubject = "Hi {{ first_name }}"\nhtml = "spring.html"\n'
)
RECIPIENTS = '[recipients]\ncsv = "data/list.csv"\n'
SPRING = HEAD + MESSAGE + RECIPIENTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one template, one attachment and no campaign."""
    for name in ("campaigns", "templates", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "mailrunner.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "templates" / "spring.html").touch()
    (tmp_path / "data" / "programme.pdf").touch()
    return tmp_path


def put(folder: Path, text: str, name: str = "spring") -> Path:
    path = folder / "campaigns" / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str, name: str = "spring", environ: Mapping[str, str] | None = None) -> Campaign:
    return load_campaign(folder, str(put(folder, text, name)), environ or {})[1]


def problems(folder: Path, text: str, name: str = "spring") -> dict[str, Problem]:
    with pytest.raises(UserError) as caught:
        read(folder, text, name)
    assert all(problem.file == f"campaigns/{name}.toml" for problem in caught.value.problems)
    return {problem.key: problem for problem in caught.value.problems}


def project(folder: Path) -> Project:
    return load_project(folder, {})


# The whole


def test_a_short_campaign_has_the_defaults_of_the_manual(folder: Path) -> None:
    found = read(folder, SPRING)
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


def test_the_example_of_the_manual_is_read(folder: Path) -> None:
    (folder / "templates" / "spring.txt").touch()
    found = read(
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
    crm = '[recipients]\nsql = "SELECT email FROM people"\ndatabase = "${CRM_URL}"\n'
    path = put(folder, HEAD + MESSAGE + crm)
    found = load_campaign(folder, str(path), {"CRM_URL": "postgresql://ana:canary@db/crm"})[1]
    assert found.recipients.database == "postgresql://ana:canary@db/crm"
    assert "canary" not in repr(found)
    assert found.recipients.secrets() == ("canary",)
    relative = load_campaign(folder, str(path), {"CRM_URL": "sqlite:///data/crm.db"})[1]
    assert relative.recipients.database == f"sqlite:///{folder}/data/crm.db"


def test_transactional_mail_needs_no_list(folder: Path) -> None:
    found = read(folder, 'account = "relay"\nkind = "transactional"\n' + MESSAGE + RECIPIENTS)
    assert (found.kind, found.list_name, found.list_key) == ("transactional", "", "")


def test_a_campaign_cannot_be_changed(folder: Path) -> None:
    found = read(folder, SPRING)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.id = "autumn"  # type: ignore[misc]


# Everything that is wrong, at once


def test_all_mistakes_are_reported_together_with_key_and_hint(folder: Path) -> None:
    found = problems(
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


def test_missing_tables_and_keys_are_all_named(folder: Path) -> None:
    assert set(problems(folder, "")) == {"account", "list", "message", "recipients"}
    assert set(problems(folder, HEAD + "[message]\n[recipients]\n")) == {
        *("message.from", "message.subject", "message.html", "recipients"),
    }


def test_a_slip_in_the_syntax_names_the_line(folder: Path) -> None:
    with pytest.raises(UserError, match=r"campaigns/spring\.toml: line 2, column"):
        read(folder, 'account = "relay"\nlist = Club\n')


@pytest.mark.parametrize(
    "sender", ["nobody", "a@b", "a@example.org, b@example.org", "Ana <a@example.org> x", "é@x.org"]
)
def test_the_sender_is_one_address(folder: Path, sender: str) -> None:
    text = SPRING.replace("Ana Pop <ana@example.org>", sender)
    assert set(problems(folder, text)) == {"message.from"}


@pytest.mark.parametrize("value", ["a\\nb", "a\\rb", "a\\u0000b"])
def test_a_header_is_one_line(folder: Path, value: str) -> None:
    text = SPRING.replace("Hi {{ first_name }}", value).replace("Club news", value).replace("Ana Pop", value)
    text = text.replace(
        "[recipients]", f'reply_to = "{value} <a@example.org>"\nheaders = {{ X-A = "{value}" }}\n[recipients]'
    )
    assert set(problems(folder, text)) == {
        *("message.subject", "list", "message.from", "message.reply_to", "message.headers.X-A"),
    }


@pytest.mark.parametrize(
    "name",
    [
        *(
            "From",
            "to",
            "SUBJECT",
            "Date",
            "Message-ID",
            "MIME-Version",
            "Content-Type",
            "List-Unsubscribe",
            "Bcc",
        ),
        *("Cc", "Sender", "Return-Path", "X-Mailrunner-Delivery", "Reply-To", "Precedence", "Resent-To"),
    ],
)
def test_headers_that_mailrunner_sets_are_refused(folder: Path, name: str) -> None:
    text = HEAD + MESSAGE + f'headers = {{ {name} = "x" }}\n' + RECIPIENTS
    problem = problems(folder, text)[f"message.headers.{name}"]
    assert "sets" in problem.message
    assert problem.hint


@pytest.mark.parametrize("name", ["News!", "!!!", "a b", "a/b", "..", ""])
def test_an_id_is_made_of_letters_digits_and_three_marks(folder: Path, name: str) -> None:
    assert set(problems(folder, f'id = "{name}"\n' + SPRING)) == {"id"}


def test_a_files_name_that_cannot_be_an_id_asks_for_one(folder: Path) -> None:
    assert "id" in problems(folder, SPRING, "spring sale")["id"].message
    assert read(folder, 'id = "primăvara.2026"\n' + SPRING, "spring sale").id == "primăvara.2026"


def test_a_list_needs_a_letter_or_a_digit(folder: Path) -> None:
    assert set(problems(folder, SPRING.replace("Club news", "!!"))) == {"list"}


def test_a_template_behind_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "secret.html").touch()
    (folder / "templates" / "spring.html").unlink()
    (folder / "templates" / "spring.html").symlink_to(folder / "secret.html")
    assert "lies outside" in problems(folder, SPRING)["message.html"].message


@pytest.mark.parametrize("path", ["/etc/hostname", "../x.pdf", "data/../../x.pdf", "data"])
def test_an_attachment_is_a_file_inside_the_project(folder: Path, path: str) -> None:
    text = HEAD + MESSAGE + f'attachments = ["{path}"]\n' + RECIPIENTS
    assert set(problems(folder, text)) == {"message.attachments[1]"}


def test_a_project_may_itself_stand_behind_a_link(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    link = tmp_path_factory.mktemp("links") / "project"
    link.symlink_to(folder)
    assert read(link, SPRING).id == "spring"


@pytest.mark.parametrize(
    ("recipients", "keys"),
    [
        ("", {"recipients"}),
        ('csv = "a"\nxlsx = "b"', {"recipients"}),
        ('xlsx = "b"\ndelimiter = ";"\nencoding = "utf-8"', {"recipients.delimiter", "recipients.encoding"}),
        ('csv = "b"\ndatabase = "sqlite:///x.db"', {"recipients.database"}),
        ('sql = "select 1"', {"recipients.database"}),
        ('csv = "b"\nencoding = "latin-99"', {"recipients.encoding"}),
        ('csv = "b"\ndelimiter = "; "', {"recipients.delimiter"}),
        ('csv = ["b"]', {"recipients.csv"}),
        ('csv = ""', {"recipients.csv"}),
        ('sql = "select 1"\ndatabase = "${CRM_URL}"', {"recipients.database"}),
    ],
)
def test_recipients_come_from_one_place(folder: Path, recipients: str, keys: set[str]) -> None:
    assert set(problems(folder, f"{HEAD}{MESSAGE}[recipients]\n{recipients}\n")) == keys


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("start = 2026-12-01T08:00:00", "no time zone"),
        ("start = 2026-12-01", "not a date"),
        ('start = "2026-12-01T08:00:00+02:00"', "without quotes"),
        ("give_up_after = 48", "not a number"),
        ('per_second = "1"', "not a pace"),
        ("per_second = true", "not a pace"),
        ("per_second = nan", "not a pace"),
        ("stop_if_failing = 10", "not a share"),
        ('stop_if_failing = "0%"', "not a share"),
        ('window = "08:00-20:00"', "no time zone"),
    ],
)
def test_what_cannot_steer_the_sending_is_refused(folder: Path, line: str, said: str) -> None:
    (problem,) = problems(folder, f"{SPRING}[send]\n{line}\n").values()
    assert said in str(problem)


def test_a_run_may_be_told_not_to_stop(folder: Path) -> None:
    assert read(folder, f'{SPRING}[send]\nstop_if_failing = "off"\n').send.stop_if_failing is None
    assert read(folder, f"{SPRING}[send]\nstop_if_failing = 0.2\n").send.stop_if_failing == 0.2


@given(st.one_of(st.floats(0.001, 1000), st.integers(1, 1000)))
def test_a_pace_is_a_limit_of_that_rate(pace: float) -> None:
    limit = SendSpec.model_validate({"per_second": pace}).limit
    assert limit is not None
    assert limit.number is not None
    assert limit.number / limit.period.total_seconds() == pytest.approx(pace, rel=0.06)


def test_half_a_message_a_second_is_one_every_two() -> None:
    limits = [SendSpec.model_validate({"per_second": pace}).limit for pace in (0.5, 2.5, 14)]
    assert [str(limit) for limit in limits] == ["1/2s", "5/2s", "14/1s"]


# Finding one


def test_it_is_found_by_id_by_stem_and_by_path(folder: Path) -> None:
    spring, sale = put(folder, SPRING), put(folder, 'id = "sale-1"\n' + SPRING, "sale")
    found = project(folder)
    assert find_campaign(found, "spring") == spring
    assert find_campaign(found, "sale-1") == sale
    for name in ("sale.toml", "campaigns/sale.toml", "campaigns/sale", str(sale), os.path.relpath(sale)):
        assert find_campaign(found, name).resolve() == sale.resolve()


def test_where_there_is_none_the_nearest_is_named(folder: Path) -> None:
    put(folder, SPRING)
    put(folder, 'id = "summer-2026"\n' + SPRING, "june")
    found = project(folder)
    for name, hint in (
        ("sprnig", 'did you mean "spring"'),
        ("june", 'campaigns/june.toml has the id "summer-2026"'),
        ("campaigns/sprin.toml", 'did you mean "spring"'),
    ):
        with pytest.raises(UserError, match=f'there is no campaign "{name}"') as caught:
            find_campaign(found, name)
        assert hint in str(caught.value)


def test_without_any_campaign_the_way_to_make_one_is_named(folder: Path) -> None:
    with pytest.raises(UserError, match="mailrunner new autumn"):
        find_campaign(project(folder), "autumn")


@pytest.mark.parametrize("name", ["spring", "spring.toml", "copy.toml"])
def test_two_files_with_one_id_are_both_named(folder: Path, name: str) -> None:
    put(folder, SPRING)
    put(folder, 'id = "spring"\n' + SPRING, "copy")
    with pytest.raises(UserError) as caught:
        find_campaign(project(folder), name)
    assert "campaigns/copy.toml" in str(caught.value)
    assert "campaigns/spring.toml" in str(caught.value)


def test_a_broken_neighbour_does_not_hide_a_campaign(folder: Path) -> None:
    spring, broken = put(folder, SPRING), put(folder, "id = ", "broken")
    assert find_campaign(project(folder), "spring") == spring
    assert find_campaign(project(folder), "broken") == broken


# Loading both files


def test_project_campaign_and_account_come_together(folder: Path) -> None:
    put(folder, SPRING)
    found, campaign, account = load_campaign(folder, "spring", {})
    assert (found.folder, campaign.id, account.name) == (folder, "spring", "relay")


def test_the_problems_of_both_files_are_reported_at_once(folder: Path) -> None:
    (folder / "mailrunner.toml").write_text(PROJECT + "reserv = 5\n", encoding="utf-8")
    put(folder, SPRING.replace("relay", "gmial").replace("spring.html", "none.html"))
    with pytest.raises(UserError) as caught:
        load_campaign(folder, "spring", {})
    assert [(problem.file, problem.key) for problem in caught.value.problems] == [
        ("mailrunner.toml", "accounts.gmail.reserv"),
        ("campaigns/spring.toml", "account"),
        ("campaigns/spring.toml", "message.html"),
    ]


def test_a_missing_variable_of_the_account_is_reported_with_the_campaign(folder: Path) -> None:
    put(folder, SPRING.replace("relay", "gmail").replace("spring.html", "none.html"))
    with pytest.raises(UserError) as caught:
        load_campaign(folder, "spring", {})
    assert [problem.key for problem in caught.value.problems] == ["accounts.gmail.password", "message.html"]
    put(folder, SPRING)
    assert load_campaign(folder, "spring", {})[2].name == "relay"


def test_a_project_that_cannot_be_read_does_not_hide_the_campaign(folder: Path) -> None:
    (folder / "mailrunner.toml").write_text("[accounts", encoding="utf-8")
    put(folder, SPRING.replace("spring.html", "none.html"))
    with pytest.raises(UserError) as caught:
        load_campaign(folder, "spring", {})
    assert [problem.file for problem in caught.value.problems] == ["mailrunner.toml", "campaigns/spring.toml"]
    with pytest.raises(UserError) as caught:
        load_campaign(folder, "sprnig", {})
    assert len(caught.value.problems) == 2


@given(
    st.recursive(st.text(max_size=5), lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3))
)
def test_any_table_is_a_send_table_or_has_problems(table: Any) -> None:
    found, faults = validate(SendSpec, table)
    assert (found is not None and not faults) or faults
