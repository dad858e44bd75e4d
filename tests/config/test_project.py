"""mailrunner.toml: what is read, what is refused, and that no secret is ever shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.campaign import json_schemas
from mailrunner.config.database_url import absolute_database
from mailrunner.config.project import Project, Unsubscribe, find_project, load_project
from mailrunner.config.toml_file import dotted
from mailrunner.config.variables import expand
from mailrunner.errors import Problem, UserError

CANARY = "canary-9f2c"
GMAIL = """
[accounts.gmail]
provider = "gmail"
user = "ana@gmail.com"
password = "abcd efgh ijkl mnop"
"""


def write(folder: Path, text: str, env: str | None = None) -> Path:
    (folder / "mailrunner.toml").write_text(text, encoding="utf-8")
    if env is not None:
        (folder / ".env").write_text(env, encoding="utf-8")
    return folder


def project(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Project:
    return load_project(write(folder, text), environ or {})


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> dict[str, Problem]:
    with pytest.raises(UserError) as caught:
        load_project(write(folder, text), environ or {})
    assert all(problem.file == "mailrunner.toml" for problem in caught.value.problems)
    return {problem.key: problem for problem in caught.value.problems}


# Finding it


def test_it_is_found_from_any_folder_below(tmp_path: Path) -> None:
    deep = tmp_path / "campaigns" / "2026"
    deep.mkdir(parents=True)
    write(tmp_path, "")
    assert find_project(deep, None) == tmp_path
    assert find_project(Path("/"), tmp_path) == tmp_path
    assert find_project(Path("/"), tmp_path / "mailrunner.toml") == tmp_path


def test_where_there_is_none_the_way_to_make_one_is_named(tmp_path: Path) -> None:
    for start, explicit in ((tmp_path, None), (tmp_path, tmp_path / "elsewhere")):
        with pytest.raises(UserError, match="mailrunner init"):
            find_project(start, explicit)


# Defaults and the whole


def test_an_empty_file_is_a_project_with_a_ledger_beside_it(tmp_path: Path) -> None:
    found = project(tmp_path, "")
    assert found.database_url == f"sqlite:///{tmp_path}/data/mailrunner.db"
    assert (found.file, found.templates_dir) == (tmp_path / "mailrunner.toml", tmp_path / "templates")
    assert found.campaigns_dir == tmp_path / "campaigns"
    assert (found.account_names, found.lists, found.secrets()) == ((), {}, ())
    assert found.unsubscribe == Unsubscribe(base_url=None, mailto=None, secret=None)


def test_the_example_of_the_manual_is_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    found = project(
        tmp_path,
        """
        database = "postgresql+psycopg://ana:pw@db/mail"
        [unsubscribe]
        base_url = "https://news.example.org/"
        mailto = "unsubscribe@example.org"
        secret = "${MAILRUNNER_SECRET}"
        [lists."Club News"]
        list_id = "news.example.org"
        formerly = ["Club-Bulletin", "club bulletin"]
        [accounts.gmail]
        provider = "gmail"
        user = "ana@gmail.com"
        password = "${GMAIL_APP_PASSWORD}"
        reserve = 50
        [accounts.relay]
        provider = "smtp"
        host = "127.0.0.1"
        port = 2525
        tls = "none"
        limits = ["10000/24h", "14/second"]
        timezone = "Europe/Bucharest"
        connections = 16
        messages_per_connection = 100
        timeout = 300
        ca_file = "ca.pem"
        return_path = "bounce+{token}@example.org"
        imap = { host = "imap.example.org", port = 993, user = "me", password = "im" }
        """,
        {"MAILRUNNER_SECRET": "signs", "GMAIL_APP_PASSWORD": "abcd efgh ijkl mnop"},
    )
    assert found.database_url == "postgresql+psycopg://ana:pw@db/mail"
    assert found.unsubscribe.base_url == "https://news.example.org"
    assert found.lists["club news"].formerly == ("club bulletin",)
    gmail, relay = found.account("gmail"), found.account("relay")
    assert gmail.password is not None
    assert gmail.password.get_secret_value() == "abcdefghijklmnop"
    assert (gmail.host, gmail.port, gmail.tls, gmail.reserve) == ("smtp.gmail.com", 587, "starttls", 50)
    assert [str(limit) for limit in gmail.limits] == ["500/24h"]
    assert gmail.connections == gmail.in_flight == 1
    assert gmail.imap is not None
    assert (gmail.imap.host, gmail.imap.tls, gmail.imap.user) == (
        "imap.gmail.com",
        "implicit",
        "ana@gmail.com",
    )
    assert (relay.connections, relay.timezone, relay.ca_file) == (
        16,
        ZoneInfo("Europe/Bucharest"),
        tmp_path / "ca.pem",
    )
    assert relay.imap is not None
    assert relay.imap.password.get_secret_value() == "im"
    assert set(found.secrets()) == {"signs", "abcdefghijklmnop", "im", "pw"}


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("sqlite:///data/x.db", "sqlite:////home/ana/data/x.db"),
        ("sqlite:///x.db?timeout=5", "sqlite:////home/ana/x.db?timeout=5"),
        ("sqlite+pysqlite:///x.db", "sqlite+pysqlite:////home/ana/x.db"),
        ("sqlite:////var/x.db", "sqlite:////var/x.db"),
        ("postgresql+psycopg://db/mail", "postgresql+psycopg://db/mail"),
    ],
)
def test_the_path_of_a_database_is_relative_to_the_project(url: str, absolute: str) -> None:
    assert absolute_database(url, Path("/home/ana")) == absolute


# Variables


def test_the_environment_wins_over_the_env_file_whose_values_are_verbatim(tmp_path: Path) -> None:
    env = "\ufeffFIRST=from file\nexport SECOND='a $b ${FIRST} #c'\n# a comment\n"
    text = GMAIL.replace("ana@", "${FIRST}@").replace("abcd efgh ijkl mnop", "${SECOND}")
    found = load_project(write(tmp_path, text, env), {"FIRST": "eva"}).account("gmail")
    assert found.user == "eva@gmail.com"
    assert found.password is not None
    assert found.password.get_secret_value() == "a$b${FIRST}#c"


def test_a_line_of_the_env_file_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.env: line 2") as caught:
        load_project(write(tmp_path, "", f"A=1\n'{CANARY}\n"), {})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("environ", [{}, {"NOPE": ""}])
def test_a_missing_variable_holds_up_only_who_needs_it(tmp_path: Path, environ: dict[str, str]) -> None:
    text = GMAIL + '[accounts.crm]\nprovider = "yahoo"\nuser = "a@yahoo.com"\npassword = "${NOPE}"\n'
    found = project(tmp_path, text, environ)
    assert found.account("gmail").user == "ana@gmail.com"
    with pytest.raises(UserError) as caught:
        found.account("crm")
    (problem,) = caught.value.problems
    assert (problem.file, problem.key) == ("mailrunner.toml", "accounts.crm.password")
    assert "NOPE" in problem.message
    assert ".env" in problem.hint


@pytest.mark.parametrize(
    "line",
    [
        'timezone = "${NOPE}"',
        'limits = ["${NOPE}/24h"]',
        'host = "${NOPE}"',
        'tls = "${NOPE}"',
        'ca_file = "${NOPE}"',
    ],
)
def test_what_hangs_on_a_missing_variable_is_not_blamed_twice(tmp_path: Path, line: str) -> None:
    found = project(tmp_path, GMAIL + line)
    with pytest.raises(UserError) as caught:
        found.account("gmail")
    assert [problem.message for problem in caught.value.problems] == ["the variable NOPE is not set"]


def test_a_missing_variable_hides_no_mistake_of_the_file(tmp_path: Path) -> None:
    server = 'provider = "smtp"\nhost = "h.example"\nport = 2525\nhots = 1\n'
    text = f'[accounts.it]\n{server}user = "u"\npassword = "${{NOPE}}"'
    assert set(problems(tmp_path, text)) == {"accounts.it.tls", "accounts.it.hots"}


def test_a_missing_variable_of_the_ledger_or_of_unsubscribe_is_needed_by_all(tmp_path: Path) -> None:
    found = problems(tmp_path, 'database = "${DB}"\n[unsubscribe]\nsecret = "${S}"')
    assert {key: problem.message for key, problem in found.items()} == {
        "database": "the variable DB is not set",
        "unsubscribe.secret": "the variable S is not set",
    }


def test_two_dollars_stand_for_the_plain_text() -> None:
    assert expand({"a": ["$${X} $X ${X}"]}, {"X": "1"}) == ({"a": ["${X} $X 1"]}, {})


@given(st.text(), st.text(min_size=1))
def test_a_value_is_filled_in_verbatim_and_not_again(text: str, value: str) -> None:
    plain = text.replace("$", "")
    assert expand({"a": plain + "${X}"}, {"X": value}) == ({"a": plain + value}, {})


# What is wrong, all at once


def test_all_mistakes_are_reported_together_with_key_and_hint(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        databse = "x"
        [unsubscribe]
        base_url = "http://news.example.org"
        mailto = "nobody"
        secret = " "
        [lists.news]
        list_id = "news"
        [lists.NEWS]
        [accounts.gmail]
        provider = "gmial"
        password = 12
        limits = ["500/24", 7]
        reserve = "many"
        connections = 0
        [accounts.other]
        provider = "smtp"
        port = 587
        hots = "x"
        tls = "startls"
        timezone = "Europe/Bukarest"
        """,
    )
    assert found["databse"].hint == 'did you mean "database"?'
    assert found["accounts.gmail.provider"].hint == 'did you mean "gmail"?'
    assert found["accounts.other.hots"].message == "unknown key"
    assert found["accounts.other.hots"].hint == 'did you mean "host"?'
    assert found["accounts.other.tls"].hint == 'did you mean "starttls"?'
    assert found["accounts.gmail.reserve"].message == "must be a whole number, not text"
    assert found["accounts.gmail.connections"].message == "must be at least 1"
    assert 'did you mean "Europe/Bucharest"' in found["accounts.other.timezone"].hint
    assert set(found) >= {
        *(
            "unsubscribe.base_url",
            "unsubscribe.mailto",
            "unsubscribe.secret",
            "lists.NEWS",
            "lists.news.list_id",
        ),
        *(
            "accounts.gmail.password",
            "accounts.gmail.limits[1]",
            "accounts.gmail.limits[2]",
            "accounts.other.host",
        ),
    }


def test_a_slip_in_the_syntax_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mailrunner\.toml: line 2, column"):
        project(tmp_path, 'database = "sqlite:///x.db"\n[accounts.gmail\n')


def test_a_file_that_is_not_utf_8_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "mailrunner.toml").write_bytes(b'# ok\nx = "\xe9"\n')
    with pytest.raises(UserError, match="line 2 is not UTF-8"):
        load_project(tmp_path, {})


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert project(tmp_path, "\ufeff" + GMAIL).account_names == ("gmail",)


@pytest.mark.parametrize("text", ['accounts = "gmail"', "[[accounts]]", "[accounts]\ngmail = 1"])
def test_accounts_that_are_no_tables_are_refused(tmp_path: Path, text: str) -> None:
    assert "[accounts.gmail]" in problems(tmp_path, text)["accounts"].message


@pytest.mark.parametrize(
    "url", ["data/x.db", "mysql://h/x", "postgres://h/x", "sqlite://", "sqlite:///:memory:"]
)
def test_a_ledger_that_could_not_keep_anything_is_refused(tmp_path: Path, url: str) -> None:
    assert "sqlite:///data/mailrunner.db" in problems(tmp_path, f'database = "{url}"')["database"].hint


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "https://a.example/x/"])
def test_web_addresses_are_https_or_on_this_machine(tmp_path: Path, url: str) -> None:
    assert project(tmp_path, f'[unsubscribe]\nbase_url = "{url}"').unsubscribe.base_url == url.rstrip("/")


def test_an_unknown_account_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='did you mean "gmail"') as caught:
        project(tmp_path, GMAIL).account("gmial")
    assert "no account" in str(caught.value)


# Secrets


def test_no_secret_is_shown_in_any_way(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        f"""
        database = "postgresql+psycopg://ana:{CANARY}%40db@h/x"
        [unsubscribe]
        secret = "${{S}}"
        [accounts.it]
        provider = "gmail"
        user = "ana@gmail.com"
        password = "{CANARY}"
        imap = {{ password = "{CANARY}i" }}
        """,
        {"S": f"{CANARY}s"},
    )
    for shown in (repr(found), str(found), repr(found.account("it")), repr(found.unsubscribe)):
        assert CANARY not in shown
    assert set(found.secrets()) == {CANARY, f"{CANARY}i", f"{CANARY}s", f"{CANARY}%40db", f"{CANARY}@db"}


@pytest.mark.parametrize(
    "text",
    [
        f'password = ["{CANARY}"]',
        f'user = 1\npassword = "{CANARY}"\npasword = "{CANARY}"',
        f'host = "h.example"\nport = 25\ntls = "none"\nuser = "u"\npassword = "{CANARY}"',
        f'imap = {{ password = 1, x = "{CANARY}" }}\npassword = "{CANARY}"',
    ],
)
def test_no_sentence_about_a_mistake_shows_a_secret(tmp_path: Path, text: str) -> None:
    ledger = f'database = "mysql://root:{CANARY}@h/x"\n'
    with pytest.raises(UserError) as caught:
        project(tmp_path, f'{ledger}[accounts.it]\nprovider = "smtp"\n{text}')
    assert len(caught.value.problems) > 1
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


# Schemas


@pytest.mark.parametrize("name", list(json_schemas.texts()))
def test_the_shipped_schema_is_that_of_the_tables(name: str) -> None:
    shipped = files("mailrunner").joinpath(f"data/{name}").read_text("utf-8")
    assert shipped == json_schemas.texts()[name], "stale; write it anew as mailrunner/json_schemas.py says"


@pytest.mark.parametrize("name", list(json_schemas.texts()))
def test_every_key_of_a_schema_is_described(name: str) -> None:
    schema = json.loads(json_schemas.texts()[name])
    tables = [schema, *schema["$defs"].values()]
    keys = [key for table in tables for key in table.get("properties", {}).values()]
    assert len(keys) > 10
    assert all(key.get("description") for key in keys)


def test_keys_are_written_as_in_toml() -> None:
    assert dotted(("accounts", "my relay", "limits", 0)) == 'accounts."my relay".limits[1]'


# Provider events

EVENTS = (
    """
[events.ses]
topics = ["arn:aws:sns:eu-west-1:123456789012:bounces"]
[events.mailgun]
secret = "key-canary-9f2c"
[events.postmark]
secret = "mailrunner:canary-9f2c"
[events.sendgrid]
public_key = """
    + f'"""-----BEGIN PUBLIC KEY-----\n{"MFkw" * 31}\n-----END PUBLIC KEY-----"""\n'
)


def test_events_are_read(tmp_path: Path) -> None:
    found = project(tmp_path, EVENTS).event_settings()

    assert sorted(found) == ["mailgun", "postmark", "sendgrid", "ses"]
    assert found["ses"].topics == ("arn:aws:sns:eu-west-1:123456789012:bounces",)
    assert found["mailgun"].signing_key is not None
    assert found["mailgun"].signing_key.get_secret_value() == f"key-{CANARY}"
    assert found["postmark"].login is not None
    assert found["postmark"].login.get_secret_value() == f"mailrunner:{CANARY}"
    assert found["sendgrid"].public_key == "MFkw" * 31


def test_secrets_of_events_are_never_shown(tmp_path: Path) -> None:
    found = project(tmp_path, EVENTS)

    assert CANARY not in repr(found) + repr(found.events)
    assert {f"key-{CANARY}", f"mailrunner:{CANARY}", CANARY} <= set(found.secrets())


@pytest.mark.parametrize(
    ("text", "key", "sentence"),
    [
        ("[events.mandrill]", "events.mandrill", "unknown key"),
        ("events = 5", "events", "must be a table"),
        ("[events]\nses = 5", "events.ses", "must be a table"),
        ("[events.ses]", "events.ses.topics", "missing"),
        ("[events.ses]\ntopics = []", "events.ses.topics", "names no topic"),
        ('[events.ses]\ntopics = ["bounces"]', "events.ses.topics[1]", '"bounces" is no SNS topic'),
        ('[events.mailgun]\nsecret = ""', "events.mailgun.secret", "empty"),
        (f'[events.postmark]\nsecret = "{CANARY}"', "events.postmark.secret", '"user:password"'),
        (f'[events.brevo]\nsecret = ":{CANARY}"', "events.brevo.secret", '"user:password"'),
        ("[events.sendgrid]", "events.sendgrid", "anybody could post events"),
        (f'[events.sendgrid]\npublic_key = "{CANARY}"', "events.sendgrid.public_key", "no public key"),
        (f'[events.brevo]\nsecret = "a:{CANARY}"\nkey = 1', "events.brevo.key", "unknown key"),
    ],
)
def test_what_is_wrong_with_events_is_told(tmp_path: Path, text: str, key: str, sentence: str) -> None:
    found = problems(tmp_path, text)

    assert sentence in str(found[key])
    assert not any(CANARY in str(problem) for problem in found.values())


def test_a_variable_of_events_that_is_not_set_holds_up_serve_alone(tmp_path: Path) -> None:
    found = project(
        tmp_path, GMAIL + '[events.brevo]\nsecret = "${BREVO}"\n[events.mailgun]\nsecret = "key"\n'
    )

    assert found.account("gmail").name == "gmail"
    with pytest.raises(UserError) as caught:
        found.event_settings()
    (problem,) = caught.value.problems
    assert (problem.file, problem.key) == ("mailrunner.toml", "events.brevo.secret")
    assert "BREVO is not set" in problem.message
