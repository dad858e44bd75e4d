"""`init` and `new`: projects that work at once, and that never cost anyone a file."""

from __future__ import annotations

import json
import os
import stat
import sys
import tomllib
from pathlib import Path

import pytest

from mailrunner.campaign import json_schemas
from mailrunner.cli.demo_project import example_sender
from mailrunner.config.project import load_project
from mailrunner.config.project_template import ProjectSender, hidden_files, placeholder, project_files, write
from mailrunner.config.providers import preset_names
from mailrunner.model.mailbox_address import MailboxAddress
from tests.support.projects import Project, on_terminal

ROOT = Path(__file__).parents[2]
on_unix = pytest.mark.skipif(sys.platform == "win32", reason="needs a Unix terminal and its file modes")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that `init` made, asking nothing."""
    fresh = Project(tmp_path / "club")
    assert fresh.mailrunner("init").code == 0
    return fresh


def test_a_new_project_passes_its_check_at_once(project: Project) -> None:
    answer = project.mailrunner("check", "newsletter")

    assert answer.code == 0, answer.stderr
    assert "gmail" in answer.stdout + answer.stderr


def test_init_takes_the_folder_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    answer = Project(tmp_path / "elsewhere").mailrunner("init", "here")

    assert answer.code == 0
    assert (tmp_path / "here" / "mailrunner.toml").is_file()
    assert "cd here" in answer.stderr


def test_init_says_what_it_made_and_what_to_do_next(tmp_path: Path) -> None:
    answer = Project(tmp_path).mailrunner("init")

    for word in ("campaigns/newsletter.toml", "GMAIL_APP_PASSWORD", "mailrunner check newsletter"):
        assert word in answer.stderr
    assert answer.stdout == ""


def test_both_files_are_full_of_comments(project: Project) -> None:
    for path in ("mailrunner.toml", "campaigns/newsletter.toml"):
        lines = (project.folder / path).read_text("utf-8").splitlines()
        assert sum("#" in line for line in lines) >= 8


def test_the_schema_lines_lead_to_the_schemas_of_this_version(project: Project) -> None:
    for path in ("mailrunner.toml", "campaigns/newsletter.toml"):
        file = project.folder / path
        first = file.read_text("utf-8").splitlines()[0]
        schema = file.parent / first.removeprefix("#:schema ")
        assert json.loads(schema.read_text("utf-8")) == json.loads(json_schemas.texts()[schema.name])


def test_what_was_there_before_is_kept_and_named(tmp_path: Path) -> None:
    project = Project(tmp_path)
    mine = {"mailrunner.toml": "# mine\n", "data/subscribers.csv": "email\nme@example.org\n", ".env": "X=1\n"}
    for path, text in mine.items():
        project.put(path, text)

    answer = project.mailrunner("init")

    assert answer.code == 0
    for path, text in mine.items():
        assert (tmp_path / path).read_text("utf-8") == text
        assert f"kept  {tmp_path / path}" in answer.stderr
    assert (tmp_path / "templates/newsletter.html").is_file()


def test_init_changes_nothing_when_it_is_called_again(project: Project) -> None:
    before = project.texts()

    assert project.mailrunner("init").code == 0

    assert project.texts() == before


def test_lines_that_an_old_gitignore_or_env_lacks_are_named(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.put(".gitignore", "*.pyc\n.env\n")
    project.put(".env", "OTHER=1\n")

    answer = project.mailrunner("init")

    assert f"Add to {tmp_path / '.gitignore'}: .mailrunner/ data/*.db" in answer.stderr
    assert f"Add to {tmp_path / '.env'}: GMAIL_APP_PASSWORD=" in answer.stderr


@on_unix
def test_secrets_can_be_read_by_their_owner_alone(project: Project) -> None:
    assert stat.S_IMODE((project.folder / ".env").stat().st_mode) == 0o600


def test_version_control_does_not_see_secrets_and_the_ledger(project: Project) -> None:
    ignored = (project.folder / ".gitignore").read_text("utf-8").splitlines()

    assert {".env", "data/*.db", ".mailrunner/"} <= set(ignored)


@pytest.mark.parametrize("name", preset_names())
def test_every_provider_makes_a_project_without_a_fault(tmp_path: Path, name: str) -> None:
    sender = placeholder(name)
    write(tmp_path, {**project_files(sender), **hidden_files(sender)})

    project = load_project(tmp_path, {})

    assert project.account(name).provider == name  # raises where a secret is not in .env


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("outlook", ["OUTLOOK_CLIENT_ID"]),
        ("microsoft365", ["MICROSOFT365_CLIENT_ID", "MICROSOFT365_TENANT"]),
    ],
)
def test_a_provider_without_passwords_begins_with_oauth_and_says_how(
    tmp_path: Path, name: str, variables: list[str]
) -> None:
    project = Project(tmp_path)

    answer = project.mailrunner("init", "--provider", name, "--address", "ana@club.org")

    assert answer.code == 0, answer.stderr
    assert "docs/login.md" in answer.stderr
    assert f"mailrunner login {name}" in answer.stderr
    account = tomllib.loads((tmp_path / "mailrunner.toml").read_text("utf-8"))["accounts"][name]
    assert (account["login"], "password" in account) == ("oauth", False)
    secrets = (tmp_path / ".env").read_text("utf-8").splitlines()
    assert [line for line in secrets if not line.startswith("#")] == [f"{v}=put-it-here" for v in variables]
    checked = project.mailrunner("check", "newsletter")
    assert checked.code == 0, checked.stderr
    assert "the client id of" in checked.stdout
    login = project.mailrunner("login", name)
    assert login.code == 78
    assert "still the example's" in login.stderr
    assert project.mailrunner("run", "newsletter").code == 78


def test_answers_stand_in_both_files(tmp_path: Path) -> None:
    project = Project(tmp_path)

    name = 'Pop, "Ana" \\ Co.'
    answer = project.mailrunner(
        "init", "--provider", "fastmail", "--address", "ana@example.org", "--name", name
    )

    assert answer.code == 0, answer.stderr
    account = tomllib.loads((tmp_path / "mailrunner.toml").read_text("utf-8"))["accounts"]["fastmail"]
    campaign = tomllib.loads((tmp_path / "campaigns/newsletter.toml").read_text("utf-8"))
    assert (account["provider"], account["user"], campaign["account"]) == (
        "fastmail",
        "ana@example.org",
        "fastmail",
    )
    assert MailboxAddress.parse(campaign["message"]["from"]) == MailboxAddress(name, "ana@example.org")
    assert project.mailrunner("check", "newsletter").code == 0


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--provider", "gmial", 'did you mean "gmail"?'),
        ("--address", "ana(at)example.org", "is not a valid address"),
        ("--name", "Ana\nBcc: eve@example.org", "a line break"),
    ],
)
def test_a_wrong_answer_makes_nothing(tmp_path: Path, option: str, value: str, sentence: str) -> None:
    answer = Project(tmp_path / "club").mailrunner("init", option, value)

    assert answer.code == 78
    assert sentence in answer.stderr
    assert not (tmp_path / "club").exists()


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "club").write_text("", encoding="utf-8")

    answer = Project(tmp_path / "club").mailrunner("init")

    assert answer.code == 78
    assert "is a file" in answer.stderr


@on_unix
def test_a_terminal_is_asked_and_asked_again_for_what_is_wrong(tmp_path: Path) -> None:
    typed = "smpt\nsmtp\nana\nana@example.org\nAna Pop\nmail.example.org:2500\n"

    answer = on_terminal("init", folder=tmp_path, typed=typed)

    assert answer.code == 0, answer.stderr
    account = tomllib.loads((tmp_path / "mailrunner.toml").read_text("utf-8"))["accounts"]["smtp"]
    assert (account["user"], account["host"], account["port"]) == (
        "ana@example.org",
        "mail.example.org",
        2500,
    )
    assert 'did you mean "smtp"?' in answer.stderr


def test_the_example_beside_the_program_is_what_init_writes() -> None:
    for path, content in project_files(example_sender()).items():
        assert (ROOT / path).read_bytes() == content, f"{path} differs: write it anew"


def test_the_example_list_has_every_kind_of_trouble() -> None:
    content = project_files(example_sender())["data/subscribers.csv"].decode()

    assert len(content.splitlines()) == 1 + 25
    for part in ("ș", "ß", "花子", "@grünwald.example", "Ana.Pop@Garden.example", "george.at.garden"):
        assert part in content


def test_a_loopback_server_needs_no_secret() -> None:
    sender = ProjectSender(provider="smtp", address="a@example.org", name="", host="127.0.0.1", port=2525)

    assert sender.secrets() == ()
    assert sender.mailbox == "a@example.org"


class TestNew:
    def test_begins_a_campaign_that_passes_its_check(self, project: Project) -> None:
        answer = project.mailrunner("new", "autumn")

        assert answer.code == 0, answer.stderr
        assert project.mailrunner("check", "autumn").code == 0

    def test_copies_a_campaign_with_templates_of_its_own(self, project: Project) -> None:
        old = (project.folder / "campaigns/newsletter.toml").read_text("utf-8")

        answer = project.mailrunner("new", "autumn", "--from", "newsletter")

        assert answer.code == 0, answer.stderr
        copy = (project.folder / "campaigns/autumn.toml").read_text("utf-8")
        assert copy == old.replace('"newsletter.html"', '"autumn.html"').replace(
            '"newsletter.txt"', '"autumn.txt"'
        )
        templates = project.folder / "templates"
        assert (templates / "autumn.html").read_bytes() == (templates / "newsletter.html").read_bytes()
        assert (templates / "autumn.txt").read_bytes() == (templates / "newsletter.txt").read_bytes()
        assert project.mailrunner("check", "autumn").code == 0

    def test_a_copy_does_not_keep_the_id(self, project: Project) -> None:
        file = project.folder / "campaigns/newsletter.toml"
        text = file.read_text("utf-8").replace('# id = "newsletter"   ', 'id = "spring"   ')
        file.write_text(text, encoding="utf-8")

        assert project.mailrunner("new", "autumn", "--from", "spring").code == 0

        copy = tomllib.loads((project.folder / "campaigns/autumn.toml").read_text("utf-8"))
        assert "id" not in copy

    def test_templates_in_folders_and_with_one_suffix_stay_apart(self, project: Project) -> None:
        file = project.folder / "campaigns/newsletter.toml"
        text = file.read_text("utf-8")
        text = text.replace('"newsletter.html"', "'old/letter.j2'").replace(
            '"newsletter.txt"', '"old/plain.j2"'
        )
        file.write_text(text, encoding="utf-8")
        project.put("templates/old/letter.j2", "rich")
        project.put("templates/old/plain.j2", "plain")

        assert project.mailrunner("new", "autumn", "--from", "newsletter").code == 0

        message = tomllib.loads((project.folder / "campaigns/autumn.toml").read_text("utf-8"))["message"]
        assert (message["html"], message["text"]) == ("old/autumn.j2", "old/autumn-text.j2")
        assert (project.folder / "templates/old/autumn-text.j2").read_text("utf-8") == "plain"

    def test_a_file_that_cannot_be_edited_is_not_half_copied(self, project: Project) -> None:
        project.put("campaigns/odd.toml", 'account = "gmail"\nmessage = { html = "newsletter.html" }\n')

        answer = project.mailrunner("new", "autumn", "--from", "odd")

        assert answer.code == 78
        assert "by hand" in answer.stderr
        assert not (project.folder / "campaigns/autumn.toml").exists()

    @pytest.mark.parametrize("name", ["newsletter", "news letter", "../escape", "", ".."])
    def test_refuses_names_that_are_taken_or_no_names(self, project: Project, name: str) -> None:
        before = project.texts()

        assert project.mailrunner("new", name).code == 78

        assert project.texts() == before

    def test_does_not_take_an_id_or_a_template_of_another(self, project: Project) -> None:
        project.put("campaigns/a.toml", 'id = "autumn"\n')
        project.put("templates/winter.html", "mine")

        assert project.mailrunner("new", "autumn").code == 78
        assert project.mailrunner("new", "winter").code == 78
        assert (project.folder / "templates/winter.html").read_text("utf-8") == "mine"
        assert not (project.folder / "campaigns/winter.toml").exists()

    def test_a_campaign_to_copy_that_does_not_exist_is_named(self, project: Project) -> None:
        answer = project.mailrunner("new", "autumn", "--from", "newsleter")

        assert answer.code == 78
        assert 'did you mean "newsletter"?' in answer.stderr


def test_files_are_written_whole_whatever_the_platform(tmp_path: Path) -> None:
    made, kept = write(tmp_path, {"a/b.txt": b"x\n\xff", ".env": b"A=1\n"})

    assert (made, kept) == (["a/b.txt", ".env"], [])
    assert (tmp_path / "a/b.txt").read_bytes() == b"x\n\xff"
    assert os.access(tmp_path / ".env", os.R_OK)


def test_a_project_is_made_from_djangos_settings_and_the_password_stays_where_it_is(tmp_path: Path) -> None:
    env = "EMAIL_HOST=mail.example.org\nEMAIL_PORT=587\nEMAIL_HOST_USER=ana@example.org\n"
    env += "EMAIL_HOST_PASSWORD=canary-5\n"
    project = Project(tmp_path)
    project.put(".env", env)
    answer = project.mailrunner("init", str(tmp_path), "--from-env", "--name", "Ana")
    assert answer.code == 0, answer.stderr
    text = (tmp_path / "mailrunner.toml").read_text("utf-8")
    assert 'host = "mail.example.org"' in text
    assert 'password = "${EMAIL_HOST_PASSWORD}"' in text
    assert (tmp_path / ".env").read_text("utf-8") == env
    for name, octets in project.texts().items():
        assert b"canary-5" not in octets or name == ".env"
    assert "canary-5" not in answer.stdout + answer.stderr
    assert project.mailrunner("check", "newsletter").code == 0
    assert project.mailrunner("init", str(tmp_path), "--from-env", "--provider", "gmail").code == 78
