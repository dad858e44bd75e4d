"""A canary for each secret, and failing set-ups by the dozen: nothing says or writes one."""

from __future__ import annotations

import sqlite3
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from string import Template
from typing import Any

import pytest

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.errors import Problem, UserError
from tests.support.campaigns import LETTER, CampaignInProcess, people
from tests.support.commands import CRASHED, said
from tests.support.project_toml import write_project
from tests.support.smtp_server import Rule, SmtpServer, reply


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one example of a property."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


CANARIES = {
    "password": "canary-Pw-4711/",
    "secret": "canary-Sign-4712",
    "database": "canary-Db-4713",
    "imap": "canary-Imap-4714",
    "crm": "canary-Crm-4715",
}
SOUND: dict[str, Any] = {
    "project": '[unsubscribe]\nbase_url = "https://news.example.org"\nsecret = "$secret"',
    "account": 'user = "ana"\npassword = "$password"\n'
    'imap = { host = "imap.example.org", port = 993, user = "ana", password = "$imap" }',
}
UNREACHABLE = "postgresql+psycopg://user:$database@127.0.0.1:1/news"
CRM = 'sql = "SELECT email, name FROM people"\ndatabase = '


def project_with(line: str) -> dict[str, str]:
    return {"project": f"{line}\n{SOUND['project']}"}


def account_with(line: str) -> dict[str, str]:
    return {"account": line}


SETUPS: dict[str, dict[str, str]] = {
    "sound": {},
    "a ledger out of reach": project_with(f'database = "{UNREACHABLE}"'),
    "a ledger in MySQL": project_with('database = "mysql://user:$database@127.0.0.1/x"'),
    "a ledger at a port of letters": project_with(
        'database = "postgresql+psycopg://u:$database@127.0.0.1:x/y"'
    ),
    "a ledger of an unknown driver": project_with(
        'database = "postgresql+nothing://u:$database@127.0.0.1/y"'
    ),
    "an @ in the ledger's password": project_with(
        'database = "postgresql+psycopg://u:p@$database@127.0.0.1:1/y"'
    ),
    "a secret in the ledger's query": project_with(
        f'database = "{UNREACHABLE}?password=$database&connect_timeout=x"'
    ),
    "a ledger that is a list": project_with('database = ["$database"]'),
    "a ledger that is no address": project_with('database = "$database"'),
    "an unknown key in the ledger's place": project_with('databse = "$database"'),
    "a secret in a list": {"project": '[unsubscribe]\nsecret = ["$secret"]'},
    "a secret under another name": {"project": '[unsubscribe]\nsecrets = "$secret"'},
    "a password in a list": account_with('user = "ana"\npassword = ["$password"]'),
    "a password in a table": account_with('user = "ana"\npassword = { x = "$password" }'),
    "a password under another name": account_with('user = "ana"\npasword = "$password"'),
    "a password without a user": account_with('password = "$password"'),
    "an imap that is text": account_with('user = "ana"\nimap = "$imap"'),
    "an imap without a host": account_with('user = "ana"\nimap = { password = "$imap" }'),
    "an imap password in a list": account_with('imap = { host = "x", port = 1, password = ["$imap"] }'),
    "a quotation mark too few": account_with('user = "ana"\npassword = "$password'),
    "quotation marks left out": account_with('user = "ana"\npassword = $password'),
    "a key given twice": account_with('password = "$password"\npassword = "$password"'),
    "no tls": account_with('user = "ana"\npassword = "$password"\nca_file = "nothing.pem"'),
    "a template of nobody's": {"letter": "{{ nobody }}{{ ''.__class__ }}"},
    "a row that fails": {"letter": LETTER.replace("Hello", "{% if name %}{{ nobody }}{% endif %}")},
    "an unknown key in a campaign": {"message": 'subjekt = "x"'},
    "people from a database out of reach": {"csv": f'{CRM}"postgresql+psycopg://u:$crm@127.0.0.1:1/x"'},
    "people from a database of no kind": {"csv": f'{CRM}"nothing://u:$crm@127.0.0.1/x"'},
    "people from no address": {"csv": f'{CRM}"$crm"'},
    "people from a port of letters": {"csv": f'{CRM}"postgresql+psycopg://u:$crm@127.0.0.1:x/y"'},
    "people from a list": {"csv": f'{CRM}["$crm"]'},
    "an @ in the people's password": {"csv": f'{CRM}"postgresql+psycopg://u:p@$crm@127.0.0.1:1/x"'},
}

COMMANDS = (
    ("check", "spring"),
    ("run", "spring", "--json", "--log-json", "events.jsonl"),
    ("run", "spring"),
    ("resume", "--json"),
    ("status", "--json"),
    ("quota",),
    ("preview", "spring", "--out", "preview"),
    ("send-test", "spring", "--to", "ana@example.org"),
    ("report", "spring", "--format", "csv", "--out", "report.csv"),
    ("report", "spring", "--format", "html", "--out", "report.html"),
)


def filled(parts: dict[str, str]) -> dict[str, Any]:
    return {key: Template(text).safe_substitute(CANARIES) for key, text in parts.items()}


def written(folder: Path) -> dict[str, bytes]:
    """All that a mailing has written: every file but the person's own, the ledger's link secrets apart."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(folder / "data" / "mailrunner.db")) as ledger:
        ledger.execute("UPDATE secrets SET value = ''")
        ledger.commit()
        ledger.execute("VACUUM")
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".toml")
    return {str(path): path.read_bytes() for path in files}


def leaks(mailing: CampaignInProcess, answers: dict[str, str]) -> list[str]:
    """Where one of the canaries is to be read."""
    told = {**{key: text.encode() for key, text in answers.items()}, **written(mailing.folder)}
    return [
        f"{key}: {name}" for key, text in told.items() for name, c in CANARIES.items() if c.encode() in text
    ]


@pytest.mark.usefixtures("impatient_visits")
@pytest.mark.parametrize("setup", SETUPS)
def test_no_secret_is_ever_said_or_written(tmp_path: Path, setup: str) -> None:
    parts = filled(SOUND | SETUPS[setup])
    source = parts.pop("csv", "")
    with SmtpServer(auth=("ana", CANARIES["password"])) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(2), **parts)
        if source:
            campaign = tmp_path / "campaigns" / "spring.toml"
            campaign.write_text(campaign.read_text().replace('csv = "data/people.csv"', source))
        answers = {" ".join(words): said(tmp_path, *words)[1] for words in COMMANDS}
    assert leaks(mailing, answers) == []
    assert not [key for key, text in answers.items() if CRASHED in text]


def test_secrets_of_the_environment_and_of_a_broken_env_file_are_not_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_ENVIRON", CANARIES["imap"])
    account = (
        'user = "ana"\npassword = "${PW}"\nimap = { host = "x y", port = 1, password = "${FROM_ENVIRON}" }'
    )
    with SmtpServer() as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(2), account=account)
        env = f"PW={CANARIES['password']}\n'{CANARIES['database']} = \n= {CANARIES['secret']}\n"
        (tmp_path / ".env").write_text(env)
        answers = {" ".join(words): said(tmp_path, *words)[1] for words in COMMANDS}
    (tmp_path / ".env").unlink()
    assert leaks(mailing, answers) == []


@pytest.mark.parametrize("stage", ["auth", "mail", "eod"])
def test_a_server_that_repeats_the_password_does_not_spread_it(tmp_path: Path, stage: str) -> None:
    echo = reply(535 if stage == "auth" else 550, f"5.7.8 no, {CANARIES['password']} is wrong")
    with SmtpServer(auth=("ana", CANARIES["password"]), rules=[Rule(stage, echo)]) as server:
        mailing = CampaignInProcess(tmp_path, server).write(csv=people(2), **filled(SOUND))
        answers = {" ".join(words): said(tmp_path, *words)[1] for words in COMMANDS}
    assert leaks(mailing, answers) == []


def test_a_problem_of_a_secret_does_not_carry_it() -> None:
    with scratch() as folder:
        write_project(
            folder,
            f'[unsubscribe]\nsecret = ["{CANARIES["secret"]}"]\n[accounts.a]\nprovider = "gmail"\n'
            f'user = "ana@gmail.com"\npassword = {{ x = "{CANARIES["password"]}" }}\n',
        )
        with pytest.raises(UserError) as caught:
            load_campaign(folder, "spring", {})
        trace = "".join(traceback.format_exception(caught.value))
        assert {type(problem) for problem in caught.value.problems} == {Problem}
        assert "canary" not in trace + repr(caught.value)
