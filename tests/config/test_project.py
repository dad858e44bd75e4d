"""mailrunner.toml: finding it, its defaults, all its problems at once, and that no secret is shown."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mailrunner.config.project import Unsubscribe, find_project
from mailrunner.errors import UserError
from tests.support.project_toml import CANARY, GMAIL, project_of, project_problems, write_project


def test_a_project_is_found_from_any_folder_below(tmp_path: Path) -> None:
    deep = tmp_path / "campaigns" / "2026"
    deep.mkdir(parents=True)
    write_project(tmp_path, "")
    assert find_project(deep, None) == tmp_path
    assert find_project(Path("/"), tmp_path) == tmp_path
    assert find_project(Path("/"), tmp_path / "mailrunner.toml") == tmp_path


def test_without_a_project_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    for start, explicit in ((tmp_path, None), (tmp_path, tmp_path / "elsewhere")):
        with pytest.raises(UserError, match="mailrunner init"):
            find_project(start, explicit)


def test_an_empty_file_is_a_project_with_a_ledger_beside_it(tmp_path: Path) -> None:
    found = project_of(tmp_path, "")
    assert found.database_url == f"sqlite:///{tmp_path}/data/mailrunner.db"
    assert (found.file, found.templates_dir) == (tmp_path / "mailrunner.toml", tmp_path / "templates")
    assert found.campaigns_dir == tmp_path / "campaigns"
    assert (found.account_names, found.lists, found.secrets()) == ((), {}, ())
    assert found.unsubscribe == Unsubscribe(base_url=None, mailto=None, secret=None)


def test_a_file_with_every_kind_of_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    found = project_of(
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


def test_all_mistakes_are_reported_together_with_key_and_hint(tmp_path: Path) -> None:
    found = project_problems(
        tmp_path,
        """
        databse = "x"
        [unsubscribe]
        base_url = "http://news.example.org"
        mailto = "no address"
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


@pytest.mark.parametrize("text", ['accounts = "gmail"', "[[accounts]]", "[accounts]\ngmail = 1"])
def test_accounts_that_are_no_tables_are_refused(tmp_path: Path, text: str) -> None:
    assert "[accounts.gmail]" in project_problems(tmp_path, text)["accounts"].message


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "https://a.example/x/"])
def test_web_addresses_are_https_or_on_this_machine(tmp_path: Path, url: str) -> None:
    assert project_of(tmp_path, f'[unsubscribe]\nbase_url = "{url}"').unsubscribe.base_url == url.rstrip("/")


def test_for_an_unknown_account_the_nearest_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='did you mean "gmail"') as caught:
        project_of(tmp_path, GMAIL).account("gmial")
    assert "no account" in str(caught.value)


def test_no_secret_is_shown_in_any_way(tmp_path: Path) -> None:
    found = project_of(
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
def test_no_error_shows_a_secret(tmp_path: Path, text: str) -> None:
    ledger = f'database = "mysql://root:{CANARY}@h/x"\n'
    with pytest.raises(UserError) as caught:
        project_of(tmp_path, f'{ledger}[accounts.it]\nprovider = "smtp"\n{text}')
    assert len(caught.value.problems) > 1
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
