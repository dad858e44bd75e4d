"""Campaign files: contradictions between keys, and the files they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailrunner.campaign import campaign_checks
from tests.support.campaign_toml import HEAD, MESSAGE, RECIPIENTS, SPRING, campaign_of, campaign_problems


def test_missing_tables_and_keys_are_all_named(folder: Path) -> None:
    assert set(campaign_problems(folder, "")) == {"account", "list", "message", "recipients"}
    assert set(campaign_problems(folder, HEAD + "[message]\n[recipients]\n")) == {
        *("message.from", "message.subject", "message.html", "recipients"),
    }


def test_a_files_name_that_cannot_be_an_id_asks_for_one(folder: Path) -> None:
    assert "id" in campaign_problems(folder, SPRING, "spring sale")["id"].message
    assert campaign_of(folder, 'id = "primăvara.2026"\n' + SPRING, "spring sale").id == "primăvara.2026"


def test_a_template_behind_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "secret.html").touch()
    (folder / "templates" / "spring.html").unlink()
    (folder / "templates" / "spring.html").symlink_to(folder / "secret.html")
    assert "lies outside" in campaign_problems(folder, SPRING)["message.html"].message


@pytest.mark.parametrize("path", ["/etc/hostname", "../x.pdf", "data/../../x.pdf", "data"])
def test_an_attachment_is_a_file_inside_the_project(folder: Path, path: str) -> None:
    text = HEAD + MESSAGE + f'attachments = ["{path}"]\n' + RECIPIENTS
    assert set(campaign_problems(folder, text)) == {"message.attachments[1]"}


def test_a_project_may_itself_stand_behind_a_link(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    link = tmp_path_factory.mktemp("links") / "project"
    link.symlink_to(folder)
    assert campaign_of(link, SPRING).id == "spring"


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
def test_recipients_come_from_one_source(folder: Path, recipients: str, keys: set[str]) -> None:
    assert set(campaign_problems(folder, f"{HEAD}{MESSAGE}[recipients]\n{recipients}\n")) == keys


@pytest.mark.parametrize(
    ("key", "name", "hint"),
    [
        ("html", "x.md", 'write markdown = "x.md"'),
        ("html", "x.mjml", 'write mjml = "x.mjml"'),
        ("markdown", "x.html", 'write html = "x.html"'),
        ("mjml", "x.md", 'write markdown = "x.md"'),
        ("html", "Brief.DOCX", "make a template of it: mailrunner import Brief.DOCX"),
        ("markdown", "x.zip", "make a template of it: mailrunner import x.zip"),
        ("text", "x.md", 'write markdown = "x.md"'),
    ],
)
def test_a_file_of_another_format_is_refused_with_the_key_that_it_needs(
    key: str, name: str, hint: str
) -> None:
    found = campaign_checks._wrong_format(key, name)
    assert found is not None and found.hint == hint and f"message.{key}" == found.key


def test_bodies_that_do_not_go_together_and_a_missing_subject_are_said() -> None:
    both = {"html": "a.html", "markdown": "a.md"}
    sentences = [p.message for p in campaign_checks._body_problems(both)]
    assert sentences == ['"html" and "markdown" do not go together']
    message = {"html": "a.html", "frame": "b.html"}
    assert [p.message for p in campaign_checks._body_problems(message)] == ["goes only with markdown"]
    assert [p.key for p in campaign_checks._subject_problems(message, None)] == ["message.subject"]
